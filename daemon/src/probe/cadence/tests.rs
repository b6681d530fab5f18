//! Probes are spread, repeatable, and on time on average.

use proptest::prelude::*;

use super::*;

#[test]
fn the_first_probes_of_many_backends_are_spread_evenly_over_the_interval() {
    let interval = Duration::from_secs(2);
    let mut tenths = [0_u32; 10];
    for backend in 0..1_000 {
        let phase = Cadence::new(7, backend).phase(interval);
        tenths[usize::try_from(phase.as_millis() / 200).expect("below ten")] += 1;
    }
    assert!(tenths.iter().all(|n| (60..140).contains(n)), "{tenths:?}");
}

#[test]
fn the_same_seed_gives_the_same_cadence_and_another_seed_another() {
    let waits = |seed| {
        let mut cadence = Cadence::new(seed, 3);
        let first = cadence.phase(Duration::from_secs(2));
        (first, [(); 5].map(|()| cadence.next(Duration::from_secs(2))))
    };
    assert_eq!(waits(1), waits(1));
    assert_ne!(waits(1), waits(2));
}

#[test]
fn the_mean_of_many_intervals_is_the_interval() {
    let mut cadence = Cadence::new(1, 1);
    let sum: Duration = (0..10_000).map(|_| cadence.next(Duration::from_millis(100))).sum();
    assert!((99_500..100_500).contains(&(sum / 10_000).as_micros()), "{sum:?}");
}

proptest! {
    #[test]
    fn no_wait_is_off_by_more_than_a_twentieth(seed: u64, backend: u64, interval_ms in 100_u64..=3_600_000) {
        let interval = Duration::from_millis(interval_ms);
        let mut cadence = Cadence::new(seed, backend);
        prop_assert!(cadence.phase(interval) < interval.min(SPREAD_MAX));
        let wait = cadence.next(interval);
        prop_assert!(wait >= interval * 95 / 100 && wait <= interval * 105 / 100, "{wait:?} of {interval:?}");
    }
}

#[test]
fn a_thousand_probes_do_not_thunder_at_the_start_nor_after_an_edit() {
    let interval = Duration::from_secs(1);
    let most_within_ten_ms = |wait: fn(&Cadence, Duration) -> Duration| {
        let mut slots = [0_u32; 100];
        for backend in 0..1_000 {
            let at = wait(&Cadence::new(11, backend), interval).as_millis() / 10;
            slots[usize::try_from(at).expect("within the interval")] += 1;
        }
        slots.into_iter().max()
    };
    // Ten on average; a Poisson count exceeds 25 once in 100,000.
    assert!(most_within_ten_ms(Cadence::phase) <= Some(25));
    assert!(most_within_ten_ms(Cadence::after_edit) <= Some(25));
}

#[test]
fn a_round_whose_interval_changes_keeps_its_place() {
    let mut cadence = Cadence::new(3, 4);
    let (second, minute) = (Duration::from_secs(1), Duration::from_mins(1));
    let wait = cadence.next(second);
    assert_eq!(cadence.again(second), wait);
    assert_eq!(cadence.again(minute).as_secs(), (wait * 60).as_secs());
}
