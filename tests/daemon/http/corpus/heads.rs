//! Heads that two readers could read differently: fields, lines, targets, hosts, and old versions.
//!
//! Data only; `corpus` puts it together.

use super::{CHUNKED, NEXT, get, post};

/// Fields of a head in every spelling.
const FIELDS: [&str; 34] = [
    "A: b",
    "A:b",
    "A:",
    "A: ",
    "A:\tb\t",
    "A : b",
    "A\t: b",
    " A: b",
    "\tA: b",
    "A: b\r\n c",
    "A: b\r\n\tc",
    "A: b\r\n \r\n c",
    "A: b\0c",
    "A\0: b",
    "A: b\u{1}c",
    "A: b\u{7f}",
    "A: b\u{b}c",
    "A: b\rc",
    "A: b\r\r\nC: d",
    "A: b\nC: d",
    "A: b\n\n",
    "A\r\n: b",
    "A",
    "A b",
    ": b",
    "A B: c",
    "A@B: c",
    "A(B): c",
    "\u{e9}: b",
    "A: \u{e9}",
    "A;: b",
    "A\"B: c",
    "A/B: c",
    "{A}: b",
];

pub(super) fn lines() -> Vec<String> {
    let firsts = [
        "GET /first HTTP/1.1",
        "get /first HTTP/1.1",
        "GET  /first HTTP/1.1",
        "GET /first  HTTP/1.1",
        "GET /first HTTP/1.1 ",
        " GET /first HTTP/1.1",
        "GET\t/first HTTP/1.1",
        "GET /first\tHTTP/1.1",
        "GET /first HTTP/1.0",
        "GET /first HTTP/0.9",
        "GET /first HTTP/1.2",
        "GET /first HTTP/2.0",
        "GET /first HTTP/11",
        "GET /first HTTP/1.10",
        "GET /first HTTP/01.1",
        "GET /first http/1.1",
        "GET /first HTTP/1",
        "GET /first HTTP/1.1x",
        "GET /first",
        "GET",
        "",
        "\r\nGET /first HTTP/1.1",
        "\nGET /first HTTP/1.1",
        "\r\n\r\nGET /first HTTP/1.1",
        "GET\0 /first HTTP/1.1",
        "GET /fi\0rst HTTP/1.1",
        "GET /first HTTP/1.1\0",
        "GET\u{b}/first HTTP/1.1",
        "G\u{cb}T /first HTTP/1.1",
        "G,ET /first HTTP/1.1",
        "GET: /first HTTP/1.1",
        "M-SEARCH /first HTTP/1.1",
        "FOO! /first HTTP/1.1",
        "(GET) /first HTTP/1.1",
        "\u{ef}\u{bb}\u{bf}GET /first HTTP/1.1",
        "GET /first HTTP/1.1\r",
        "GET /first HTTP/1.1\rX: y",
        "GET /first\rHTTP/1.1",
        "PRI * HTTP/2.0\r\n\r\nSM",
        "CONNECT h:80 HTTP/1.1",
        "TRACE /first HTTP/1.1",
        "HEAD /first HTTP/1.1",
    ];
    let by_first = firsts.iter().map(|line| format!("{line}\r\nHost: h\r\n\r\n{NEXT}"));
    let by_field = FIELDS.iter().map(|field| get(field));
    let ends = ["\n", "\r", "\n\r", "\r\r\n"].map(|end| format!("GET /first HTTP/1.1{end}Host: h{end}{end}{NEXT}"));
    by_first.chain(by_field).chain(ends).collect()
}

