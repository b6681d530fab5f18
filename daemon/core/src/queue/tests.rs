//! Limits hold exactly, who waits is served in order, and no slot is lost.

use std::sync::atomic::AtomicU32;
use std::task::Wake;
use std::thread::Thread;

use poise_ipc::model::{AdminState, Count, Scheduler};
use poise_ipc::status::Health;

use super::*;
use crate::plan::GroupPlan;
use crate::simulation::{CLIENT, World};

/// A world whose backends take so many connections each.
fn world(weights: &[u16], max: u32) -> World {
    let mut world = World::new(Scheduler::Wrr, weights);
    for at in 0..weights.len() {
        limit(&mut world, &format!("b{at}"), max);
    }
    world
}

fn limit(world: &mut World, backend: &str, max: u32) {
    world.edit_backend(backend, |backend| backend.max_connections = Some(Count(max)));
}

fn begin(world: &World) -> Option<Inflight> {
    match world.app().start(CLIENT, &[]) {
        Start::Begun(_, slot) => Some(slot),
        Start::Full => None,
        Start::NoneEligible(cause) => panic!("{cause}"),
    }
}

fn join(world: &World, wants: Option<&str>) -> Ticket {
    let ticket = world.app().queue.join(wants.map(|name| world.id(name)), 100, 0).expect("there is place");
    world.app().offer();
    ticket
}

fn granted(ticket: &Ticket) -> Option<Inflight> {
    match ticket.poll(&Context::from_waker(Waker::noop())) {
        Poll::Ready(slot) => Some(slot),
        Poll::Pending => None,
    }
}

#[test]
fn a_full_backend_is_passed_over_while_others_have_room() {
    let mut world = World::new(Scheduler::Wrr, &[100, 100, 100]);
    limit(&mut world, "b1", 2);
    let slots: Vec<_> = (0..30).map(|_| begin(&world).expect("others have room")).collect();
    let of = |name: &str| slots.iter().filter(|slot| slot.backend() == world.id(name)).count();
    assert_eq!((of("b1"), of("b0") + of("b2")), (2, 28));
    assert!(of("b0").abs_diff(of("b2")) <= 2, "its share goes to both: {} {}", of("b0"), of("b2"));
}

#[test]
fn while_nobody_is_full_the_sequence_is_that_of_the_scheduler() {
    let (limited, free) = (world(&[500, 100, 100], 1_000), World::new(Scheduler::Wrr, &[500, 100, 100]));
    let ids: Vec<_> = (0..70).filter_map(|_| begin(&limited).map(|slot| slot.backend())).collect();
    let names: Vec<_> = ids.iter().map(|&id| limited.app().backend(id).expect("known").name.to_string()).collect();
    assert_eq!(names, free.chosen(70));
}

#[test]
fn who_waits_is_served_in_order_and_before_who_comes_later() {
    let world = world(&[100, 100], 1);
    let mut slots: Vec<_> = (0..2).filter_map(|_| begin(&world)).collect();
    assert!(begin(&world).is_none());
    let waiting: Vec<_> = (0..3).map(|_| join(&world, None)).collect();
    for first in 0..2 {
        let left = slots.remove(0).backend();
        assert!(begin(&world).is_none(), "nobody takes the slot on the way");
        assert!(waiting[first + 1..].iter().all(|later| granted(later).is_none()));
        slots.push(granted(&waiting[first]).expect("the first in line"));
        assert_eq!(slots[1].backend(), left, "the slot that came free");
    }
    assert_eq!(world.app().queue.status(), QueueStatus { queued: 1, since_ms: Some(0) });
    drop(slots);
    assert!(granted(&waiting[2]).is_some());
    drop(waiting);
    assert!(begin(&world).is_some());
}

#[test]
fn a_slot_that_nobody_fetches_goes_to_the_next() {
    let world = world(&[100], 1);
    let slot = begin(&world).expect("the first");
    let (first, second, third) = (join(&world, None), join(&world, None), join(&world, None));
    drop(slot);
    drop(second);
    drop(first);
    assert!(granted(&third).is_some(), "the first left with the slot, the second without");
}

