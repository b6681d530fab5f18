//! The sweep wakes those whose time has come, once, and gives its memory back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use super::*;

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn listen(sweep: &Sweep, slot: usize) -> Arc<Woken> {
    let woken = Arc::new(Woken::default());
    sweep.listen(slot, &Context::from_waker(&Waker::from(Arc::clone(&woken))));
    woken
}

#[test]
fn only_those_whose_deadline_has_passed_are_woken_and_only_once() {
    let sweep = Sweep::default();
    let slots: Vec<_> = [100, 200, 300].into_iter().map(|due_ms| sweep.take(due_ms)).collect();
    let woken: Vec<_> = slots.iter().map(|slot| listen(&sweep, *slot)).collect();
    let counts = || woken.iter().map(|w| w.0.load(Ordering::Relaxed)).collect::<Vec<_>>();
    sweep.wake_due(99);
    assert_eq!(counts(), [0, 0, 0]);
    sweep.set(slots[0], 1_000);
    sweep.wake_due(200);
    sweep.wake_due(201);
    assert_eq!(counts(), [0, 1, 0]);
    sweep.wake_all();
    assert_eq!(counts(), [1, 1, 1]);
}

#[test]
fn a_slot_given_back_is_taken_again_and_the_last_one_frees_the_memory() {
    let sweep = Sweep::default();
    let (first, second) = (sweep.take(1), sweep.take(2));
    sweep.give(first);
    assert_eq!(sweep.take(3), first);
    assert_eq!(sweep.due_ms(first), 3);
    sweep.give(first);
    sweep.give(second);
    assert!(sweep.is_empty());
}
