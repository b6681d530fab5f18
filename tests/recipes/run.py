#!/usr/bin/env python3
"""Whether the recipes under assets/recipes do what they say, with the real servers behind poised.

    tests/recipes/run.py [--poised PATH] [apache|nginx|lighttpd|php]...

Every server is started twice on free ports in a temporary folder, with its recipe, behind a poised
with persistence by cookie-rewrite. Clients come from 127.0.0.9 and forge X-Forwarded-For. Exit 0:
every promise held; 1: one did not, and which; 2: something is missing, and where to get it.
"""
import http.client
import os
import shutil
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import real
from real import PATIENCE_S, ROOT, asked, check, free_port, need, outcome, program, start, stop, stop_all, write

RECIPES = os.path.join(ROOT, "assets/recipes")
MODULES = "/usr/lib/apache2/modules"
CLIENT = "127.0.0.9"
NEEDED = {
    "apache": (["apache2"], "apt install apache2"),
    "nginx": (["nginx"], "apt install nginx"),
    "lighttpd": (["lighttpd"], "apt install lighttpd"),
    "php": (["nginx", "php-fpm8.4", "php-fpm8.3", "php-fpm8.2", "php-fpm7.4", "php-fpm"], "apt install nginx php-fpm"),
}


def poised(path, folder, backends, listener):
    port = free_port()
    lines = [f'b{at} = {{ address = "127.0.0.1:{backend}" }}' for at, backend in enumerate(backends)]
    config = (
        f'[listeners.web]\nbind = "127.0.0.1:{port}"\nprotocol = "http"\ngroup = "app"\n{listener}\n'
        + '[groups.app]\nscheduler = "rr"\nhealth_check = "off"\n[groups.app.backends]\n' + "\n".join(lines) + "\n"
    )
    real.poised(path, folder, config, [port])
    return port


def ask(port, target, cookie=None, method="GET"):
    """One request of a client that lies about where it comes from."""
    peer = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S, source_address=(CLIENT, 0))
    headers = {"X-Forwarded-For": "6.6.6.6", **({"Cookie": cookie} if cookie else {})}
    peer.request(method, target, headers=headers)
    answer = peer.getresponse()
    body = answer.read().decode()
    peer.close()
    return answer, body.strip()


def cookie_of(answer):
    """The cookie that an answer sets."""
    set_by = [value for name, value in answer.getheaders() if name.lower() == "set-cookie" and value.startswith("SRV=")]
    return set_by[0].split(";")[0] if set_by else None


def pages(folder, name):
    root = os.path.join(folder, "pages")
    write(root, "index.html", name)
    return root


def apache(folder, name, port):
    modules = ["mpm_event", "authz_core", "dir", "remoteip", "usertrack"]
    loads = "".join(f"LoadModule {m}_module {MODULES}/mod_{m}.so\n" for m in modules)
    config = write(
        folder,
        "apache.conf",
        f"{loads}ServerRoot {folder}\nServerName recipe\nListen 127.0.0.1:{port}\nPidFile {folder}/pid\nDirectoryIndex index.html\n"
        f"ErrorLog {folder}/error.log\nDocumentRoot {pages(folder, name)}\nUser www-data\nGroup www-data\n"
        f"Include {RECIPES}/apache.conf\nCustomLog {folder}/access.log recipe\n",
    )
    return start([program("apache2"), "-D", "FOREGROUND", "-f", config], port)


