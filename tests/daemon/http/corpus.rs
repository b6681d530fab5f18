//! Requests that two readers could read differently: the families of request smuggling, each in
//! many spellings, and each followed by a request that must stay one of its own.
//!
//! Data only; `readings` sends them.

/// What follows a nasty request over the same connection.
const NEXT: &str = "GET /next HTTP/1.1\r\nHost: h\r\n\r\n";
/// Five bytes in one chunk.
const CHUNKED: &str = "5\r\nhello\r\n0\r\n\r\n";

/// All requests, as they stand on the wire.
pub fn all() -> Vec<Vec<u8>> {
    let families = [
        lengths(),
        codings(),
        both(),
        chunks(),
        trailers(),
        lines(),
        targets(),
        hosts(),
        hop_by_hop(),
        of_http10(),
        others(),
    ];
    families.into_iter().flatten().map(|text| latin1(&text)).collect()
}

/// One byte for each letter: what is above 127 stands for itself.
fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap_or(b'?')).collect()
}

fn post(fields: &str, body: &str) -> String {
    format!("POST /first HTTP/1.1\r\nHost: h\r\n{fields}\r\n\r\n{body}{NEXT}")
}

fn get(fields: &str) -> String {
    format!("GET /first HTTP/1.1\r\nHost: h\r\n{fields}\r\n\r\n{NEXT}")
}

fn lengths() -> Vec<String> {
    let values = [
        "5",
        " 5",
        "5 ",
        "\t5\t",
        "+5",
        "-5",
        "05",
        "005",
        "00000000000000000000005",
        "0x5",
        "5.0",
        "5e0",
        "5,5",
        "5, 5",
        "5,",
        ",5",
        "5;",
        "5;a",
        "",
        "five",
        "5 5",
        "5\u{b}",
        "\u{b}5",
        "5\u{c}",
        "5\0",
        "\"5\"",
        "'5'",
        "5\r",
        "5\u{a0}",
        "18446744073709551621",
        "4294967301",
        "-18446744073709551611",
        "\u{b2}",
        "5\r\n 5",
        "0",
        "1",
    ];
    let names = [
        "content-length",
        "CONTENT-LENGTH",
        "Content_Length",
        "Content-Length ",
        " Content-Length",
        "Content-Length\t",
        "Content\0-Length",
        "Content-Length\u{b}",
        "Content-\r\nLength",
        "X: y\nContent-Length",
        "X: y\rContent-Length",
        "X: y\r\n\tContent-Length",
        "Content Length",
        "\u{ff}Content-Length",
    ];
    let by_value = values.iter().map(|value| post(&format!("Content-Length: {value}"), "hello"));
    let by_name = names.iter().map(|name| post(&format!("{name}: 5"), "hello"));
    let twice = [("5", "5"), ("5", "6"), ("5", "0"), ("0", "5"), ("5", ""), ("5", "five"), ("5", "05")];
    let twice = twice.iter().map(|(a, b)| post(&format!("Content-Length: {a}\r\ncontent-length: {b}"), "hello"));
    by_value.chain(by_name).chain(twice).collect()
}

const CODINGS: [&str; 30] = [
    "chunked",
    "Chunked",
    "CHUNKED",
    " chunked",
    "chunked ",
    "\tchunked",
    "chunked\t",
    "\u{b}chunked",
    "chunked\u{b}",
    "xchunked",
    "chunkedx",
    "chunked,",
    ",chunked",
    "chunked, identity",
    "identity, chunked",
    "identity",
    "gzip",
    "gzip, chunked",
    "chunked, chunked",
    "chunked;q=1",
    "\"chunked\"",
    "'chunked'",
    "chunk ed",
    "chu\r\n nked",
    "",
    "chunked\0",
    "chunked\r\n x",
    "\u{a0}chunked",
    "chunked\r",
    "cow",
];

fn codings() -> Vec<String> {
    let names = [
        "transfer-encoding",
        "TRANSFER-ENCODING",
        "Transfer_Encoding",
        "Transfer-Encoding ",
        " Transfer-Encoding",
        "Transfer-Encoding\t",
        "Transfer\0-Encoding",
        "X: y\nTransfer-Encoding",
        "X: y\rTransfer-Encoding",
        "X: y\r\n\tTransfer-Encoding",
        "Transfer Encoding",
        "Transfer-Encoding\u{b}",
        "Transfer-Encod\u{ed}ng",
    ];
    let by_value = CODINGS.iter().map(|value| post(&format!("Transfer-Encoding: {value}"), CHUNKED));
    let by_name = names.iter().map(|name| post(&format!("{name}: chunked"), CHUNKED));
    let twice = ["chunked", "identity", "", "cow"];
    let twice = twice.iter().map(|b| post(&format!("Transfer-Encoding: chunked\r\nTransfer-encoding: {b}"), CHUNKED));
    by_value.chain(by_name).chain(twice).collect()
}

