//! The command that does from a shell what a probe does (T-04).
//!
//! For people who copy it: every word is quoted for a shell where it has to be. It runs nothing.

use poise_ipc::model::{Address, CheckMethod, CheckProtocol, CheckVersion, HealthCheck};

use super::http;
use super::prepared::{host_of, version};
use super::target::Target;

/// The command.
pub(super) fn replay(target: &Target) -> String {
    match target.check.protocol {
        CheckProtocol::Http | CheckProtocol::Https => curl(target),
        CheckProtocol::Grpc => grpcurl(target),
        CheckProtocol::Udp => netcat(target, "nc -u"),
        CheckProtocol::Tcp | CheckProtocol::Off if target.tls.is_some() => openssl(target),
        CheckProtocol::Tcp | CheckProtocol::Off => netcat(target, "nc"),
    }
}

/// Where the probe goes: host and port as they stand in a URL, and apart.
fn place(target: &Target) -> (String, String, String) {
    match (target.leads.ip(), &target.address) {
        (Some(ip), _) => (ip.to_string(), ip.ip().to_string(), ip.port().to_string()),
        (None, Address::Name { host, port }) => (format!("{host}:{port}"), host.clone(), port.to_string()),
        (None, address) => ("localhost".to_owned(), address.to_string(), String::new()),
    }
}

fn seconds(target: &Target) -> u64 {
    u64::from(target.check.timeout_ms).div_ceil(1_000)
}

fn curl(target: &Target) -> String {
    let check = &target.check;
    let (place, ..) = place(target);
    let mut words: Vec<String> =
        ["curl", "-v", "--path-as-is", "-m", &seconds(target).to_string()].map(String::from).into();
    words.push(match (version(target), target.is_secured()) {
        (CheckVersion::Http10, _) => "--http1.0".to_owned(),
        (CheckVersion::Http2, false) => "--http2-prior-knowledge".to_owned(),
        (CheckVersion::Http2, true) => "--http2".to_owned(),
        (CheckVersion::Http11 | CheckVersion::Auto, _) => "--http1.1".to_owned(),
    });
    match check.method {
        CheckMethod::Head => words.push("-I".to_owned()),
        CheckMethod::Get => {}
        CheckMethod::Post => {
            words.extend(["--data-raw".to_owned(), shell_payload(check.send.as_deref().unwrap_or_default())]);
            if !check.headers.iter().any(|field| field.name.eq_ignore_ascii_case("content-type")) {
                // curl would add one of its own.
                words.extend(["-H".to_owned(), "Content-Type:".to_owned()]);
            }
        }
        CheckMethod::Options => words.extend(["-X".to_owned(), "OPTIONS".to_owned()]),
    }
    for (name, value) in http::fields(target) {
        words.extend(["-H".to_owned(), quoted(&format!("{name}: {value}"))]);
    }
    match &target.leads {
        poise_core::plan::Target::Unix(path) => {
            words.extend(["--unix-socket".to_owned(), quoted(&path.display().to_string())]);
        }
        _ if check.proxy != poise_ipc::model::CheckProxy::Off => words.push("--haproxy-protocol".to_owned()),
        _ => {}
    }
    let scheme = if target.is_secured() { "https" } else { "http" };
    if let Some(name) = name(target).filter(|_| target.is_secured()) {
        // The name of the certificate and of SNI is that of the URL.
        let port = place.rsplit_once(':').map_or("443", |(_, port)| port);
        words.extend(["-k".to_owned(), "--connect-to".to_owned(), quoted(&format!("::{place}"))]);
        words.extend(["-H".to_owned(), quoted(&format!("Host: {}", host_of(target)))]);
        words.push(quoted(&format!("{scheme}://{name}:{port}{}", check.path)));
    } else {
        if target.is_secured() {
            words.push("-k".to_owned());
        }
        words.extend(["-H".to_owned(), quoted(&format!("Host: {}", host_of(target)))]);
        words.push(quoted(&format!("{scheme}://{place}{}", check.path)));
    }
    words.join(" ")
}

/// The name that is asked for over TLS, where the check says one.
fn name(target: &Target) -> Option<&str> {
    target.check.server_name.as_deref().or(target.check.host.as_deref())
}

fn grpcurl(target: &Target) -> String {
    let (place, ..) = place(target);
    let service = target.check.service.as_deref().unwrap_or_default();
    let tls = match (target.is_secured(), name(target)) {
        (false, _) => "-plaintext".to_owned(),
        (true, None) => "-insecure".to_owned(),
        (true, Some(name)) => format!("-insecure -servername {}", quoted(name)),
    };
    let message = quoted(&format!("{{\"service\":\"{service}\"}}"));
    format!("grpcurl {tls} -max-time {} -d {message} {place} grpc.health.v1.Health/Check", seconds(target))
}

fn netcat(target: &Target, nc: &str) -> String {
    let (_, host, port) = place(target);
    let wait = seconds(target);
    let there = if port.is_empty() { format!("-U {}", quoted(&host)) } else { format!("{host} {port}") };
    match &target.check.send {
        Some(send) => format!("printf {} | {nc} -w{wait} {there}", printf(send)),
        None if target.check.protocol == CheckProtocol::Udp => format!("printf '' | {nc} -w{wait} {there}"),
        None => format!("{nc} -zv -w{wait} {there}"),
    }
}

fn openssl(target: &Target) -> String {
    let (place, ..) = place(target);
    let say =
        target.check.send.as_deref().map_or_else(|| "printf ''".to_owned(), |send| format!("printf {}", printf(send)));
    format!("{say} | openssl s_client -quiet -connect {place}")
}

/// A payload as a word for `printf`.
fn printf(payload: &str) -> String {
    let bytes = HealthCheck::payload(payload);
    let word: Vec<_> = bytes
        .iter()
        .map(|&byte| match byte {
            b'%' => "%%".to_owned(),
            b'\\' => "\\\\".to_owned(),
            b'\'' => "\\047".to_owned(),
            b' '..=b'~' => char::from(byte).to_string(),
            _ => format!("\\{byte:03o}"),
        })
        .collect();
    format!("'{}'", word.concat())
}

/// A payload as a word of a shell that knows `$'...'`.
fn shell_payload(payload: &str) -> String {
    let bytes = HealthCheck::payload(payload);
    if bytes.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return quoted(&String::from_utf8_lossy(&bytes));
    }
    let digits: Vec<_> = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    format!("$'{}'", digits.concat())
}

/// A word for a shell, as it is where it needs no quotes.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,@%+".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
