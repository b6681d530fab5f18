//! The configuration of each proxy for the same work: one thread, backends in turn, no health
//! checks, no log, connections to backends kept for HTTP.
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
        Service::Udp => "udp",
    };
    let mut text = format!(
        "[listeners.bench]\nbind = \"127.0.0.1:{}\"\nprotocol = \"{protocol}\"\ngroup = \"bench\"\n\n\
         [groups.bench]\nscheduler = \"{}\"\nhealth_check = \"off\"\n\n[groups.bench.backends]\n",
        setup.port, setup.scheduler
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
    let http = setup.service == Service::Http;
    let mut text = format!(
        "global\n  nbthread 1\n  maxconn {connections}\n\
         defaults\n  mode {}\n  timeout connect 5s\n  timeout client 120s\n  timeout server 120s\n",
        if http { "http" } else { "tcp" },
    );
    append(&mut text, format_args!("listen bench\n  bind 127.0.0.1:{}\n  balance roundrobin\n", setup.port));
    if http {
        text.push_str("  option forwardfor\n  http-reuse always\n");
    }
    if splice {
        text.push_str("  option splice-request\n  option splice-response\n");
    }
    for (at, address) in setup.backends.iter().enumerate() {
        append(&mut text, format_args!("  server b{at} {address}\n"));
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
        Service::Http => nginx_http(setup, &upstream),
    };
    text + &body
}

fn nginx_http(setup: &Setup, upstream: &str) -> String {
    let folder = setup.folder.display();
    let port = setup.port;
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path {folder}/{kind};\n"))
        .concat();
    format!(
        "http {{\n  access_log off;\n  keepalive_requests 1000000000;\n  keepalive_timeout 120s;\n{temporary}\
         {upstream}    keepalive 512;\n    keepalive_requests 1000000000;\n  }}\n\
         server {{\n    listen 127.0.0.1:{port};\n    location / {{\n      proxy_pass http://bench;\n      \
         proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n      proxy_set_header Host $host;\n      \
         proxy_set_header X-Forwarded-For $remote_addr;\n      proxy_max_temp_file_size 0;\n    }}\n  }}\n}}\n"
    )
}

fn append(text: &mut String, more: std::fmt::Arguments<'_>) {
    text.write_fmt(more).expect("a text in memory takes all");
}