#[test]
fn a_slot_freed_between_the_choice_and_the_joining_is_not_missed() {
    let world = world(&[100], 1);
    let slot = begin(&world).expect("the first");
    assert!(begin(&world).is_none());
    drop(slot);
    assert!(granted(&join(&world, None)).is_some());
}

#[test]
fn who_waits_for_one_backend_lets_others_pass() {
    let world = world(&[100, 100], 1);
    let slots: Vec<_> = (0..2).filter_map(|_| begin(&world)).collect();
    let (bound, free) = (join(&world, Some("b0")), join(&world, None));
    assert_eq!(world.app().queue.queued_for(world.id("b0")), 1);
    let (b0, b1): (Vec<_>, Vec<_>) = slots.into_iter().partition(|slot| slot.backend() == world.id("b0"));
    drop(b1);
    assert!(granted(&bound).is_none());
    assert_eq!(granted(&free).expect("any will do").backend(), world.id("b1"));
    drop(b0);
    assert_eq!(granted(&bound).expect("its own").backend(), world.id("b0"));
}

#[test]
fn who_waits_for_a_backend_that_is_gone_takes_any() {
    let mut world = world(&[100, 100], 1);
    let slots: Vec<_> = (0..2).filter_map(|_| begin(&world)).collect();
    let bound = join(&world, Some("b0"));
    world.flip("b0", Health::Down);
    let of_b0 = |slot: &Inflight| slot.backend() == world.id("b0");
    let (b0, b1): (Vec<_>, Vec<_>) = slots.into_iter().partition(of_b0);
    drop(b0);
    assert!(granted(&bound).is_none(), "a backend that is down takes nobody");
    drop(b1);
    assert_eq!(granted(&bound).expect("the other").backend(), world.id("b1"));
}

#[test]
fn a_raised_limit_lets_in_who_waits_and_a_lowered_one_holds_them() {
    let mut world = world(&[100], 2);
    let mut slots: Vec<_> = (0..2).filter_map(|_| begin(&world)).collect();
    let waiting: Vec<_> = (0..3).map(|_| join(&world, None)).collect();
    limit(&mut world, "b0", 3);
    slots.extend(granted(&waiting[0]));
    assert_eq!((slots.len(), granted(&waiting[1]).is_some()), (3, false));
    limit(&mut world, "b0", 1);
    slots.truncate(1);
    assert!(granted(&waiting[1]).is_none(), "as many as may be are still there");
    slots.clear();
    assert!(granted(&waiting[1]).is_some());
}

#[test]
fn a_queue_is_bounded_and_with_nobody_to_wait_for_nobody_waits() {
    let mut world = world(&[100], 1);
    let _slot = begin(&world).expect("the first");
    let _first = world.app().queue.join(None, 1, 0).expect("a place");
    assert!(world.app().queue.join(None, 1, 0).is_none());
    world.edit_backend("b0", |backend| backend.state = AdminState::Disabled);
    assert!(matches!(world.app().start(CLIENT, &[]), Start::NoneEligible(_)));
}

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn begin_or_wait(group: &GroupPlan) -> Inflight {
    if let Start::Begun(_, slot) = group.start(CLIENT, &[]) {
        return slot;
    }
    let ticket = group.queue.join(None, 100, 0).expect("there is place");
    group.offer();
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match ticket.poll(&Context::from_waker(&waker)) {
            Poll::Ready(slot) => return slot,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn threads_never_exceed_the_limit_and_all_get_their_turn() {
    let world = world(&[100, 100], 2);
    let (group, busy) = (world.app(), AtomicU32::new(0));
    let turns: u32 = std::thread::scope(|scope| {
        let body = || {
            (0..2_000_u32)
                .map(|_| {
                    let slot = begin_or_wait(group);
                    assert!(busy.fetch_add(1, Ordering::SeqCst) < 4);
                    busy.fetch_sub(1, Ordering::SeqCst);
                    drop(slot);
                })
                .fold(0, |turns, ()| turns + 1)
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(body)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no thread fails")).sum()
    });
    assert_eq!(turns, 16_000);
    assert_eq!(group.queue.status(), QueueStatus::default());
    assert!(group.backends.iter().all(|backend| backend.live.inflight.load(Ordering::SeqCst) == 0));
}
