//! Probes that somebody asks for: made now, outside the cadence, with everything told.
//!
//! They are as the ones of the cadence and count for nothing. So many at once and no more: whoever
//! asks for another is told.

use std::sync::Arc;

use poise_core::plan::Plan;
use poise_ipc::BackendPath;
use poise_ipc::health::ProbeAnswer;
use poise_ipc::model::{Address, CheckProtocol};
use tokio::task::JoinSet;

use super::prepared::Prepared;
use super::replay::replay;
use super::target::{Target, target};
use super::track::Detail;
use super::{attempt, tls};
use crate::report::{ASKED_MAX, ProbeAsked, Unasked};
use crate::source::source_of;

/// Where probes are asked for.
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// Those under way: dropping it ends them.
    tasks: JoinSet<()>,
}

impl Desk {
    /// Begins a probe, or says why not. Whoever asked may be gone.
    pub(super) fn take(&mut self, asked: ProbeAsked, plan: &Plan, tls: &tls::Published) {
        self.clear();
        let found = if self.tasks.len() < ASKED_MAX { find(plan, &asked.backend, tls) } else { Err(Unasked::Busy) };
        match found {
            Err(why) => (asked.answer)(Err(why)),
            Ok(target) => drop(self.tasks.spawn(async move {
                (asked.answer)(Ok(answer(&target).await));
            })),
        }
    }

    /// Forgets those that have ended.
    pub(super) fn clear(&mut self) {
        while self.tasks.try_join_next().is_some() {}
    }
}

fn find(plan: &Plan, path: &BackendPath, tls: &tls::Published) -> Result<Target, Unasked> {
    let group = plan.group(&path.group).ok_or(Unasked::Unknown)?;
    let backend = group.backends.iter().find(|backend| backend.name == path.backend).ok_or(Unasked::Unknown)?;
    if group.settings.health_check.protocol == CheckProtocol::Off {
        return Err(Unasked::Off);
    }
    Ok(target(group, &Arc::new(group.settings.health_check.clone()), backend, tls))
}

async fn answer(target: &Target) -> ProbeAnswer {
    let (verdict, trail) = attempt::probe(target, &Prepared::new(target), Detail::Ends).await;
    let to = target.leads.ip();
    let is_http = matches!(target.check.protocol, CheckProtocol::Http | CheckProtocol::Https);
    ProbeAnswer {
        address: target.address.clone(),
        peer: trail.peer.or(to.map(Address::Ip)),
        source: trail.source,
        protocol: target.check.protocol,
        verdict,
        latency_us: trail.latency_us,
        phases: trail.phases,
        exchange: trail.exchange,
        replay: replay(target),
        way: to.and_then(|to| source_of(to.ip()).ok()),
        expect: if is_http { target.check.expect.clone() } else { Vec::new() },
    }
}
