//! A small world for tests: a configuration with everything that a plan is compiled from.
//!
//! Group `app` behind listeners `web` (http) and `raw` (tcp); tests edit, flip and compile.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use poise_ipc::model::{Backend, Group, Listener, Protocol, Scheduler};
use poise_ipc::status::Health;
use poise_ipc::{BackendPath, Config, Name};

use crate::health::Standing;
use crate::plan::{BackendId, BackendPlan, Choice, Compile, GroupPlan, Identities, Plan, compile};
use crate::token::TokenKey;

/// What a plan is compiled from, and the plan in force.
pub(crate) struct World {
    pub(crate) config: Config,
    pub(crate) identities: Identities,
    pub(crate) standings: HashMap<BackendId, Standing>,
    pub(crate) ramps: HashMap<BackendId, u16>,
    pub(crate) plan: Plan,
}

/// Whose connections they are where it does not matter.
pub(crate) const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 8, 7));

/// A name that is known to be one.
pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("tests use valid names")
}

/// An address on the loopback.
pub(crate) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

impl World {
    /// Group `app` with backends `b0`, `b1`, ... of these weights.
    pub(crate) fn new(scheduler: Scheduler, weights: &[u16]) -> Self {
        let backends = (0..)
            .zip(weights)
            .map(|(n, &weight)| (name(&format!("b{n}")), Backend { weight, ..Backend::new(loopback(8_000 + n)) }));
        let group = Group { scheduler, backends: backends.collect(), ..Group::default() };
        let listener = |port, protocol| Listener::new(loopback(port), protocol, name("app"));
        let config = Config {
            listeners: [(name("web"), listener(80, Protocol::Http)), (name("raw"), listener(81, Protocol::Tcp))].into(),
            groups: [(name("app"), group)].into(),
            ..Config::default()
        };
        let (identities, standings, ramps) = (Identities::default(), HashMap::new(), HashMap::new());
        let mut world = Self { config, identities, standings, ramps, plan: Plan::default() };
        world.compile();
        world
    }

    /// Compiles and publishes; returns the plan before.
    pub(crate) fn compile(&mut self) -> Plan {
        self.identities = self.identities.follow(&self.config);
        let key = TokenKey::new([7; 16]);
        let input = Compile {
            config: &self.config,
            identities: &self.identities,
            standings: &self.standings,
            resolved: &HashMap::new(),
            ramps: &self.ramps,
            tls: &std::collections::BTreeMap::new(),
            revision: self.plan.revision + 1,
            workers: 2,
            key: &key,
        };
        let plan = compile(&input, Some(&self.plan));
        plan.enforce();
        let before = std::mem::replace(&mut self.plan, plan);
        self.plan.offer();
        before
    }

    /// Edits group `app` and compiles; returns the plan before.
    pub(crate) fn edit(&mut self, edit: impl FnOnce(&mut Group)) -> Plan {
        edit(self.config.groups.get_mut("app").expect("the group is never removed"));
        self.compile()
    }

    /// Edits a backend of `app` and compiles; returns the plan before.
    pub(crate) fn edit_backend(&mut self, backend: &str, edit: impl FnOnce(&mut Backend)) -> Plan {
        self.edit(|group| edit(group.backends.get_mut(backend).expect("tests edit what is there")))
    }

    /// Gives a backend of `app` another health and compiles; returns the plan before.
    pub(crate) fn flip(&mut self, backend: &str, health: Health) -> Plan {
        self.stand(backend, health.into())
    }

    /// Lets something else be known of a backend of `app` and compiles; returns the plan before.
    pub(crate) fn stand(&mut self, backend: &str, standing: Standing) -> Plan {
        self.standings.insert(self.id(backend), standing);
        self.compile()
    }

    /// Identity of a backend of `app`.
    pub(crate) fn id(&self, backend: &str) -> BackendId {
        self.identities.backends[&BackendPath::new(name("app"), name(backend))]
    }

    /// Group `app` of the plan in force.
    pub(crate) fn app(&self) -> &Arc<GroupPlan> {
        app(&self.plan)
    }

    /// A backend of `app` in the plan in force.
    pub(crate) fn backend(&self, backend: &str) -> &Arc<BackendPlan> {
        self.app().backend(self.id(backend)).expect("tests look at what is there")
    }

    /// The names that so many choices give.
    pub(crate) fn chosen(&self, count: usize) -> Vec<&str> {
        (0..count).map(|_| chosen(self.app().choose(CLIENT))).collect()
    }
}

/// Group `app` of a plan.
pub(crate) fn app(plan: &Plan) -> &Arc<GroupPlan> {
    plan.group(&name("app")).expect("the group is never removed")
}

/// The name of a choice, or the word of its cause.
pub(crate) fn chosen(choice: Choice<'_>) -> &str {
    match choice {
        Choice::Backend(backend) => backend.name.as_str(),
        Choice::NoneEligible(cause) => cause.word(),
    }
}
