//! Turns are fair, add up to the rate, and nobody waits without a limit.

use poise_core::token::TokenKey;
use poise_ipc::model::{Bandwidth, ListenerLimits};

use super::*;
use crate::worker::{Budget, context_within};

const TICK_NS: u64 = 10_000_000;

fn limiter(out: u64) -> Arc<Limiter> {
    let limiter = Limiter::new(&TokenKey::new([7; 16]));
    limiter.enforce(&limits(Some(out)));
    Arc::new(limiter)
}

fn limits(out: Option<u64>) -> ListenerLimits {
    ListenerLimits { bandwidth_out: out.map(Bandwidth), ..ListenerLimits::default() }
}

fn context() -> Rc<WorkerContext> {
    context_within(Budget { connections_max: 1, pipes_max: 0 })
}

fn room(share: &mut Share, ctx: &WorkerContext) -> Option<usize> {
    match share.poll_room(&Context::from_waker(Waker::noop()), ctx) {
        Poll::Ready(room) => Some(room),
        Poll::Pending => None,
    }
}

#[tokio::test(flavor = "local")]
async fn without_a_limit_nobody_waits() {
    let (ctx, limiter) = (context(), limiter(64_000));
    let mut other_way = Share::new(&limiter, Way::In);
    assert_eq!(room(&mut other_way, &ctx), Some(usize::MAX));
    let mut share = Share::new(&limiter, Way::Out);
    share.charge(1 << 20, &ctx);
    assert_eq!(room(&mut share, &ctx), None, "in debt");
    limiter.enforce(&limits(None));
    assert_eq!((room(&mut share, &ctx), share.is_waiting()), (Some(usize::MAX), false));
}

#[tokio::test(flavor = "local")]
async fn who_waits_gets_equal_parts_and_who_comes_later_waits_too() {
    let (ctx, limiter) = (context(), limiter(80_000_000));
    let mut shares: Vec<_> = (0..4).map(|_| Share::new(&limiter, Way::Out)).collect();
    shares[0].charge(1 << 20, &ctx);
    assert!(shares[..3].iter_mut().all(|share| room(share, &ctx).is_none()));
    let repaid_ns = ctx.clock.precise_ns() + 20 * TICK_NS;
    ctx.pacer.serve(repaid_ns);
    let parts: Vec<_> = shares[..3].iter_mut().map(|share| room(share, &ctx).expect("a part")).collect();
    assert_eq!(parts, [500_000 / 3; 3], "a third of the burst each");
    assert_eq!(room(&mut shares[3], &ctx), None);
    assert!(!limiter.bandwidth_in.is_waited_for());
}

#[tokio::test(flavor = "local")]
async fn a_slow_rate_goes_round_in_turns_of_a_packet() {
    let (ctx, limiter) = (context(), limiter(64_000));
    let mut shares: Vec<_> = (0..3).map(|_| Share::new(&limiter, Way::Out)).collect();
    shares[0].charge(8_000, &ctx);
    assert!(shares.iter_mut().all(|share| room(share, &ctx).is_none()));
    let mut now_ns = ctx.clock.precise_ns() + 1_000 * 1_000_000;
    let mut order = Vec::new();
    for _ in 0..600 {
        ctx.pacer.serve(now_ns);
        now_ns += TICK_NS;
        for (at, share) in shares.iter_mut().enumerate() {
            let Some(part) = room(share, &ctx) else { continue };
            share.granted = 0;
            limiter.bandwidth_out.charge(part.min(4_000), now_ns);
            order.push(at);
            assert_eq!(room(share, &ctx), None, "to the end of the line");
        }
    }
    assert!((11..=14).contains(&order.len()), "6 s of 8,000 bytes in turns of 4,000: {order:?}");
    assert!(order.chunks(3).all(|round| round.iter().enumerate().all(|(n, at)| n == *at)), "{order:?}");
}

#[tokio::test(flavor = "local")]
async fn who_leaves_the_line_is_not_waited_for() {
    let (ctx, limiter) = (context(), limiter(64_000));
    let (mut first, mut second) = (Share::new(&limiter, Way::Out), Share::new(&limiter, Way::Out));
    first.charge(1_000, &ctx);
    assert_eq!((room(&mut first, &ctx), room(&mut second, &ctx)), (None, None));
    drop(first);
    ctx.pacer.serve(ctx.clock.precise_ns() + 1_000_000_000);
    assert!(room(&mut second, &ctx).is_some());
    assert_eq!((limiter.bandwidth_out.waiting(), ctx.pacer.is_empty()), (0, true));
}
