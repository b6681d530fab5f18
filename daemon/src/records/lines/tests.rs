//! Lines arrive whole, in order and for their listener; what does not fit is refused whole.

use super::*;

fn taken(receiver: &mut LineReceiver) -> Option<(ListenerId, String)> {
    let (mut buffer, mut of) = (Vec::new(), None);
    receiver.take(|listener| {
        of = Some(listener);
        &mut buffer
    });
    of.map(|listener| (listener, String::from_utf8(buffer).expect("text")))
}

#[test]
fn lines_arrive_whole_and_in_order_round_the_end_of_the_ring() {
    let (mut sender, mut receiver) = ring(64);
    for turn in 0..100 {
        let line = format!("line {turn}\n");
        assert!(sender.send(ListenerId(turn), line.as_bytes()));
        assert!(sender.send(ListenerId(turn + 1), b"x\n"));
        assert_eq!(taken(&mut receiver), Some((ListenerId(turn), line)));
        assert_eq!(taken(&mut receiver), Some((ListenerId(turn + 1), "x\n".to_owned())));
        assert_eq!(taken(&mut receiver), None);
    }
}

#[test]
fn a_line_without_room_is_refused_and_harms_no_other() {
    let (mut sender, mut receiver) = ring(40);
    assert!(sender.send(ListenerId(1), b"twenty bytes of text"));
    assert!(!sender.send(ListenerId(1), b"12345"));
    assert!(!sender.send(ListenerId(1), &[b'x'; 100]));
    assert_eq!(taken(&mut receiver).expect("the first").1, "twenty bytes of text");
    assert!(sender.send(ListenerId(2), b"12345"));
    assert_eq!(taken(&mut receiver), Some((ListenerId(2), "12345".to_owned())));
}

#[test]
fn a_reader_in_another_thread_meets_whole_lines_only() {
    let (mut sender, mut receiver) = ring(256);
    let writer = std::thread::spawn(move || {
        let mut sent = 0_u64;
        for at in 0..20_000_u64 {
            let line = "ab".repeat(usize::try_from(at % 20).expect("small"));
            sent += u64::from(sender.send(ListenerId(at), line.as_bytes()));
        }
        sent
    });
    let mut seen = 0;
    let mut last = None;
    while !writer.is_finished() {
        while let Some((ListenerId(at), line)) = taken(&mut receiver) {
            assert_eq!(line.len() as u64, at % 20 * 2);
            assert!(last < Some(at));
            (last, seen) = (Some(at), seen + 1);
        }
    }
    while taken(&mut receiver).is_some() {
        seen += 1;
    }
    assert_eq!(seen, writer.join().expect("the sender does not panic"));
}
