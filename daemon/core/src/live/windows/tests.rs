//! Windows in virtual time, against a list of everything that happened.

use proptest::prelude::*;

use super::*;
use crate::live::Latency;

/// A latency that is counted exactly: buckets below 16 µs hold one value.
const SLOW_US: u64 = 9;

struct Rig {
    latency: Latency,
    last: LatencySnapshot,
    windows: Windows,
}

impl Rig {
    fn new() -> Self {
        let mut rig =
            Self { latency: Latency::default(), last: LatencySnapshot::default(), windows: Windows::default() };
        rig.turn();
        rig
    }

    fn recent(&self) -> LatencySnapshot {
        LatencySnapshot::of(std::iter::once(&self.latency)).since(&self.last)
    }

    fn turn(&mut self) {
        self.windows.turn(&self.recent());
        self.last = LatencySnapshot::of(std::iter::once(&self.latency));
    }

    fn counts(&self) -> [u64; 3] {
        let LatencyWindows { seconds_10, minute_1, minutes_10 } = self.windows.quantiles(&self.recent());
        [seconds_10.count, minute_1.count, minutes_10.count]
    }
}

#[test]
fn a_request_leaves_each_window_when_its_time_is_over() {
    let mut rig = Rig::new();
    rig.latency.record(SLOW_US);
    assert_eq!(rig.counts(), [1, 1, 1], "at once");
    let mut left = [None; 3];
    for turn in 1..400 {
        rig.turn();
        for (left, count) in left.iter_mut().zip(rig.counts()) {
            if count == 0 && left.is_none() {
                *left = Some(turn * STEP_MS / 1_000);
            }
        }
    }
    // A window spans its time and at most one of its slots more.
    let [ten, minute, ten_minutes] = left.map(|left| left.expect("it leaves"));
    assert!((10..=12).contains(&ten), "{ten}");
    assert!((60..=72).contains(&minute), "{minute}");
    assert!((600..=672).contains(&ten_minutes), "{ten_minutes}");
}

#[test]
fn quantiles_are_those_of_the_window() {
    let mut rig = Rig::new();
    (0..900).for_each(|_| rig.latency.record(SLOW_US));
    (0..6).for_each(|_| rig.turn());
    (1..=10).for_each(|us| rig.latency.record(us));
    let windows = rig.windows.quantiles(&rig.recent());
    let recent = windows.seconds_10;
    assert_eq!((recent.count, recent.p50_us, recent.p90_us, recent.p99_us, recent.max_us), (10, 5, 9, 10, 10));
    assert_eq!((windows.minute_1.count, windows.minute_1.p50_us, windows.minute_1.max_us), (910, SLOW_US, 10));
}

#[test]
fn what_saw_no_traffic_holds_no_slots_worth_of_memory() {
    let mut rig = Rig::new();
    (0..1_000).for_each(|_| rig.turn());
    assert_eq!(rig.windows.rows.iter().map(VecDeque::len).collect::<Vec<_>>(), SLOTS);
    assert!(rig.windows.rows.iter().flatten().all(|slot| slot.is_empty()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_request_is_counted_twice_or_lost(rounds in prop::collection::vec(0_u64..4, 1..420)) {
        let mut rig = Rig::new();
        for (at, &requests) in rounds.iter().enumerate() {
            (0..requests).for_each(|_| rig.latency.record(SLOW_US));
            let of_last = |turns: usize| rounds[(at + 1).saturating_sub(turns)..=at].iter().sum::<u64>();
            for (counted, (least, most)) in rig.counts().into_iter().zip([(5, 6), (30, 36), (300, 336)]) {
                prop_assert!((of_last(least)..=of_last(most)).contains(&counted), "{at}: {counted}");
            }
            rig.turn();
        }
    }
}
