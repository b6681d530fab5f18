#!/usr/bin/env python3
"""What probing many backends costs poised, and how long a dead backend goes unnoticed.

    cargo build --release -p poised -p poise
    tests/bench/probes.py [--backends 1000] [--seconds 20] [--bin target/release] [cost] [start] [detect]

`cost` starts poised with so many backends (addresses of 127/8, one server behind them), probes each
every second, and prints the CPU time of the whole process as a share of one core: by `tcp`, by `http`,
and with probes off. It fails when the bounds of 6 % and 12 % are exceeded.

`start` probes by `http` at the default interval and prints how many of the first probes arrive in each
tenth of it: an even share is a tenth of the backends. It fails when one is twice that.

`detect` lets the backends of a daemon with the default settings die, and prints how long it took until
each was down, beside the formula. The daemon has one core and everything else the others, if there are
several.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
BOUND_PERCENT = {"tcp": 6.0, "http": 12.0}
# Of `hang`: no more probes than that are under way at once, and each takes its whole timeout.
HANGING_MAX = 200


class Answering(asyncio.Protocol):
    """Answers a request, or never does."""

    silent = False
    asked = []

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.asked.append(time.time())
        if not self.silent:
            self.transport.write(ANSWER)
            self.transport.close()


def serve(pipe):
    """A server that says its port, and stops listening or answering when it is told."""
    if os.cpu_count() > 1:
        os.sched_setaffinity(0, set(range(1, os.cpu_count())))

    async def run():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Answering, "0.0.0.0", 0, backlog=4096)
        pipe.send(server.sockets[0].getsockname()[1])
        while True:
            word = await loop.run_in_executor(None, pipe.recv)
            if word == "asked":
                pipe.send(Answering.asked)
                continue
            if word == "hang":
                Answering.silent = True
            else:
                server.close()
            pipe.send(time.time())

    asyncio.run(run())


class Server:
    def __enter__(self):
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=serve, args=(theirs,), daemon=True)
        self.process.start()
        self.port = self.pipe.recv()
        return self

    def tell(self, word):
        self.pipe.send(word)
        return self.pipe.recv()

    def __exit__(self, *_):
        self.process.kill()


class Daemon:
    """poised with so many backends."""

    def __init__(self, binaries, port, count, check):
        self.folder = tempfile.TemporaryDirectory()
        root = pathlib.Path(self.folder.name)
        self.socket = root / "run" / "poised.sock"
        lines = ["[groups.app]", f"health_check = {check}", "[groups.app.backends]"]
        lines += [f'b{n} = {{ address = "127.1.{n // 250}.{n % 250 + 1}:{port}" }}' for n in range(count)]
        (root / "poise.toml").write_text("\n".join(lines) + "\n")
        command = [binaries / "poised", "--config", root / "poise.toml", "--state-dir", root / "state"]
        command += ["--socket", self.socket, "--workers", "1"]
        if os.cpu_count() > 1:
            command = ["taskset", "-c", "0", *command]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "poised is ready" in line:
                break
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def cpu_s(self):
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


def floor(port):
    """What the kernel alone takes for a connection that is made, looked at and reset, one after another."""
    rounds, began = 5000, time.process_time()
    for n in range(rounds):
        peer = socket.socket()
        peer.setblocking(False)
        peer.connect_ex((f"127.1.{n % 1000 // 250}.{n % 250 + 1}", port))
        peer.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()
    each = 1e6 * (time.process_time() - began) / rounds
    print(f"connect, look, reset, by this program: {each:5.1f} us", flush=True)


def cost(args):
    fine = True
    with Server() as server:
        floor(server.port)
    for kind in ("off", "tcp", "http"):
        check = '"off"' if kind == "off" else f'{{ protocol = "{kind}", interval = "1s" }}'
        with Server() as server, Daemon(args.bin, server.port, args.backends, check) as daemon:
            time.sleep(5)
            began, before = time.monotonic(), daemon.cpu_s()
            time.sleep(args.seconds)
            used = daemon.cpu_s() - before
            percent = 100 * used / (time.monotonic() - began)
            each = 1e6 * used / (args.backends * args.seconds)
            bound = BOUND_PERCENT.get(kind)
            # The bound is that of 1,000 probes a second.
            over = bound is not None and percent > bound * args.backends / 1000
            fine &= not over
            print(f"{kind:5} {args.backends} backends each second: {percent:5.2f} % of a core, {each:5.1f} us a probe"
                  + (f" (at most {bound:g} %)" if bound else "") + (" OVER" if over else ""), flush=True)
    return fine


def start(args):
    interval_s, tenths = 2, [0] * 10
    with Server() as server, Daemon(args.bin, server.port, args.backends, '{ protocol = "http" }'):
        time.sleep(2 * interval_s)
        asked = server.tell("asked")
    for at in asked[:args.backends]:
        tenths[min(9, int((at - asked[0]) / interval_s * 10))] += 1
    print(f"first probes of {args.backends} backends, by tenth of the interval of {interval_s} s: {tenths}", flush=True)
    return max(tenths) < 2 * args.backends / 10


def detect(args):
    """Default settings: interval 2 s, fall 3, timeout 5 s."""
    cases = [
        ("refuse", "tcp", args.backends, "(fall - 1) x interval to fall x interval, less or more by 5 %: 3.9 s to 6.2 s"),
        ("refuse", "http", args.backends, "the same"),
        ("hang", "http", min(args.backends, HANGING_MAX), "fall x timeout to that and an interval, as the timeout is the longer: 15.0 s to 17.1 s"),
    ]
    for how, protocol, count, formula in cases:
        with Server() as server, Daemon(args.bin, server.port, count, f'{{ protocol = "{protocol}" }}') as daemon:
            watch = subprocess.Popen([args.bin / "poise", "--socket", daemon.socket, "watch", "health", "-o", "jsonl"],
                                     stdout=subprocess.PIPE, text=True)
            time.sleep(7)
            died_ms = server.tell(how) * 1000
            after = []
            for line in watch.stdout:
                event = json.loads(line)
                if '"to":"down"' in line.replace(" ", ""):
                    after.append((event["at_ms"] - died_ms) / 1000)
                if len(after) == count:
                    break
            watch.kill()
        after.sort()
        at = lambda share: after[min(len(after) - 1, int(share * len(after)))]
        figures = ", ".join(f"{word} {at(share):.2f}" for word, share in
                            (("min", 0), ("p10", .1), ("p50", .5), ("p90", .9), ("p99", .99), ("max", 1)))
        print(f"{protocol} {how}, {count} backends: {figures} s\n  formula: {formula}", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["cost", "start", "detect"], choices=["cost", "start", "detect"])
    parser.add_argument("--backends", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path(__file__).parents[2] / "target/release")
    args = parser.parse_args()
    fine = [{"cost": cost, "start": start, "detect": detect}[what](args) for what in args.what]
    sys.exit(0 if all(fine) else 1)


if __name__ == "__main__":
    main()
