"""What the scripts share that put poised among programs that people really use.

Called by `tests/clients/run.py`, `tests/readings/run.py` and `tests/recipes/run.py`: programs are found,
started on free ports and ended, promises are checked and counted. It knows nothing of what is promised.
"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATIENCE_S = 30
running = []
faults = []


def program(name):
    """Where a program is; servers are in places that not every user looks at."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def check(holds, promise):
    print(("  ok    " if holds else "  FAULT ") + promise, flush=True)
    if not holds:
        faults.append(promise)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write(*path_and_text):
    path = os.path.join(*path_and_text[:-1])
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(path_and_text[-1])
    return path


def start(command, *ports, **more):
    """Starts a program, which `stop_all` ends, and waits until it listens."""
    process = subprocess.Popen(command, **more)
    running.append(process)
    for port in ports:
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None:
                    sys.exit(f"{command[0]} ended at once")
                if time.monotonic() > end:
                    sys.exit(f"{command[0]} does not listen on port {port}")
                time.sleep(0.05)
    return process


def stop(process):
    running.remove(process)
    process.send_signal(signal.SIGTERM)
    process.wait(PATIENCE_S)


def stop_all():
    for process in reversed(list(running)):
        stop(process)


def poised(path, folder, config, ports):
    """Starts poised with this configuration, which has listeners on these ports."""
    file = write(folder, "poise.toml", config)
    places = ["--state-dir", os.path.join(folder, "state"), "--socket", os.path.join(folder, "socket")]
    log = open(os.path.join(folder, "poised.log"), "w")
    return start([path, "--config", file, "--drain-time", "0s", *places], *ports, stdout=log, stderr=log)


def asked(known):
    """What the command line asks for: the program, names out of what is known, and what is wrong with it."""
    words, path = sys.argv[1:], None
    if "--poised" in words:
        at = words.index("--poised")
        path = words[at + 1]
        del words[at : at + 2]
    built = [os.path.join(ROOT, "target", kind, "poised") for kind in ("release", "debug")]
    path = path or next((found for found in built if os.path.exists(found)), None)
    lacks = [] if path else ["poised: cargo build -p poised, or --poised PATH"]
    lacks += [f"{name}: known are {', '.join(known)}" for name in words if name not in known]
    return path, [name for name in words or known if name in known], lacks


def need(lacks):
    """Ends with 2 and says what is missing, if anything is."""
    if lacks:
        print("\n".join(lacks), file=sys.stderr)
        sys.exit(2)


def outcome():
    """Says how many promises did not hold; the exit code."""
    print(f"{len(faults)} faults", flush=True)
    return 1 if faults else 0
