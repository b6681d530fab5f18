//! What an operator expects of edits, confirm windows, leases, ramps, undos and restarts, written down
//! once more: by maps of values and a list of events, without any code of the product.

use std::collections::BTreeMap;

/// Time between two looks of the daemon that a test lets it have.
pub(super) const TICK_MS: u64 = 500;

/// Values by backend and key; a backend is there when it has a weight.
pub(super) type Values = BTreeMap<(char, &'static str), String>;

#[derive(Clone, Debug)]
struct Lease {
    backend: char,
    key: &'static str,
    value: String,
    until_ms: u64,
}

#[derive(Clone, Debug)]
struct Climb {
    backend: char,
    from: i64,
    to: i64,
    over_ms: u64,
    steps: u64,
    /// Time on the way so far, and since when it goes on.
    gone_ms: u64,
    since_ms: Option<u64>,
}

#[derive(Clone, Debug)]
enum Layer {
    Lease(Lease),
    Climb(Climb),
}

#[derive(Clone, Debug)]
struct Window {
    before: Values,
    deadline_ms: u64,
}

/// The whole of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Reference {
    pub(super) now_ms: u64,
    pub(super) revision: u64,
    pub(super) configured: Values,
    /// What was configured before each revision.
    before: BTreeMap<u64, Values>,
    layers: BTreeMap<u64, Layer>,
    last_layer: u64,
    window: Option<Window>,
}

impl Climb {
    fn gone(&self, now_ms: u64) -> u64 {
        let running = self.since_ms.map_or(0, |since_ms| now_ms - since_ms);
        (self.gone_ms + running).min(self.over_ms)
    }

    fn weight(&self, now_ms: u64) -> i64 {
        let step = self.gone(now_ms) * self.steps / self.over_ms;
        self.from + (self.to - self.from) * step.cast_signed() / self.steps.cast_signed()
    }

    fn is_there(&self, now_ms: u64) -> bool {
        self.gone(now_ms) >= self.over_ms
    }
}

impl Reference {
    pub(super) fn new(configured: Values) -> Self {
        Self { revision: 1, configured, ..Self::default() }
    }

    pub(super) fn has(&self, backend: char) -> bool {
        self.configured.contains_key(&(backend, "weight"))
    }

    pub(super) fn window_is_open(&self) -> bool {
        self.window.is_some()
    }

    pub(super) fn layer_ids(&self) -> Vec<u64> {
        self.layers.keys().copied().collect()
    }

    /// What is in force.
    pub(super) fn in_force(&self) -> Values {
        let mut values = self.configured.clone();
        for layer in self.layers.values() {
            let (backend, key, value) = match layer {
                Layer::Lease(lease) => (lease.backend, lease.key, lease.value.clone()),
                Layer::Climb(climb) => (climb.backend, "weight", climb.weight(self.now_ms).to_string()),
            };
            if self.has(backend) {
                values.insert((backend, key), value);
            }
        }
        values
    }

    /// A commit that leads to these values; whether it is allowed.
    pub(super) fn commit(&mut self, to: Values, expected: Option<u64>, within_ms: Option<u64>, join: bool) -> bool {
        let allowed = expected.is_none_or(|expected| expected == self.revision) && join == self.window.is_some();
        if !allowed || to == self.configured {
            return allowed;
        }
        let before = std::mem::replace(&mut self.configured, to);
        self.revision += 1;
        self.before.insert(self.revision, before.clone());
        if let Some(within_ms) = within_ms {
            let deadline_ms = self.now_ms + within_ms;
            match &mut self.window {
                Some(window) => window.deadline_ms = deadline_ms,
                None => self.window = Some(Window { before, deadline_ms }),
            }
        }
        true
    }

    /// What was configured before the last commit.
    pub(super) fn undone(&self) -> Option<Values> {
        self.before.get(&self.revision).cloned()
    }

    fn back(&mut self) {
        let Some(window) = self.window.take() else { return };
        let before = std::mem::replace(&mut self.configured, window.before);
        self.revision += 1;
        self.before.insert(self.revision, before);
    }

