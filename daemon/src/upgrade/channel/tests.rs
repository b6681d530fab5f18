//! Messages long and short, descriptors many and none, and others that hang or go.

use super::*;

const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_message_of_many_packets_arrives_whole_with_its_descriptors() {
    let (one, other) = Channel::pair().expect("a pair");
    let text = "abcdefgh".repeat(100_000);
    let files: Vec<OwnedFd> = (0..450).map(|_| rustix::pipe::pipe().expect("a pipe").0).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let handed: Vec<_> = files.iter().map(AsFd::as_fd).collect();
            one.send(&text, &handed, SOON).expect("taken");
            one.send(&7_u32, &[], SOON).expect("taken");
        });
        let (came, descriptors) = other.receive::<String>(Some(SOON)).expect("whole");
        assert!(came == text && descriptors.len() == files.len());
        assert_eq!(other.receive::<u32>(Some(SOON)).expect("the next").0, 7);
    });
}

#[test]
fn an_end_is_told_from_silence() {
    let (one, other) = Channel::pair().expect("a pair");
    assert!(matches!(other.receive::<u32>(Some(Duration::ZERO)), Err(ChannelError::Silent(_))));
    drop(one);
    assert!(matches!(other.receive::<u32>(None), Err(ChannelError::Gone)));
    assert!(matches!(other.send(&1, &[], SOON), Err(ChannelError::Gone)));
}

#[test]
fn who_does_not_read_is_not_waited_for() {
    let (one, _other) = Channel::pair().expect("a pair");
    let text = "abcdefgh".repeat(1_000_000);
    assert!(matches!(one.send(&text, &[], Duration::ZERO), Err(ChannelError::Silent(_))));
}

#[test]
fn nonsense_is_refused() {
    let (one, other) = Channel::pair().expect("a pair");
    one.send(&"words", &[], SOON).expect("taken");
    assert!(matches!(other.receive::<u32>(Some(SOON)), Err(ChannelError::Strange(_))));
}