def nginx_config(folder, rest):
    temporary = "".join(f"{kind}_temp_path {folder}/{kind}; " for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
    return write(
        folder,
        "nginx.conf",
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\nevents {{ worker_connections 99; }}\n"
        f"http {{\n{temporary}\naccess_log off;\n{rest}\n}}\n",
    )


def nginx(folder, name, port):
    config = nginx_config(
        folder,
        f"include {RECIPES}/nginx.conf;\nlog_format recipe '$remote_addr $uri $status';\n"
        f"server {{ listen 127.0.0.1:{port}; access_log {folder}/access.log recipe; root {pages(folder, name)}; }}",
    )
    return start([program("nginx"), "-p", folder, "-c", config, "-e", os.path.join(folder, "start.log")], port)


def lighttpd(folder, name, port):
    config = write(
        folder,
        "lighttpd.conf",
        f'server.modules = ( "mod_accesslog" )\nserver.port = {port}\nserver.bind = "127.0.0.1"\n'
        f'server.document-root = "{pages(folder, name)}"\nindex-file.names = ( "index.html" )\nserver.errorlog = "{folder}/error.log"\n'
        f'accesslog.filename = "{folder}/access.log"\naccesslog.format = "%h %U %s"\ninclude "{RECIPES}/lighttpd.conf"\n',
    )
    return start([program("lighttpd"), "-D", "-f", config], port)


def address_and_cookie(path, folder, server):
    """The promises of the recipes with mod_remoteip, realip and extforward."""
    ports = [free_port(), free_port()]
    folders = [os.path.join(folder, name) for name in ("one", "two")]
    processes = [server(place, os.path.basename(place), port) for place, port in zip(folders, ports)]
    port = poised(path, folder, ports, 'persistence = { kind = "cookie-rewrite", cookie = "SRV" }')
    without = [ask(port, "/")[1] for _ in range(6)]
    check(sorted(set(without)) == ["one", "two"], f"without a cookie, clients go to both: {without}")
    for target, code in (("/", 200), ("/absent", 404)):
        answer, _ = ask(port, target)
        cookie = cookie_of(answer)
        check(answer.status == code and cookie is not None, f"an answer of {code} sets the cookie: {cookie}")
        if cookie:
            with_it = {ask(port, "/", cookie)[1] for _ in range(8)}
            check(len(with_it) == 1, f"with the cookie of {code}, a client stays: {sorted(with_it)}")
            values = {"SRV=nginx", "SRV=lighttpd"}
            check(cookie not in values and "127.0.0.1" not in cookie, "the value is poise's and says no address")
    for process in processes:
        stop(process)
    logged = "".join(open(os.path.join(place, "access.log")).read() for place in folders).splitlines()
    # The first look at a port comes without a head, and may be logged as what it is.
    clients = {line.split()[0] for line in logged if len(line.split()) > 2 and line.split()[1].startswith("/")}
    check(clients == {CLIENT}, f"the log names the client, neither poise nor what it forged: {sorted(clients)}")


def php(path, folder):
    """The promises of the recipe with nginx and php-fpm (C7)."""
    fpm = next(found for found in map(program, NEEDED["php"][0][1:]) if found)
    port, php_port = free_port(), free_port()
    root = os.path.join(folder, "pages")
    write(root, "quick.php", "<?php echo 'quick';")
    write(root, "slow.php", f"<?php file_put_contents('{folder}/tmp/worker', getmypid()); sleep((int) $_GET['s']); echo 'slow';")
    os.makedirs(os.path.join(folder, "tmp"), exist_ok=True)
    os.chmod(os.path.join(folder, "tmp"), 0o777)
    as_root = "user = www-data\ngroup = www-data\n" if os.geteuid() == 0 else ""
    recipe = open(os.path.join(RECIPES, "php-fpm.conf")).read()
    config = write(
        folder,
        "fpm.conf",
        f"[global]\ndaemonize = no\nerror_log = {folder}/fpm.log\n{recipe}\nlisten = 127.0.0.1:{php_port}\n{as_root}",
    )
    start([fpm, "-n", "-y", config, "-p", folder], php_port)
    config = nginx_config(
        folder,
        f"upstream php {{ server 127.0.0.1:{php_port}; }}\n"
        f"server {{ listen 127.0.0.1:{port}; root {root}; include {RECIPES}/nginx-php-fpm.conf; }}",
    )
    start([program("nginx"), "-p", folder, "-c", config, "-e", os.path.join(folder, "start.log")], port)
    # Shorter than the time that php-fpm lets a script run, so that exhaustion shows before it ends.
    impatient = poised(path, os.path.join(folder, "impatient"), [port], 'response_timeout = "1s"')
    patient = poised(path, os.path.join(folder, "patient"), [port], "")
    answer, body = ask(patient, "/quick.php")
    check((answer.status, body) == (200, "quick"), "a script that ends is answered")

    def told(port, target, method="POST"):
        answer, _ = ask(port, target, method=method)
        return answer.status, answer.getheader("X-Poise-Cause")

    got = told(patient, "/slow.php?s=30")
    check(got == (502, "backend-closed"), f"a script that runs too long: {got}")
    worker = os.path.join(folder, "tmp", "worker")
    os.unlink(worker)

    def kill():
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if os.path.exists(worker) and (text := open(worker).read()):
                return os.kill(int(text), signal.SIGKILL)
            time.sleep(0.02)

    killer = threading.Thread(target=kill)
    killer.start()
    got = told(patient, "/slow.php?s=30")
    killer.join()
    check(got == (502, "backend-closed"), f"a script that is killed: {got}")
    busy = [threading.Thread(target=told, args=(patient, "/slow.php?s=30")) for _ in range(2)]
    for thread in busy:
        thread.start()
    time.sleep(0.5)
    got = told(impatient, "/quick.php")
    check(got == (504, "response-timeout"), f"every worker busy: {got}")
    for thread in busy:
        thread.join()
    answer, body = ask(patient, "/quick.php")
    check((answer.status, body) == (200, "quick"), "and then all is well again")


def main():
    path, names, lacks = asked(list(NEEDED))
    for name in names:
        programs, how = NEEDED[name]
        if not program(programs[0]) or (len(programs) > 1 and not any(map(program, programs[1:]))):
            lacks.append(f"{name}: {how}")
    need(lacks)
    servers = {"apache": apache, "nginx": nginx, "lighttpd": lighttpd}
    for name in names:
        print(name, flush=True)
        folder = tempfile.mkdtemp(prefix="poise-recipes-")
        # Servers may run their workers as another user.
        os.chmod(folder, 0o755)
        try:
            if name == "php":
                php(path, folder)
            else:
                address_and_cookie(path, folder, servers[name])
        finally:
            stop_all()
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(outcome())


if __name__ == "__main__":
    main()
