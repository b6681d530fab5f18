//! Lines against their formats: examples, hostile bytes, and what must hold of any bytes.

use proptest::prelude::*;

use super::*;

/// 2026-11-22 23:59:59.123 UTC.
const AT_MS: u64 = 1_795_391_999_123;

fn entry<'a>() -> Entry<'a> {
    Entry {
        at_ms: AT_MS,
        id: b"8f2c01d4-03-0000a1b2c3",
        listener: "web",
        route: Some("shop"),
        group: Some("app"),
        backend: Some("app-1"),
        peer: ([10, 0, 1, 2], 33_317).into(),
        client: [192, 0, 2, 7].into(),
        asked: Some(Line { method: b"GET", target: b"/a?b=1", host: b"shop.example", version: Version::Http11 }),
        agent: b"curl/8.5.0",
        referer: b"",
        status: Some(200),
        cause: None,
        stage: Stage::Data,
        bytes_in: 80,
        bytes_out: 2_750,
        times: Times {
            queue_us: Some(0),
            connect_us: Some(30_100),
            first_byte_us: Some(99_400),
            total_us: 109_000,
            head_us: 0,
        },
        retries: 1,
        bond: Some(PersistenceVerdict::Kept),
        binds: false,
        tls: Some("1.3"),
        load: Load { listener: 7, backend: 3, queued: 2 },
    }
}

fn text(format: Format, entry: &Entry<'_>) -> String {
    let mut out = Vec::new();
    entry.write(format, &mut out);
    String::from_utf8(out).expect("lines are UTF-8")
}

#[test]
fn json_tells_everything_that_is_known() {
    assert_eq!(
        text(Format::Json, &entry()),
        "{\"ts\":\"2026-11-22T23:59:59.123Z\",\"id\":\"8f2c01d4-03-0000a1b2c3\",\"listener\":\"web\",\
         \"route\":\"shop\",\"group\":\"app\",\"backend\":\"app-1\",\"peer\":\"10.0.1.2:33317\",\
         \"client\":\"192.0.2.7\",\"method\":\"GET\",\"target\":\"/a?b=1\",\"host\":\"shop.example\",\
         \"protocol\":\"HTTP/1.1\",\"status\":200,\"bytes_in\":80,\"bytes_out\":2750,\"queue_us\":0,\
         \"connect_us\":30100,\"first_byte_us\":99400,\"total_us\":109000,\"retries\":1,\
         \"persistence\":\"kept\",\"tls\":\"1.3\",\"user_agent\":\"curl/8.5.0\"}\n"
    );
}

#[test]
fn haproxy_lines_are_those_of_httplog() {
    assert_eq!(
        text(Format::Haproxy, &entry()),
        "192.0.2.7:33317 [22/Nov/2026:23:59:59.123] web~ app/app-1 0/0/30/69/109 200 2750 - - --VN \
         7/7/3/3/1 0/2 \"GET /a?b=1 HTTP/1.1\"\n"
    );
}

#[test]
fn combined_lines_are_those_of_apache() {
    assert_eq!(
        text(Format::Combined, &entry()),
        "192.0.2.7 - - [22/Nov/2026:23:59:59 +0000] \"GET /a?b=1 HTTP/1.1\" 200 2750 \"-\" \"curl/8.5.0\"\n"
    );
}

#[test]
fn a_request_that_could_not_be_read_has_a_line_too() {
    let bad = Entry {
        asked: None,
        group: None,
        backend: None,
        status: Some(400),
        cause: Some(Cause::BadRequest),
        stage: Stage::Request,
        times: Times { total_us: 5_000, ..Times::default() },
        bond: None,
        tls: None,
        ..entry()
    };
    assert!(text(Format::Haproxy, &bad).contains(" web web/<NOSRV> -1/-1/-1/-1/5 400 2750 - - PR-- "));
    assert!(text(Format::Haproxy, &bad).ends_with("\"<BADREQ>\"\n"));
    assert!(text(Format::Combined, &bad).contains("] \"-\" 400 "));
    let json = text(Format::Json, &bad);
    assert!(json.contains("\"status\":400,\"cause\":\"bad-request\""), "{json}");
    assert!(!json.contains("method"), "{json}");
}

#[test]
fn a_head_that_came_in_pieces_is_told_with_its_time() {
    let mut slow = entry();
    slow.times.head_us = 42_700;
    assert!(text(Format::Haproxy, &slow).contains(" 42/0/30/69/151 200 "), "Ta counts from the first byte");
    assert!(text(Format::Json, &slow).ends_with(",\"head_us\":42700}\n"));
}

#[test]
fn every_cause_has_a_termination_state() {
    for cause in Cause::ALL {
        for stage in [Stage::Request, Stage::Queue, Stage::Connect, Stage::Response, Stage::Data] {
            let [who, phase] = termination::state(Some(cause), stage);
            assert!("CcSsPRKI".contains(who) && "RQCHD".contains(phase), "{cause}: {who}{phase}");
        }
    }
    let states = [
        (Cause::ClientClosed, Stage::Data, "CD"),
        (Cause::ResponseTimeout, Stage::Response, "sH"),
        (Cause::BackendClosed, Stage::Data, "SD"),
        (Cause::ConnectFailed, Stage::Connect, "SC"),
        (Cause::QueueTimeout, Stage::Queue, "sQ"),
        (Cause::BadResponse, Stage::Response, "PH"),
    ];
    for (cause, stage, expected) in states {
        assert_eq!(String::from_iter(termination::state(Some(cause), stage)), expected, "{cause}");
    }
}