pub(super) fn targets() -> Vec<String> {
    let targets = [
        "http://h/first",
        "http://other/first",
        "https://h/first",
        "HTTP://H/first",
        "http://u@h/first",
        "http://u:p@h/first",
        "http://h",
        "http://h?x",
        "http://h:80/first",
        "http:///first",
        "http:/first",
        "http://h /first",
        "ftp://h/first",
        "//other/first",
        "/first#part",
        "/first?a=b?c#d",
        "/a/../b",
        "/%2e%2e/b",
        "/a%00b",
        "/a%0d%0ab",
        "/a\\b",
        "/a\"b",
        "/a<b>",
        "/a{b}",
        "/a|b",
        "/a^b",
        "/a`b",
        "/\u{7f}",
        "/\u{e9}",
        "/a;b=c",
        "first",
        "*",
        "?x",
        "h:80",
        "../first",
        "http://[::1]/first",
        "http://h\\@other/first",
        "http://h%2f@other/first",
        "/first HTTP/1.1\r\nX: y",
        "/first\u{85}x",
        "/%",
        "/%zz",
        "/first,b",
    ];
    let by_target = targets.iter().map(|target| format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n{NEXT}"));
    let options =
        ["*", "/", "*/x", "http://h"].map(|target| format!("OPTIONS {target} HTTP/1.1\r\nHost: h\r\n\r\n{NEXT}"));
    by_target.chain(options).collect()
}

pub(super) fn hosts() -> Vec<String> {
    let hosts = [
        "Host: h:80",
        "Host: h:",
        "Host: h:0",
        "Host: h:99999",
        "Host: h:x",
        "Host: h h",
        "Host: h,i",
        "Host: h;i",
        "Host: u@h",
        "Host: h/x",
        "Host: h?x",
        "Host: h#x",
        "Host: [::1]",
        "Host: [::1]:80",
        "Host: [::1",
        "Host: ::1",
        "Host: %68",
        "Host: h.",
        "Host: .h",
        "Host: h..i",
        "Host: \u{e9}",
        "Host: h\0",
        "Host: ",
        "Host:",
        "Host",
        "Host : h",
        " Host: h",
        "host: h",
        "HOST: h",
        "Host: h\r\nHost: h",
        "Host: h\r\nhost: other",
        "Host: h\r\n other",
        "X: y",
        "Host: 1.2.3.4",
        "Host: h\\i",
        "Host: h\"",
        "Host: -",
        "Host: _",
        "Host: h\tx",
        "Host: http://h/",
        "Host: h\r\nX-Forwarded-Host: other",
    ];
    let by_host = hosts.iter().map(|host| format!("GET /first HTTP/1.1\r\n{host}\r\n\r\n{NEXT}"));
    let against = ["h", "other", "H", "h:80", ""]
        .map(|host| format!("GET http://h/first HTTP/1.1\r\nHost: {host}\r\n\r\n{NEXT}"));
    by_host.chain(against).collect()
}

pub(super) fn hop_by_hop() -> Vec<String> {
    let listed = [
        "close",
        "keep-alive",
        "Content-Length",
        "Transfer-Encoding",
        "Host",
        "X-Forwarded-For",
        "close, Content-Length",
        "upgrade",
        "Cookie",
        "TE",
        "",
        "connection",
        "keep-alive, Host",
        "close\r\nConnection: keep-alive",
        "Content-Length\r\nX: y",
        "\u{b}close",
        "close,",
        "a b",
        "\"close\"",
        "Expect",
        "Trailer",
        "Via",
    ];
    let by_length =
        listed.iter().map(|name| post(&format!("Connection: {name}\r\nContent-Length: 5\r\nCookie: a=b"), "hello"));
    let by_coding =
        listed.iter().map(|name| post(&format!("Transfer-Encoding: chunked\r\nConnection: {name}"), CHUNKED));
    let others = [
        "Keep-Alive: timeout=5",
        "Proxy-Connection: keep-alive",
        "Proxy-Connection: close",
        "TE: trailers",
        "TE: chunked",
        "Trailer: Content-Length",
        "Upgrade: h2c",
        "Connection: Upgrade\r\nUpgrade: h2c",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
        "Connection: upgrade\r\nUpgrade: tls/1.0",
        "Connection: Upgrade\r\nUpgrade: websocket, h2c",
        "Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket",
        "Connection: HTTP2-Settings\r\nHTTP2-Settings: x",
        "Upgrade: websocket",
        "Proxy-Authorization: x",
        "Via: 1.1 x",
        "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: evil",
        "Forwarded: for=1.2.3.4",
        "X-Real-IP: evil",
        "Max-Forwards: 0",
    ];
    by_length.chain(by_coding).chain(others.iter().map(|fields| get(fields))).collect()
}

pub(super) fn others() -> Vec<String> {
    let expectations = [
        "100-continue",
        "100-Continue",
        "100-continue, x",
        "",
        "200-ok",
        "100-continue\r\nExpect: 100-continue",
        "\t100-continue",
    ];
    let expected = expectations.iter().map(|value| post(&format!("Expect: {value}\r\nContent-Length: 5"), "hello"));
    let with_body = ["GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "PATCH", "PROPFIND"].into_iter().flat_map(|method| {
        [
            ("Content-Length: 5", "hello"),
            ("Transfer-Encoding: chunked", CHUNKED),
            ("Content-Length: 0", ""),
            ("X: y", ""),
        ]
        .map(|(framing, body)| format!("{method} /first HTTP/1.1\r\nHost: h\r\n{framing}\r\n\r\n{body}{NEXT}"))
    });
    let doubled = [
        "Cookie: a=b\r\nCookie: c=d",
        "Authorization: a\r\nAuthorization: b",
        "Content-Type: a\r\nContent-Type: b",
        "Date: a\r\nDate: b",
        "Range: bytes=0-\r\nRange: bytes=1-",
        "If-Match: a\r\nIf-Match: b",
    ];
    let doubled = doubled.iter().map(|fields| get(fields));
    let cut = [
        "GET /first HTT",
        "GET /first HTTP/1.1\r\nHo",
        "POST /first HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhello",
    ];
    expected.chain(with_body).chain(doubled).chain(cut.map(String::from)).collect()
}

pub(super) fn of_http10() -> Vec<String> {
    let old = [
        "Host: h",
        "Host: h\r\nConnection: keep-alive",
        "X: y",
        "Host: h\r\nContent-Length: 5",
        "Content-Length: 5\r\nConnection: keep-alive",
        "Transfer-Encoding: chunked",
        "Host: h\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive",
        "Host: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
        "Host: h\r\nTransfer-Encoding: identity",
        "Host: h\r\nConnection: close",
        "Host: h\r\nExpect: 100-continue\r\nContent-Length: 5",
    ];
    old.iter().map(|fields| format!("POST /first HTTP/1.0\r\n{fields}\r\n\r\nhello{NEXT}")).collect()
}
