//! The configuration of each proxy for the same work: one thread, backends in turn, no health
//! checks, no log, connections to backends kept for HTTP, TLS 1.3 alone.
//!
//! Text only; written to its place by `proxy`.

use std::fmt::Write;
use std::path::Path;

use super::Setup;
use crate::workload::Service;

/// Files that a proxy has open beside its connections, generously.
const FILES_RESERVED: u64 = 500;
/// More connections than any workload opens.
const CONNECTIONS_MAX: u64 = 9_000;

/// TOML for poised.
pub(super) fn poised(setup: &Setup) -> String {
    let protocol = match setup.service {
        Service::Tcp => "tcp",
        Service::Http => "http",
        Service::Https => "https",
        Service::Udp => "udp",
    };
    let mut text = format!(
        "[listeners.bench]\nbind = \"127.0.0.1:{}\"\nprotocol = \"{protocol}\"\ngroup = \"bench\"\n",
        setup.port
    );
    if setup.cookies {
        text.push_str("persistence = { kind = \"cookie-insert\", cookie = \"SRV\" }\n");
    }
    if setup.service == Service::Https {
        let (chain, key) = (setup.certificate.chain.display(), setup.certificate.key.display());
        text.push_str("tls = { certificates = [\"bench\"] }\n");
        append(&mut text, format_args!("\n[certificates.bench]\nchain = \"{chain}\"\nkey = \"{key}\"\n"));
    }
    append(
        &mut text,
        format_args!(
            "\n[groups.bench]\nscheduler = \"{}\"\nhealth_check = \"off\"\n\n[groups.bench.backends]\n",
            setup.scheduler
        ),
    );
    for (at, address) in setup.backends.iter().enumerate() {
        append(&mut text, format_args!("b{at} = {{ address = \"{address}\" }}\n"));
    }
    text
}

/// The configuration of `HAProxy`. Each connection takes two files, and two more for half of a pipe
/// each when it is spliced.
pub(super) fn haproxy(setup: &Setup, splice: bool) -> String {
    let connections = (setup.files_max.saturating_sub(FILES_RESERVED) * 2 / 5).min(CONNECTIONS_MAX);
    let http = matches!(setup.service, Service::Http | Service::Https);
    let tls = match setup.service {
        Service::Https => format!(" ssl crt {} alpn h2,http/1.1 ssl-min-ver TLSv1.3", setup.certificate.both.display()),
        _ => String::new(),
    };
    let mut text = format!(
        "global\n  nbthread 1\n  maxconn {connections}\n\
         defaults\n  mode {}\n  timeout connect 5s\n  timeout client 120s\n  timeout server 120s\n",
        if http { "http" } else { "tcp" },
    );
    append(&mut text, format_args!("listen bench\n  bind 127.0.0.1:{}{tls}\n  balance roundrobin\n", setup.port));
    if http {
        text.push_str("  option forwardfor\n  http-reuse always\n");
    }
    if splice {
        text.push_str("  option splice-request\n  option splice-response\n");
    }
    if setup.cookies {
        text.push_str("  cookie SRV insert indirect\n");
    }
    for (at, address) in setup.backends.iter().enumerate() {
        let cookie = if setup.cookies { format!(" cookie b{at}") } else { String::new() };
        append(&mut text, format_args!("  server b{at} {address}{cookie}\n"));
    }
    text
}

/// The configuration of nginx.
pub(super) fn nginx(setup: &Setup, module: Option<&Path>) -> String {
    let files = setup.files_max.saturating_sub(FILES_RESERVED).min(CONNECTIONS_MAX * 2);
    let folder = setup.folder.display();
    let mut text = module.map_or(String::new(), |module| format!("load_module {};\n", module.display()));
    append(
        &mut text,
        format_args!("daemon off;\nworker_processes 1;\npid {folder}/pid;\nevents {{ worker_connections {files}; }}\n"),
    );
    let mut upstream = "  upstream bench {\n".to_owned();
    for address in &setup.backends {
        append(&mut upstream, format_args!("    server {address};\n"));
    }
    let port = setup.port;
    let body = match setup.service {
        Service::Tcp => {
            format!("stream {{\n{upstream}  }}\n  server {{ listen 127.0.0.1:{port}; proxy_pass bench; }}\n}}\n")
        }
        Service::Udp => format!(
            "stream {{\n{upstream}  }}\n  server {{ listen 127.0.0.1:{port} udp reuseport; proxy_pass bench; \
             proxy_timeout 30s; }}\n}}\n"
        ),
        Service::Http | Service::Https => nginx_http(setup, &upstream),
    };
    text + &body
}

fn nginx_http(setup: &Setup, upstream: &str) -> String {
    let folder = setup.folder.display();
    let port = setup.port;
    let (chain, key) = (setup.certificate.chain.display(), setup.certificate.key.display());
    let (tls, certificate) = match setup.service {
        Service::Https => (
            " ssl http2",
            format!("    ssl_certificate {chain};\n    ssl_certificate_key {key};\n    ssl_protocols TLSv1.3;\n"),
        ),
        _ => ("", String::new()),
    };
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path {folder}/{kind};\n"))
        .concat();
    format!(
        "http {{\n  access_log off;\n  keepalive_requests 1000000000;\n  keepalive_timeout 120s;\n{temporary}\
         {upstream}    keepalive 512;\n    keepalive_requests 1000000000;\n  }}\n\
         server {{\n    listen 127.0.0.1:{port}{tls};\n{certificate}    location / {{\n      proxy_pass http://bench;\n      \
         proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n      proxy_set_header Host $host;\n      \
         proxy_set_header X-Forwarded-For $remote_addr;\n      proxy_max_temp_file_size 0;\n    }}\n  }}\n}}\n"
    )
}

fn append(text: &mut String, more: std::fmt::Arguments<'_>) {
    text.write_fmt(more).expect("a text in memory takes all");
}
