//! Clients of a source table that come, stay away and flood, against a naive map.

use std::collections::HashMap;
use std::net::IpAddr;

use super::random::Random;
use crate::persistence::{SourceRule, SourceTable};
use crate::plan::BackendId;
use crate::token::TokenKey;

/// Small enough to fill.
const ENTRIES_MAX: usize = 64;

/// What a client was last bound to.
struct Bound {
    backend: BackendId,
    used_ms: u64,
    /// The shortest timeout since then: an entry may be gone once it was past that.
    timeout_ms: u32,
}

fn rule(timeout_ms: u32) -> SourceRule {
    SourceRule { timeout_ms, prefix_v4: 32, prefix_v6: 64 }
}

/// One run of so many steps.
pub(super) fn run(seed: u64, steps: usize) {
    let mut random = Random::new(seed);
    let mut table = SourceTable::bounded(rule(5_000), &TokenKey::new(u128::from(seed).to_le_bytes()), ENTRIES_MAX);
    let mut naive: HashMap<IpAddr, Bound> = HashMap::new();
    let (mut now_ms, mut bound) = (0, 0);
    for _ in 0..steps {
        now_ms += u64::from(random.below(300));
        if random.percent(2) {
            table = table.with_rule(rule(1_000 * (1 + random.below(9))));
            for entry in naive.values_mut() {
                entry.timeout_ms = entry.timeout_ms.min(table.rule().timeout_ms);
            }
        }
        let crowd = random.of(&[8, 40, 400]);
        let [high, low, ..] = random.below(crowd).to_le_bytes();
        let client = IpAddr::from([10, 0, low, high]);
        look(&table, &mut naive, client, now_ms);
        if random.percent(60) {
            let backend = BackendId(u64::from(random.below(5)));
            table.bind(client, backend, now_ms);
            naive.insert(client, Bound { backend, used_ms: now_ms, timeout_ms: table.rule().timeout_ms });
            bound += 1;
        }
        assert!(table.len() <= ENTRIES_MAX && table.totals().evicted_total <= bound);
    }
}

/// What the table says of a client must be what it was bound to, and only time or a full shard,
/// which is counted, may make it forget.
fn look(table: &SourceTable, naive: &mut HashMap<IpAddr, Bound>, client: IpAddr, now_ms: u64) {
    match (table.get(client, now_ms), naive.get_mut(&client)) {
        (Some(found), Some(entry)) => {
            assert!(found == entry.backend && now_ms - entry.used_ms <= u64::from(table.rule().timeout_ms));
            (entry.used_ms, entry.timeout_ms) = (now_ms, table.rule().timeout_ms);
        }
        (Some(found), None) => panic!("{client} never had {found:?}"),
        (None, Some(entry)) => {
            assert!(now_ms - entry.used_ms > u64::from(entry.timeout_ms) || table.totals().evicted_total > 0);
        }
        (None, None) => {}
    }
}
