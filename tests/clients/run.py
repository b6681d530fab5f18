#!/usr/bin/env python3
"""Whether clients that people really use work through poised.

    tests/clients/run.py [--poised PATH] [curl|chromium|websocket|grpc]...

A poised with listeners for http and https stands before two pages, a WebSocket server and a gRPC
server, all on free ports, in a temporary folder. Exit 0: all worked; 1: what did not; 2: something is
missing, and where to get it.
"""
import asyncio
import concurrent.futures
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from real import PATIENCE_S, asked, check, free_port, need, outcome, poised, program, stop_all

NEEDED = {
    "curl": ("curl", None, "apt install curl"),
    "chromium": ("chromium", None, "apt install chromium"),
    "websocket": (None, "websockets", "pip install websockets"),
    "grpc": (None, "grpc", "pip install grpcio"),
}
PAGE = """<!doctype html><title>%s</title><body><p id=out>waiting</p><script>
(async () => {
  const seen = [];
  for (let n = 0; n < 6; n++) seen.push(await (await fetch("/who?" + n)).text());
  const sent = await (await fetch("/length", { method: "POST", body: "x".repeat(300000) })).text();
  const protocol = performance.getEntriesByType("navigation")[0].nextHopProtocol;
  document.getElementById("out").textContent = JSON.stringify({ seen, sent, protocol });
})();
</script>"""


