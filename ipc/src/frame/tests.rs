//! Golden bytes of both codecs, bounds, and that no input makes a decoder panic.

use proptest::prelude::*;

use super::*;
use crate::cause::Cause;
use crate::edit::Edit;
use crate::message::{
    Apply, Counters, ErrorCode, ErrorReply, Event, EventBody, LogFilter, LogQuery, Reply, Role, RouteMoved, Subscribe,
    Topic, Verb, WindowWish,
};
use crate::status::{LatencyWindows, RouteCounters};

fn weight() -> Request {
    let edits = vec![Edit::weight(&"app/a".parse().unwrap(), 50)];
    Request {
        id: 300,
        verb: Verb::Apply(Apply {
            edits,
            if_revision: Some(7),
            dry_run: false,
            reason: None,
            window: WindowWish::default(),
        }),
    }
}

fn lost() -> ServerMessage {
    ServerMessage::Event(Event { seq: 2, at_ms: 1_000_000, body: EventBody::Lost { count: 70_000 } })
}

fn refusal() -> ServerMessage {
    let error = ErrorReply::new(ErrorCode::Conflict, "moved").hint("look");
    ServerMessage::Error { id: 1, error: ErrorReply { revision: Some(9), ..error } }
}

#[test]
fn the_bincode_form_of_a_request_is_what_it_was_in_the_first_release() {
    let golden = [
        &[45, 0, 0, 0][..],              // length of the body
        &[251, 44, 1],                   // id 300 as a varint
        &[4],                            // Verb::Apply
        &[1],                            // one edit
        &[0],                            // Edit::Set
        &[28],                           // length of the path
        b"groups.app.backends.a.weight", // path
        &[2],                            // length of the value
        b"50",                           // value
        &[1, 7],                         // if_revision: Some(7)
        &[0],                            // dry_run
        &[0],                            // reason
        &[0, 0, 0],                      // window: no time, no wires, no join
    ]
    .concat();
    assert_eq!(Codec::Frames.encode(&weight()).unwrap(), golden);
    assert_eq!(Codec::Frames.decode::<Request>(&golden[4..]).unwrap(), weight());
}

#[test]
fn the_bincode_form_of_messages_is_what_it_was_in_the_first_release() {
    let golden = [&[13, 0, 0, 0][..], &[2], &[2], &[252, 64, 66, 15, 0], &[6], &[252, 112, 17, 1, 0]].concat();
    assert_eq!(Codec::Frames.encode(&lost()).unwrap(), golden);
    let golden =
        [&[21, 0, 0, 0][..], &[1], &[1], &[5], &[0], &[5], b"moved", &[1, 4], b"look", &[0], &[1, 9], &[0], &[0]]
            .concat();
    assert_eq!(Codec::Frames.encode(&refusal()).unwrap(), golden);
}

#[test]
fn the_json_form_is_what_scripts_were_written_against() {
    let line = |message: &ServerMessage| String::from_utf8(Codec::Lines.encode(message).unwrap()).unwrap();
    assert_eq!(line(&lost()), "{\"event\":{\"seq\":2,\"at_ms\":1000000,\"body\":{\"lost\":{\"count\":70000}}}}\n");
    assert_eq!(
        line(&refusal()),
        "{\"error\":{\"id\":1,\"error\":{\"code\":\"conflict\",\"path\":null,\"message\":\"moved\",\
         \"hint\":\"look\",\"faults\":[],\"revision\":9,\"edits\":[],\"conflicts\":[]}}}\n"
    );
    let done = ServerMessage::Reply { id: 4, reply: Reply::Done };
    assert_eq!(line(&done), "{\"reply\":{\"id\":4,\"reply\":\"done\"}}\n");
}

