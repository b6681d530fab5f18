#!/bin/sh
# Runs the whole list of h2spec against the HTTP/2 edge, over TLS by ALPN.
#
# Needs: h2spec on PATH (or named by H2SPEC), openssl, python3, and a built poised (or named by
# POISED). At an address that speaks HTTP/1 too, a wrong preface is a request of HTTP/1 and answered
# as one, so one test of the list can only pass where ALPN has decided.
set -eu

cd "$(dirname "$0")/.."
h2spec=${H2SPEC:-h2spec}
poised=${POISED:-target/debug/poised}
for tool in "$h2spec" openssl python3 "$poised"; do
    command -v "$tool" >/dev/null || { echo "h2spec.sh: $tool is missing" >&2; exit 2; }
done

work=$(mktemp -d)
trap 'kill $backend $daemon 2>/dev/null || true; rm -rf "$work"' EXIT
backend=
daemon=

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -keyout "$work/key.pem" -out "$work/chain.pem" 2>/dev/null

# A backend that reads every request to its end before it answers.
python3 - "$work/backend" <<'PYTHON' &
import http.server, sys

class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self):
        if self.headers.get("Transfer-Encoding"):
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + len("\r\n"))
            while self.rfile.readline() not in (b"\r\n", b""):
                pass
        else:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"hello")

    do_GET = do_POST = do_HEAD = do_PUT = do_OPTIONS = answer

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
open(sys.argv[1], "w").write(str(server.server_port))
server.serve_forever()
PYTHON
backend=$!
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
for _ in $(seq 50); do [ -s "$work/backend" ] && break; sleep 0.1; done

cat >"$work/poise.toml" <<TOML
[certificates.site]
chain = "$work/chain.pem"
key = "$work/key.pem"

[listeners.web]
bind = "127.0.0.1:$port"
protocol = "https"
group = "app"
tls = { certificates = ["site"] }

[groups.app]
health_check = "off"

[groups.app.backends]
one = { address = "127.0.0.1:$(cat "$work/backend")" }
TOML
"$poised" --config "$work/poise.toml" --state-dir "$work/state" --socket "$work/poised.sock" 2>"$work/log" &
daemon=$!
for _ in $(seq 50); do grep -q "poised is ready" "$work/log" && break; sleep 0.1; done

"$h2spec" -t -k -h 127.0.0.1 -p "$port" -o 5