/// Length and coding together: whoever believes the other one finds another request.
fn both() -> Vec<String> {
    let smuggled = format!("0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\nX: {NEXT}");
    let length = smuggled.len();
    let orders = CODINGS.iter().flat_map(|coding| {
        let (coding, length) = (format!("Transfer-Encoding: {coding}"), format!("Content-Length: {length}"));
        [post(&format!("{coding}\r\n{length}"), &smuggled), post(&format!("{length}\r\n{coding}"), &smuggled)]
    });
    let short = ["3", "4", "0", "6"]
        .map(|length| post(&format!("Content-Length: {length}\r\nTransfer-Encoding: chunked"), "1\r\nZ\r\nQ\r\n\r\n"));
    orders.chain(short).collect()
}

fn chunks() -> Vec<String> {
    let sizes = [
        "5",
        "05",
        "00000005",
        "000000000000000000005",
        "5 ",
        " 5",
        "5\t",
        "\t5",
        "5;",
        "5;a",
        "5;a=b",
        "5 ;a=b",
        "5;a=\"b\"",
        "5;a=\"\r\n",
        "5;\n",
        "5\r",
        "5\n",
        "0x5",
        "0X5",
        "+5",
        "-5",
        "5h",
        "5_",
        "5,",
        "'5'",
        "fffffffffffffffff5",
        "100000005",
        "10000000000000005",
        "",
        "\0",
        "5\0",
        "\u{b5}",
        "6",
        "4",
        "a",
        "A",
    ];
    let ends = ["\n", "", "\r", "X\r\n", "\r\n\r\n", "\n\r", "\r\r\n", "\0\r\n"];
    let lasts = [
        "0\n\n",
        "0\r\n\n",
        "0\r\n\r",
        "0\n\r\n",
        "00\r\n\r\n",
        "0;x\r\n\r\n",
        "0;\r\n\r\n",
        "0 \r\n\r\n",
        "-0\r\n\r\n",
        "+0\r\n\r\n",
        "0x0\r\n\r\n",
        "0\r\n",
        "0",
        "",
        "0\r\n\r\n0\r\n\r\n",
        "\r\n0\r\n\r\n",
        "0\r\r\n\r\n",
    ];
    let coded = |body: &str| post("Transfer-Encoding: chunked", body);
    let by_size = sizes.iter().map(|size| coded(&format!("{size}\r\nhello\r\n0\r\n\r\n")));
    let by_end = ends.iter().map(|end| coded(&format!("5\r\nhello{end}0\r\n\r\n")));
    let by_last = lasts.iter().map(|last| coded(&format!("5\r\nhello\r\n{last}")));
    let line = ["5\nhello\r\n0\r\n\r\n", "5\r\nhello\n0\n\n", "0\r\n\r\n", "1\r\na\r\n1\r\nb\r\n0\r\n\r\n"].map(coded);
    by_size.chain(by_end).chain(by_last).chain(line).collect()
}

fn trailers() -> Vec<String> {
    let trailers = [
        "A: b",
        "A:b",
        "A: b\r\nC: d",
        "A : b",
        " A: b",
        "A: b\r\n c",
        "A: b\nC: d",
        "A: b\0",
        "A",
        ": b",
        "A: \u{e9}",
        "A\0: b",
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
        "Host: other",
        "Connection: close",
        "Trailer: a",
        "GET /smuggled HTTP/1.1",
        "A: b\r",
        "A: b\r\n\n",
        "Cookie: a=b",
        "Authorization: x",
        "Expect: 100-continue",
    ];
    let fields = "Transfer-Encoding: chunked\r\nTE: trailers\r\nTrailer: A";
    trailers.iter().map(|trailer| post(fields, &format!("5\r\nhello\r\n0\r\n{trailer}\r\n\r\n"))).collect()
}

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

fn lines() -> Vec<String> {
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

fn targets() -> Vec<String> {
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

fn hosts() -> Vec<String> {
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

fn hop_by_hop() -> Vec<String> {
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

fn others() -> Vec<String> {
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

fn of_http10() -> Vec<String> {
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
