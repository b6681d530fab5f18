#!/usr/bin/env python3
"""Whether hyper, nginx and Go's net/http read the same requests in what poise sends on.

    tests/readings/run.py [FILE]

The test `http::readings` sends some 450 nasty requests through poise and writes the bytes that the
backend received, with hyper's reading of them, into a file; this runs it (or takes the FILE of an
earlier run), replays the bytes to nginx and to a Go server, and compares what each of them read:
the number of whole requests, and method, target, host and body of each. A reader may refuse a
request, which is counted, if it answers with 4xx or 5xx and reads nothing after it. Exit 0: no
difference; 1: a difference, which is shown; 2: something is missing, and where to get it.
Everything is started on free ports in a temporary folder and ended.
"""
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from real import PATIENCE_S, ROOT, free_port, need, program, start, stop_all

NEEDED = {"nginx": "apt install nginx", "go": "apt install golang-go", "cargo": "https://rustup.rs"}
NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
  log_format read escape=json '{{"status":"$status","read":["$request_method","$request_uri","$http_host","$request_body"]}}';
  access_log off; keepalive_requests 1000000; client_body_in_single_buffer on; client_body_buffer_size 1m;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; underscores_in_headers on; merge_slashes off;
  server {{ listen 127.0.0.1:{sink}; location / {{ return 200 ok; }} }}
  server {{
    listen 127.0.0.1:{port}; access_log {folder}/read.log read;
    location / {{ proxy_pass http://127.0.0.1:{sink}; proxy_method GET; proxy_pass_request_headers off;
                 proxy_set_header Host sink; proxy_ignore_client_abort on; }}
  }}
}}
"""


def needed():
    found = {name: program(name) for name in NEEDED}
    need([f"{name}: {NEEDED[name]}" for name, path in found.items() if not path])
    return found


def replay(port, data):
    """Sends the bytes of a connection, waits for its end, and returns what came."""
    came = b""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as peer:
        peer.settimeout(PATIENCE_S)
        try:
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)
            while part := peer.recv(65536):
                came += part
        except ConnectionError:
            pass  # what was refused shows in what was not read
    return came


def refuses(came):
    """Whether the last answer is a refusal."""
    # nginx refuses what has no version that it knows by a page without a head.
    codes = re.findall(rb"(?:(?:^|\n)HTTP/1\.[01] |<title>)(\d{3}) ", came)
    return bool(codes) and codes[-1] >= b"400"


class Nginx:
    """nginx, whose log tells what it read."""

    own = ()

    def __init__(self, nginx, folder):
        self.port, sink = free_port(), free_port()
        config = os.path.join(folder, "nginx.conf")
        with open(config, "w") as file:
            file.write(NGINX.format(folder=folder, port=self.port, sink=sink))
        start([nginx, "-p", folder, "-c", config, "-e", os.path.join(folder, "start.log")], self.port)
        self.log = open(os.path.join(folder, "read.log"))
        time.sleep(0.1)
        self.log.read()

    def read(self, data):
        refused = refuses(replay(self.port, data))
        # A line is written after its answer: the marker's comes after all others.
        replay(self.port, b"GET /marker HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n")
        readings, part, end = [], "", time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            part += self.log.readline()
            if not part.endswith("\n"):
                time.sleep(0.002)
                continue
            line, part = json.loads(part, strict=False), ""
            if line["read"][1] == "/marker":
                return readings, refused
            if line["status"] == "200":
                readings.append([text.encode("latin-1", "replace").hex() for text in line["read"]])
        sys.exit("nginx does not log")


class Go:
    """Go's net/http, which tells what it read as it goes."""

    # It answers these itself, unseen by whoever serves.
    own = ((b"OPTIONS", b"*"),)

    def __init__(self, go, folder):
        built = os.path.join(folder, "reader")
        source = os.path.join(ROOT, "tests/readings/reader.go")
        environment = dict(os.environ, GOCACHE=os.path.join(folder, "cache"), GO111MODULE="off", HOME=folder)
        subprocess.run([go, "build", "-o", built, source], check=True, env=environment)
        self.process = start([built], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def read(self, data):
        refused = refuses(replay(self.port, data))
        replay(self.port, b"GET /marker HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n")
        readings = []
        while True:
            line = json.loads(self.process.stdout.readline())
            if bytes.fromhex(line[1]) == b"/marker":
                return readings, refused
            readings.append(line)


def recorded(cargo, folder):
    path = os.path.join(folder, "readings.jsonl")
    command = [cargo, "test", "-q", "-p", "poised", "--test", "daemon", "http::readings"]
    subprocess.run(command, cwd=ROOT, check=True, env=dict(os.environ, POISE_READINGS=path))
    return path


def shown(reading):
    return " ".join(repr(bytes.fromhex(part)) for part in reading)


def compare(path, readers):
    connections = requests = refusals = differences = 0
    with open(path) as lines:
        for line in map(json.loads, lines):
            connections += 1
            requests += len(line["hyper"])
            sent = bytes.fromhex(line["sent"])
            for name, reader in readers.items():
                wanted = [read for read in line["hyper"] if tuple(map(bytes.fromhex, read[:2])) not in reader.own]
                read, refused = reader.read(sent)
                if read == wanted:
                    continue
                if refused and read == wanted[: len(read)]:
                    refusals += 1
                    continue
                differences += 1
                print(f"{name} reads differently\n  case  {bytes.fromhex(line['case'])!r}\n  sent  {sent!r}")
                for whose, readings in (("hyper", wanted), (name, read)):
                    for reading in readings or [[]]:
                        print(f"  {whose:5} {shown(reading) or 'nothing'}")
    print(
        f"{connections} connections with {requests} requests, read by hyper, {', '.join(readers)}: "
        f"{differences} differences, {refusals} refused by one of them"
    )
    return differences


def main():
    programs = needed()
    with tempfile.TemporaryDirectory(prefix="poise-readings-") as folder:
        # nginx may run its workers as another user.
        os.chmod(folder, 0o755)
        path = sys.argv[1] if len(sys.argv) > 1 else recorded(programs["cargo"], folder)
        readers = {}
        try:
            readers["nginx"] = Nginx(programs["nginx"], folder)
            readers["go"] = Go(programs["go"], folder)
            sys.exit(1 if compare(path, readers) else 0)
        finally:
            stop_all()


if __name__ == "__main__":
    main()
