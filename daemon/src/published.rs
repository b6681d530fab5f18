//! The published plan: what control writes and everybody else reads.
//!
//! One of the three things through which control meets the data path and the probes (the others
//! are the live counters inside the plan and bounded channels). Readers load the plan without a
//! lock; those that must react to a new plan watch its generation. It does not decide what a plan
//! holds.

use std::sync::Arc;

use arc_swap::ArcSwap;
use poise_core::plan::Plan;
use tokio::sync::watch;

/// The plan in force, as readers hold it.
pub type Published = Arc<ArcSwap<Plan>>;

/// The one who replaces the plan.
// Not Clone: there is one writer.
#[derive(Debug)]
pub struct Publisher {
    plan: Published,
    generation: watch::Sender<u64>,
}

impl Publisher {
    /// Publishes the empty plan of generation 0.
    pub fn new() -> Self {
        Self { plan: Arc::new(ArcSwap::from_pointee(Plan::default())), generation: watch::Sender::new(0) }
    }

    /// The plan, for a reader.
    pub fn published(&self) -> Published {
        Arc::clone(&self.plan)
    }

    /// The generation of the plan in force, for those that must react to a new one. It changes
    /// after the plan, so a reader that is woken loads at least that plan.
    pub fn generation(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// Replaces the plan, with the limits that hold from now on, and wakes the watchers and those
    /// who wait for a backend.
    pub fn publish(&self, plan: Plan) {
        let generation = plan.generation;
        let plan = Arc::new(plan);
        plan.enforce();
        self.plan.store(Arc::clone(&plan));
        self.generation.send_replace(generation);
        plan.offer();
    }
}

impl Default for Publisher {
    fn default() -> Self {
        Self::new()
    }
}