#[test]
fn hostile_strings_stay_within_their_field() {
    let target = b"/\"} evil\r\n{\"ts\":\x1b[2J#\\\x7f\xc2\x9b".as_slice();
    let agent = "a\u{202e}b\u{9b}\u{200b}\u{e0041}gr\u{f6}\u{df}er\"\\\n".as_bytes();
    let asked = Some(Line { method: b"GET", target, host: b"h", version: Version::Http11 });
    let hostile = Entry { asked, agent, referer: b"\xff\xfe", ..entry() };
    let haproxy = text(Format::Haproxy, &hostile);
    assert!(haproxy.ends_with("\"GET /#22} evil#0D#0A{#22ts#22:#1B[2J#23\\#7F#C2#9B HTTP/1.1\"\n"), "{haproxy}");
    let combined = text(Format::Combined, &hostile);
    assert!(combined.contains("\"GET /\\\"} evil\\x0d\\x0a{\\\"ts\\\":\\x1b[2J#\\\\\\x7f\\xc2\\x9b HTTP/1.1\""));
    assert!(combined.ends_with("gr\\xc3\\xb6\\xc3\\x9fer\\\"\\\\\\x0a\"\n"), "{combined}");
    let json = text(Format::Json, &hostile);
    assert!(
        json.contains("\"target\":\"/\\\"} evil\\u000d\\u000a{\\\"ts\\\":\\u001b[2J#\\\\\\u007f\\u009b\""),
        "{json}"
    );
    let agent = "\"user_agent\":\"a\\u202eb\\u009b\\u200b\\udb40\\udc41gr\u{f6}\u{df}er\\\"\\\\\\u000a\"";
    assert!(json.contains(agent), "{json}");
    assert!(json.contains("\"referer\":\"\\ufffd\\ufffd\""), "{json}");
}

#[test]
fn dates_are_those_of_the_calendar() {
    let dates = [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_709_251_200_000, "2024-03-01T00:00:00.000Z"),
        (4_107_542_399_001, "2100-02-28T23:59:59.001Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    ];
    for (at_ms, expected) in dates {
        let mut out = Vec::new();
        time::rfc3339(at_ms, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }
}

#[test]
fn ids_differ_by_process_worker_and_count() {
    assert_eq!(RequestId::new(0x8f2c_01d4, 3, 0xa1b2_c3d4).as_str(), "8f2c01d4-03-00a1b2c3d4");
    assert_ne!(RequestId::new(1, 2, 3), RequestId::new(1, 3, 3));
    assert_ne!(RequestId::new(1, 2, 3), RequestId::new(1, 2, 4));
}

/// Whether a character may reach a log: no line end, no control, nothing that turns the line round.
fn is_harmless(c: char) -> bool {
    !c.is_control() && !('\u{200b}'..='\u{200f}').contains(&c) && !('\u{202a}'..='\u{202e}').contains(&c)
}

proptest! {
    #[test]
    fn any_bytes_make_one_harmless_line(
        target in prop::collection::vec(any::<u8>(), 0..60),
        agent in "\\PC{0,20}|[\u{0}-\u{ffff}]{0,20}",
    ) {
        let asked = Some(Line { method: b"GET", target: &target, host: &target, version: Version::Http2 });
        let entry = Entry { asked, agent: agent.as_bytes(), referer: &target, ..entry() };
        for format in [Format::Json, Format::Haproxy, Format::Combined] {
            let line = text(format, &entry);
            let (line, end) = line.split_at(line.len() - 1);
            prop_assert_eq!(end, "\n");
            prop_assert!(line.chars().all(is_harmless), "{:?}", line);
        }
    }

    #[test]
    fn json_gives_back_what_was_text(agent in any::<String>()) {
        let mut out = b"\"".to_vec();
        escape::json(&mut out, agent.as_bytes());
        out.push(b'"');
        let text = String::from_utf8(out).expect("UTF-8");
        prop_assert_eq!(unescaped(&text[1..text.len() - 1]), agent);
    }

    #[test]
    fn dates_follow_each_other(days in 0_u64..60_000) {
        let date = |at_ms| { let mut out = Vec::new(); time::rfc3339(at_ms, &mut out); out };
        prop_assert!(date(days * 86_400_000) < date((days + 1) * 86_400_000));
    }
}

/// Undoes the escapes of a JSON string.
fn unescaped(text: &str) -> String {
    let mut units = Vec::new();
    let mut rest = text.encode_utf16().peekable();
    while let Some(unit) = rest.next() {
        if unit != u16::from(b'\\') {
            units.push(unit);
            continue;
        }
        match rest.next() {
            Some(u) if u == u16::from(b'u') => {
                let digits: Vec<_> = rest.by_ref().take(4).collect();
                let digits = String::from_utf16_lossy(&digits);
                units.push(u16::from_str_radix(&digits, 16).expect("four digits"));
            }
            other => units.extend(other),
        }
    }
    String::from_utf16_lossy(&units)
}
