//! Events over a real socket: order, numbers, and readers that are too slow.

use poise_ipc::message::LogFilter;

use super::*;
use crate::control::bus::EVENTS_MAX;

fn transition(streak: u32) -> What {
    What::Transition(Transition {
        group: "app".parse().unwrap(),
        backend: "a".parse().unwrap(),
        from: Health::Up,
        to: Health::Down,
        verdict: Verdict::Pass { code: None },
        streak,
    })
}

fn subscribe(topics: &[Topic]) -> Verb {
    Verb::Subscribe(Subscribe { topics: topics.to_vec(), interval_ms: 1_000, filter: LogFilter::default() })
}

async fn subscribed(stage: &Stage, topics: &[Topic]) -> Client {
    let mut client = stage.client().await;
    assert_eq!(client.request(subscribe(topics)).await.unwrap(), Reply::Done);
    let first = client.next_event().await.unwrap();
    assert!(matches!((first.seq, first.body), (1, EventBody::Snapshot(_))));
    client
}

#[tokio::test]
async fn a_commit_is_followed_by_a_snapshot() {
    let stage = Stage::new();
    let mut client = subscribed(&stage, &[Topic::Config]).await;
    stage.bus.publish(1, transition(1));
    stage.bus.publish(9, What::Committed(commit(Author::new(0, "root", 1))));
    let event = client.next_event().await.unwrap();
    assert!(
        matches!((event.seq, event.at_ms, event.body), (2, 9, EventBody::Committed(_))),
        "transitions were not asked for"
    );
    let event = client.next_event().await.unwrap();
    assert!(matches!((event.seq, event.body), (3, EventBody::Snapshot(_))));
}

#[tokio::test]
async fn numbers_go_on_when_a_subscription_is_replaced_and_stop_when_it_ends() {
    let stage = Stage::new();
    let mut client = subscribed(&stage, &[Topic::Health]).await;
    client.request(subscribe(&[Topic::Config])).await.unwrap();
    let event = client.next_event().await.unwrap();
    assert!(matches!((event.seq, event.body), (2, EventBody::Snapshot(_))));
    client.request(Verb::Unsubscribe).await.unwrap();
    assert!(!stage.bus.has_readers());
}

#[tokio::test]
async fn a_reader_that_is_too_slow_learns_how_much_it_lost_and_how_things_stand() {
    const PUBLISHED: u32 = 60_000;
    let stage = Stage::new();
    let mut client = subscribed(&stage, &[Topic::Health]).await;
    for n in 0..PUBLISHED {
        stage.bus.publish(1, transition(n));
        // The server gets its turn, and soon finds the socket full: publishing never waits.
        tokio::task::yield_now().await;
    }
    let (mut seq_last, mut transitions, mut lost) = (1, 0, 0);
    while transitions + lost < u64::from(PUBLISHED) {
        let event = client.next_event().await.unwrap();
        match event.body {
            EventBody::Transition(_) => {
                assert_eq!(event.seq, seq_last + 1);
                transitions += 1;
            }
            EventBody::Lost { count } => {
                assert_eq!(event.seq, seq_last + count + 1, "the gap is what was lost");
                lost += count;
                let next = client.next_event().await.unwrap();
                assert!(matches!(next.body, EventBody::Snapshot(_)), "{next:?}");
                assert_eq!(next.seq, event.seq + 1);
                seq_last = next.seq;
                continue;
            }
            other => panic!("{other:?}"),
        }
        seq_last = event.seq;
    }
    assert!(lost > EVENTS_MAX as u64, "the reader was slow: {transitions} came, {lost} were lost");
}

#[tokio::test]
async fn an_interval_out_of_range_is_refused_with_the_range() {
    let stage = Stage::new();
    let mut client = stage.client().await;
    let wanted = Subscribe { topics: vec![], interval_ms: 99, filter: LogFilter::default() };
    let error = refused(client.request(Verb::Subscribe(wanted)).await);
    assert_eq!(error.code, ErrorCode::Invalid);
    assert_eq!(error.message, "an interval of 99 ms, allowed are 100 to 60000");
}
