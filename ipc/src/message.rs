//! Messages of the control protocol: requests in `request`, answers in `reply`, events in `event`.
//!
//! The same types travel as bincode frames and as JSON lines (`frame`). Variants and fields are
//! only ever appended; fields that JSON may leave out have a default.

mod audit;
mod event;
mod explain;
mod filter;
mod layer;
mod lifecycle;
mod news;
mod plan;
mod reply;
mod request;
mod trip;
mod verbs;
mod window;

pub use audit::{AUDIT_MAX, AUDIT_TEXT_MAX, AuditOutcome, AuditQuery, AuditRow};
pub use event::{
    BackendMoved, CertificateEvent, CertificateNews, Counters, Drained, Ejected, Event, EventBody, Flapping,
    GroupMoved, ListenerMoved, RouteMoved, Transition,
};
pub use explain::{BALANCE_WINDOW_MS, BackendBalance, BalanceAnswer, BalanceCause, BalanceQuery, Imbalance};
pub use layer::{
    ENDED_MAX, LAYER_MS, LAYERS_MAX, LEASE_VALUES_MAX, LayerAct, LayerEnd, LayerEnded, LayerNews, LayerQuery,
    LayerStatus, LayerValue, LeaseQuery, RAMP_STEP_MS_MIN, RampQuery, RampStatus,
};
pub use lifecycle::{Shutdown, Stopping, Upgrade, Upgraded};
pub use plan::{
    Aftermath, BackendForecast, BackendSeen, Fate, Forecast, GroupForecast, GroupOutlook, GroupSeen, ListenerChange,
    ListenerForecast, PlanQuery, Planned,
};
pub use reply::{Applied, Author, Commit, Drifted, ErrorCode, ErrorReply, Reply, ServerMessage, Welcome};
pub use request::{
    Apply, Decision, LogFilter, LogLevel, LogQuery, Outcome, Replace, Request, Role, Subscribe, Take, Topic, Verb,
};
pub use trip::{Limit, TRIP_SAMPLES_MIN, TRIP_WINDOW_MS, TRIPS_MAX, Trip, TripError};
pub use verbs::{VERBS, VerbFacts, document as roles_document};
pub use window::{CONFIRM_WITHIN_MS, WindowAct, WindowEvent, WindowNews, WindowQuery, WindowStatus, WindowWish};
