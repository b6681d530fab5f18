//! Requests that two readers could read differently: the families of request smuggling, each in
//! many spellings, and each followed by a request that must stay one of its own.
//!
//! Data only; `readings` sends them.

mod heads;

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
        heads::lines(),
        heads::targets(),
        heads::hosts(),
        heads::hop_by_hop(),
        heads::of_http10(),
        heads::others(),
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