    pub(super) fn take_back(&mut self) -> bool {
        let open = self.window.is_some();
        self.back();
        open
    }

    pub(super) fn confirm(&mut self) -> bool {
        self.window.take().is_some()
    }

    pub(super) fn extend_window(&mut self, for_ms: u64) -> bool {
        let now_ms = self.now_ms;
        self.window.as_mut().map(|window| window.deadline_ms = now_ms + for_ms).is_some()
    }

    pub(super) fn lease(&mut self, backend: char, key: &'static str, value: String, for_ms: u64) -> bool {
        if !self.has(backend) {
            return false;
        }
        self.begin(Layer::Lease(Lease { backend, key, value, until_ms: self.now_ms + for_ms }))
    }

    pub(super) fn climb(&mut self, backend: char, from: u16, to: u16, over_ms: u64) -> bool {
        let climbs = self.layers.values().any(|layer| matches!(layer, Layer::Climb(climb) if climb.backend == backend));
        if climbs || !self.has(backend) {
            return false;
        }
        let steps = u64::from(from.abs_diff(to)).clamp(1, over_ms / 1_000);
        let (from, to) = (i64::from(from), i64::from(to));
        self.begin(Layer::Climb(Climb { backend, from, to, over_ms, steps, gone_ms: 0, since_ms: Some(self.now_ms) }))
    }

    fn begin(&mut self, layer: Layer) -> bool {
        self.last_layer += 1;
        self.layers.insert(self.last_layer, layer);
        true
    }

    pub(super) fn cancel(&mut self, id: u64) -> bool {
        self.layers.remove(&id).is_some()
    }

    pub(super) fn extend(&mut self, id: u64, for_ms: u64) -> bool {
        match self.layers.get_mut(&id) {
            Some(Layer::Lease(lease)) => {
                lease.until_ms = self.now_ms + for_ms;
                true
            }
            _ => false,
        }
    }

    pub(super) fn hold(&mut self, id: u64) -> bool {
        let now_ms = self.now_ms;
        match self.layers.get_mut(&id) {
            Some(Layer::Climb(climb)) => {
                (climb.gone_ms, climb.since_ms) = (climb.gone(now_ms), None);
                true
            }
            _ => false,
        }
    }

    pub(super) fn resume(&mut self, id: u64) -> bool {
        match self.layers.get_mut(&id) {
            Some(Layer::Climb(climb)) => {
                climb.since_ms.get_or_insert(self.now_ms);
                true
            }
            _ => false,
        }
    }

    /// Time passes by one look of the daemon.
    pub(super) fn tick(&mut self) {
        self.now_ms += TICK_MS;
        self.look(false);
    }

    /// The daemon ends and starts again after so long.
    pub(super) fn restart(&mut self, after_ms: u64) {
        self.now_ms += after_ms;
        let is_over = self.window.as_ref().is_some_and(|window| window.deadline_ms <= self.now_ms);
        if is_over {
            self.back();
        }
        self.look(is_over);
    }

    /// What time brings about at one look. Whoever has a commit under way configures nothing else.
    fn look(&mut self, mut busy: bool) {
        let now_ms = self.now_ms;
        let waits = self.window.is_some();
        // Layers go by what is there when the look begins: what a window takes with it, the next look sees.
        let configured = self.configured.clone();
        if self.window.as_ref().is_some_and(|window| window.deadline_ms <= now_ms) {
            self.back();
            busy = true;
        }
        self.layers.retain(|_, layer| match layer {
            Layer::Lease(lease) => lease.until_ms > now_ms,
            Layer::Climb(climb) => !climb.is_there(now_ms) || configured.contains_key(&(climb.backend, "weight")),
        });
        if waits || busy {
            return;
        }
        let arrived = self.layers.iter().find_map(|(&id, layer)| match layer {
            Layer::Climb(climb) if climb.is_there(now_ms) => Some((id, climb.clone())),
            _ => None,
        });
        let Some((id, climb)) = arrived else { return };
        self.layers.remove(&id);
        let mut to = self.configured.clone();
        to.insert((climb.backend, "weight"), climb.to.to_string());
        self.commit(to, None, None, false);
    }
}