class Page(http.server.BaseHTTPRequestHandler):
    """A backend: its name, a page that asks for it, and the length of what it is sent."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        page = self.path == "/"
        self.answer(PAGE % self.server.name if page else self.server.name, "text/html" if page else "text/plain")

    def do_POST(self):
        self.answer(str(len(self.rfile.read(int(self.headers["Content-Length"])))), "text/plain")

    def answer(self, text, kind):
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def pages(name):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.name, server.daemon_threads = name, True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def listener(name, group, more):
    port = free_port()
    return port, f'[listeners.{name}]\nbind = "127.0.0.1:{port}"\ngroup = "{group}"\n{more}\n'


def stage(path, folder, groups):
    """Starts poised; gives the ports of its listeners by name, and its certificate."""
    chain, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        + ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", chain],
        check=True,
        capture_output=True,
    )
    text = f'[certificates.site]\nchain = "{chain}"\nkey = "{key}"\n'
    ports = {}
    for group, (backends, more) in groups.items():
        plain = 'protocol = "http"\nhttp2 = "on"'
        sealed = 'protocol = "https"\ntls = { certificates = ["site"] }'
        bound = '\npersistence = { kind = "cookie-insert" }' if group == "pages" else ""
        for kind, settings in ((f"{group}-http", plain), (f"{group}-https", sealed)):
            ports[kind], lines = listener(kind, group, settings + bound)
            text += lines
        text += f'[groups.{group}]\nscheduler = "rr"\nhealth_check = "off"\n{more}\n[groups.{group}.backends]\n'
        text += "".join(f'b{at} = {{ address = "127.0.0.1:{port}" }}\n' for at, port in enumerate(backends))
    poised(path, folder, text, ports.values())
    return ports, chain


def curl(ports, folder, chain):
    def run(url, *options):
        command = ["curl", "-sS", "--max-time", "20", "--cacert", chain, "-w", " %{http_version} %{http_code}", *options, url]
        done = subprocess.run(command, capture_output=True, text=True)
        return (done.stdout + done.stderr).strip()

    plain, sealed = f"http://127.0.0.1:{ports['pages-http']}/who", f"https://localhost:{ports['pages-https']}/who"
    for version, url, options in [
        ("1.1", plain, []),
        ("1.0", plain, ["--http1.0"]),
        ("2", plain, ["--http2-prior-knowledge"]),
        ("1.1", plain, ["--http2"]),
        ("1.1", sealed, ["--http1.1"]),
        ("2", sealed, ["--http2"]),
        ("1.1", sealed, ["--http1.1", "--tls-max", "1.2"]),
    ]:
        told = run(url, *options)
        shown = "1.1" if version == "1.0" else version
        right = told.split()[:1] and told.split()[0] in ("one", "two") and told.split()[1:] in ([version, "200"], [shown, "200"])
        check(bool(right), f"{url.split(':')[0]} {' '.join(options)}: {told}")
    big = os.path.join(folder, "big")
    with open(big, "wb") as file:
        file.write(b"x" * 3_000_000)
    for version in ("--http1.1", "--http2"):
        told = run(sealed.replace("who", "length"), version, "--data-binary", f"@{big}", "-H", "Expect: 100-continue")
        check(told.startswith("3000000 "), f"a body of 3 MB by {version}: {told}")
    for version in ("--http1.1", "--http2"):
        jar = os.path.join(folder, f"jar{version}")
        names = {run(sealed, version, "-c", jar, "-b", jar).split()[0] for _ in range(6)}
        check(len(names) == 1, f"with a cookie jar and {version}, one backend: {sorted(names)}")


def chromium(ports, folder, _chain):
    for kind, protocol in (("http", "http/1.1"), ("https", "h2")):
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors", "--dump-dom"]
        command += [f"--user-data-dir={folder}/chromium-{kind}", "--virtual-time-budget=20000"]
        done = subprocess.run(
            [*command, f"{kind}://localhost:{ports[f'pages-{kind}']}/"], capture_output=True, text=True, timeout=120
        )
        told = done.stdout.partition('<p id="out">')[2].partition("</p>")[0]
        title = done.stdout.partition("<title>")[2].partition("</title>")[0]
        try:
            told = json.loads(told)
        except ValueError:
            check(False, f"{kind}: the page did not finish: {told or done.stderr[-300:]!r}")
            continue
        check(set(told["seen"]) == {title}, f"{kind}: the page and what it fetches come from one backend: {told['seen']}")
        check(told["sent"] == "300000", f"{kind}: a body of 300,000 bytes: {told['sent']}")
        check(told["protocol"] == protocol, f"{kind}: {told['protocol']}")


def websocket_server():
    import websockets

    port, ready = free_port(), threading.Event()

    async def echo(peer, *_):
        async for message in peer:
            await peer.send(message)

    async def serve():
        async with websockets.serve(echo, "127.0.0.1", port, max_size=None):
            ready.set()
            await asyncio.Future()

    threading.Thread(target=lambda: asyncio.run(serve()), daemon=True).start()
    ready.wait(PATIENCE_S)
    return port


def websocket(ports, _folder, chain):
    import ssl

    import websockets

    async def talk(url, context):
        async with websockets.connect(url, ssl=context, max_size=None) as peer:
            for message in ["hello", "x" * 100_000, b"\0\xff" * 500_000, ""] + [str(n) for n in range(200)]:
                await peer.send(message)
                if await peer.recv() != message:
                    return False
            await (await peer.ping())
        return peer

    context = ssl.create_default_context(cafile=chain)
    for kind, scheme, how in (("http", "ws", None), ("https", "wss", context)):
        url = f"{scheme}://localhost:{ports[f'sockets-{kind}']}/"
        try:
            done = asyncio.run(asyncio.wait_for(talk(url, how), PATIENCE_S))
        except Exception as fault:  # whatever it is, it is what did not work
            done = None
            print(f"  {fault!r}")
        check(bool(done), f"{scheme}: 204 messages of up to 1 MB there and back, a ping, an orderly close")


def grpc_server():
    import grpc

    def stream(request, _):
        for n in range(int(request)):
            yield str(n).encode()

    def refuse(_, context):
        context.set_trailing_metadata((("why", "because"),))
        context.abort(grpc.StatusCode.NOT_FOUND, "none here")

    handlers = {
        "Echo": grpc.unary_unary_rpc_method_handler(lambda request, _: request),
        "Count": grpc.unary_stream_rpc_method_handler(stream),
        "Sum": grpc.stream_unary_rpc_method_handler(lambda requests, _: str(sum(map(int, requests))).encode()),
        "Both": grpc.stream_stream_rpc_method_handler(lambda requests, _: (b"<" + request + b">" for request in requests)),
        "Refuse": grpc.unary_unary_rpc_method_handler(refuse),
    }
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("poise.Test", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    grpc_server.kept = server
    return port


def grpc(ports, _folder, chain):
    import grpc as library

    credentials = library.ssl_channel_credentials(open(chain, "rb").read())
    for kind in ("http", "https"):
        target = f"localhost:{ports[f'calls-{kind}']}"
        channel = library.secure_channel(target, credentials) if kind == "https" else library.insecure_channel(target)
        call = lambda shape, name: getattr(channel, shape)(f"/poise.Test/{name}")
        within = {"timeout": PATIENCE_S}
        try:
            check(call("unary_unary", "Echo")(b"x" * 1_000_000, **within) == b"x" * 1_000_000, f"{kind}: a call with 1 MB")
            counted = [int(n) for n in call("unary_stream", "Count")(b"1000", **within)]
            check(counted == list(range(1000)), f"{kind}: a stream of 1,000 answers")
            summed = call("stream_unary", "Sum")((str(n).encode() for n in range(1000)), **within)
            check(summed == b"499500", f"{kind}: a stream of 1,000 requests")
            turns, got = [], []
            said = threading.Semaphore(1)

            def ask():
                for n in range(50):
                    said.acquire()
                    turns.append(n)
                    yield str(n).encode()

            for answer in call("stream_stream", "Both")(ask(), **within):
                got.append(answer)
                said.release()
            check(got == [f"<{n}>".encode() for n in range(50)], f"{kind}: 50 turns, each after the answer to the last")
            calls = [call("unary_unary", "Echo").future(str(n).encode(), **within) for n in range(300)]
            check([c.result() for c in calls] == [str(n).encode() for n in range(300)], f"{kind}: 300 calls at once")
        except library.RpcError as fault:
            check(False, f"{kind}: {fault.code()} {fault.details()}")
        try:
            call("unary_unary", "Refuse")(b"", **within)
            check(False, f"{kind}: a refusal arrives")
        except library.RpcError as fault:
            told = (fault.code(), fault.details(), tuple(fault.trailing_metadata()))
            right = told[:2] == (library.StatusCode.NOT_FOUND, "none here") and ("why", "because") in told[2]
            check(right, f"{kind}: a refusal arrives with its trailers: {told}")
        channel.close()


def missing(name):
    command, package, how = NEEDED[name]
    if command and not program(command):
        return f"{name}: {how}"
    if package:
        try:
            __import__(package)
        except ImportError:
            return f"{name}: {how}"
    return None


def main():
    path, names, lacks = asked(list(NEEDED))
    lacks += [] if program("openssl") else ["openssl: apt install openssl"]
    need(lacks + [lack for name in names if (lack := missing(name))])
    clients = {"curl": curl, "chromium": chromium, "websocket": websocket, "grpc": grpc}
    groups = {"pages": ([pages("one"), pages("two")], "")}
    if "websocket" in names:
        groups["sockets"] = ([websocket_server()], "")
    if "grpc" in names:
        groups["calls"] = ([grpc_server()], 'backend_protocol = "http2"')
    with tempfile.TemporaryDirectory(prefix="poise-clients-", ignore_cleanup_errors=True) as folder:
        ports, chain = stage(path, folder, groups)
        try:
            for name in names:
                print(name, flush=True)
                clients[name](ports, folder, chain)
        finally:
            stop_all()
    # Threads of servers are not waited for.
    os._exit(outcome())


if __name__ == "__main__":
    main()