#[test]
fn json_requests_may_leave_out_what_has_a_default() {
    let read = |text: &str| Codec::Lines.decode::<Request>(text.as_bytes()).unwrap().verb;
    assert_eq!(read(r#"{"verb":"status"}"#), Verb::Status);
    let edit =
        r#"{"id":300,"verb":{"apply":{"edits":[{"set":{"path":"groups.app.backends.a.weight","value":"50"}}]}}}"#;
    let Verb::Apply(apply) = read(edit) else { panic!("an apply") };
    assert_eq!((apply.if_revision, apply.dry_run, apply.edits.len()), (None, false, 1));
    let subscribe = Subscribe { topics: vec![Topic::Health], interval_ms: 1_000, filter: LogFilter::default() };
    assert_eq!(read(r#"{"verb":{"subscribe":{"topics":["health"]}}}"#), Verb::Subscribe(subscribe));
    assert_eq!(read(r#"{"verb":{"logs":{}}}"#), Verb::Logs(LogQuery { limit: 100, ..LogQuery::default() }));
    assert_eq!(read(r#"{"verb":{"step-down":{"role":"view"}}}"#), Verb::StepDown { role: Role::View });
}

#[test]
fn the_bincode_form_of_counters_that_moved_has_its_newest_lists_last() {
    let moved = RouteMoved {
        listener: "web".parse().unwrap(),
        route: Some("api".parse().unwrap()),
        counters: RouteCounters { requests_total: 9, causes: vec![(Cause::BadRequest, 1)], ..RouteCounters::default() },
        latency: LatencyWindows::default(),
    };
    let body = EventBody::Counters(Counters { routes: vec![moved], ..Counters::default() });
    let message = ServerMessage::Event(Event { seq: 1, at_ms: 2, body });
    let golden = [
        &[54, 0, 0, 0, 2, 1, 2, 5][..], // length, an event, its number and time, Counters
        &[0, 0, 1],                     // no listener, no backend, one route
        b"\x03web\x01\x03api",          // listener, route
        &[9, 0, 0, 0, 0, 0, 0, 0, 1],   // requests, bytes, responses, one cause
        &[0, 1],                        // of the first cause, once
        &[0; 10],                       // persistence
        &[0],                           // requests under way
        &[0; 15],                       // windows
        &[0],                           // no group
    ]
    .concat();
    assert_eq!(Codec::Frames.encode(&message).unwrap(), golden);
    let old = r#"{"listeners":[],"backends":[]}"#;
    assert_eq!(serde_json::from_str::<Counters>(old).unwrap(), Counters::default());
}

#[test]
fn a_frame_is_found_only_when_it_is_whole() {
    let frame = Codec::Frames.encode(&weight()).unwrap();
    for len in 0..frame.len() {
        assert_eq!(Codec::Frames.split::<Request>(&frame[..len], 0).unwrap(), None, "{len} bytes");
    }
    let twice = [frame.clone(), frame.clone()].concat();
    let cut = Codec::Frames.split::<Request>(&twice, 0).unwrap().unwrap();
    assert_eq!(cut, Cut { body: 4..frame.len(), end: frame.len() });
}

#[test]
fn a_line_ends_at_its_line_feed_wherever_the_search_begins() {
    let buffer = b"{}\n{}\n";
    assert_eq!(Codec::Lines.split::<Request>(buffer, 0).unwrap(), Some(Cut { body: 0..2, end: 3 }));
    assert_eq!(Codec::Lines.split::<Request>(&buffer[..3], 2).unwrap(), Some(Cut { body: 0..2, end: 3 }));
    assert_eq!(Codec::Lines.split::<Request>(b"{\"ver", 5).unwrap(), None);
    assert_eq!(Codec::Lines.split::<Request>(b"", 5).unwrap(), None);
}

#[test]
fn a_length_beyond_the_bound_is_refused_from_its_prefix() {
    let announced = u32::try_from(FRAME_LEN_MAX + 1).unwrap().to_le_bytes();
    assert!(matches!(Codec::Frames.split::<Request>(&announced, 0), Err(FrameError::Length { .. })));
    assert_eq!(Codec::Frames.split::<ServerMessage>(&announced, 0).unwrap(), None);
    assert!(matches!(Codec::Frames.split::<ServerMessage>(&[255; 4], 0), Err(FrameError::Length { .. })));
    let line = vec![b' '; FRAME_LEN_MAX + 1];
    assert!(matches!(Codec::Lines.split::<Request>(&line, 0), Err(FrameError::Length { .. })));
    assert_eq!(Codec::Lines.split::<Request>(&line[1..], 0).unwrap(), None);
}

#[test]
fn a_request_beyond_the_bound_is_not_written() {
    let edits = vec![Edit::Remove { path: "x".repeat(FRAME_LEN_MAX) }];
    let request = Request {
        id: 1,
        verb: Verb::Apply(Apply {
            edits,
            if_revision: None,
            dry_run: true,
            reason: None,
            window: WindowWish::default(),
        }),
    };
    for codec in [Codec::Frames, Codec::Lines] {
        assert!(matches!(codec.encode(&request), Err(FrameError::Length { .. })), "{codec:?}");
    }
}

#[test]
fn a_string_that_claims_a_tebibyte_is_refused_and_not_allocated() {
    let claim = (1u64 << 40).to_le_bytes();
    let body = [&[1, 4, 1, 0, 253][..], &claim].concat();
    assert!(matches!(Codec::Frames.decode::<Request>(&body), Err(FrameError::Body(_))));
}

#[test]
fn bytes_behind_a_message_are_refused() {
    let mut frame = Codec::Frames.encode(&weight()).unwrap();
    frame.push(0);
    assert!(matches!(Codec::Frames.decode::<Request>(&frame[4..]), Err(FrameError::Trailing(1))));
    assert!(matches!(Codec::Lines.decode::<Request>(br#"{"verb":"status"} 1"#), Err(FrameError::Body(_))));
}

#[test]
fn the_id_of_a_request_with_an_unknown_verb_is_still_read() {
    assert_eq!(Codec::Lines.request_id(br#"{"id":12,"verb":{"fly":{}}}"#), 12);
    assert_eq!(Codec::Lines.request_id(br#"{"verb":"fly"}"#), 0);
    assert_eq!(Codec::Lines.request_id(b"GET / HTTP/1.1"), 0);
    assert_eq!(Codec::Frames.request_id(&[12, 200]), 12);
    assert_eq!(Codec::Frames.request_id(&[]), 0);
}

#[test]
fn deep_nesting_is_refused_and_does_not_use_up_the_stack() {
    let deep = [r#"{"verb":"#.to_owned(), "[".repeat(200_000)].concat();
    assert!(Codec::Lines.decode::<Request>(deep.as_bytes()).is_err());
    assert_eq!(Codec::Lines.request_id(deep.as_bytes()), 0);
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), searched in 0..400usize) {
        for codec in [Codec::Frames, Codec::Lines] {
            let _ = codec.split::<Request>(&bytes, searched);
            let _ = codec.decode::<Request>(&bytes);
            let _ = codec.decode::<ServerMessage>(&bytes);
            let _ = codec.request_id(&bytes);
        }
    }

    #[test]
    fn no_damage_to_a_message_makes_a_decoder_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        for codec in [Codec::Frames, Codec::Lines] {
            for mut bytes in [codec.encode(&lost()).unwrap(), codec.encode(&refusal()).unwrap()] {
                let at = at.index(bytes.len());
                bytes[at] = byte;
                if let Ok(Some(cut)) = codec.split::<ServerMessage>(&bytes, 0) {
                    let _ = codec.decode::<ServerMessage>(&bytes[cut.body]);
                }
            }
        }
    }

    #[test]
    fn what_was_written_is_read_again(id in any::<u64>(), paths in proptest::collection::vec("\\PC{0,40}", 0..20)) {
        let edits = paths.into_iter().map(|path| Edit::Remove { path }).collect();
        let verb = Verb::Apply(Apply { edits, if_revision: Some(id), dry_run: true, reason: Some("\u{0}\n".into()), window: WindowWish::default() });
        let request = Request { id, verb };
        for codec in [Codec::Frames, Codec::Lines] {
            let bytes = codec.encode(&request).unwrap();
            let cut = codec.split::<Request>(&bytes, 0).unwrap().unwrap();
            prop_assert_eq!(cut.end, bytes.len());
            prop_assert_eq!(codec.decode::<Request>(&bytes[cut.body]).unwrap(), request.clone());
        }
    }
}
