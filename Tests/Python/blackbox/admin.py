"""The operator's side of a running instance: the admin socket and who may use it, orders to reload
and how they end, status from everywhere, and the port with TLS, passwords and a token.
"""

import copy
import json
import os
import pty
import shutil
import signal
import stat
import subprocess
import time

import messages
import harness
from harness import EXIT_CONFIGURATION, EXIT_OK, EXIT_UNAVAILABLE, binary, require, wait_for

TOPIC = "telemetry"
EXIT_USAGE = 64
PASSWORD, TOKEN = "correct horse", "t0ken"


def call(*arguments, stdin="", environment=None):
    """(exit code, standard output, standard error) of a command of ours."""
    done = subprocess.run(
        [binary(), *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=90,
        env={**os.environ, **(environment or {})},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def curl(*arguments):
    """(HTTP's code, or 0 where there was none, what was said)"""
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "20", "--write-out", "\n%{http_code}",
         *map(str, arguments)],
        capture_output=True, text=True,
    )  # fmt: skip
    body, _, code = done.stdout.rpartition("\n")
    return int(code or 0), body + done.stderr


def expect(found, code, *words):
    """A command's answer: its exit code, and what is in its two outputs."""
    require(found[0] == code, f"ended with {found[0]}, not {code}: {found[1]}{found[2]}")
    for word in words:
        require(word in found[1] + found[2], f"{word!r} is not in {found[1]}{found[2]}")


class Instance:
    def __init__(self, scenario):
        self.scenario = scenario
        self.brokers = scenario.broker(**{TOPIC: 2})
        self.socket = scenario.folder / "run" / "admin.sock"
        self.port = harness.free_port()
        self.config = harness.base_config(
            self.brokers, scenario.folder / "data", [messages.wide_source()],
            http={"listen": f"127.0.0.1:{self.port}"}, admin={"socket": str(self.socket)},
        )  # fmt: skip
        self.config["sources"][0]["topics"] = [TOPIC]
        self.path = scenario.write_config(self.config)
        self.start("first")

    def start(self, name, path=None):
        self.daemon = self.scenario.start(name, "run", "--config", path or self.path)
        self.daemon.wait_for_log('"partition taken up"')
        self.wait_until_ready()

    def write(self, **sections):
        config = copy.deepcopy(self.config)
        config.update(sections)
        self.scenario.write_config(config)

    def wait_until_ready(self):
        wait_for(
            "it is ready", lambda: call("status", "--socket", self.socket)[0] == EXIT_OK, pause=0.3)

    def reload(self, *flags):
        return call("reload", "--config", self.path, *flags)


# ---- the socket


def socket_file(instance):
    about = instance.socket.stat()
    require(stat.S_ISSOCK(about.st_mode), "the admin socket is no socket")
    require(stat.S_IMODE(about.st_mode) == 0o660, f"its mode is {stat.filemode(about.st_mode)}")
    code, said = curl("--unix-socket", instance.socket, "http://x/livez")
    require((code, said) == (200, "ok\n"), f"/livez over the socket: {code} {said}")
    if os.geteuid() == 0 and shutil.which("setpriv"):
        stranger = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        done = subprocess.run(
            [*stranger, "curl", "--silent", "--unix-socket", instance.socket, "http://x/livez"],
            capture_output=True,
        )  # fmt: skip
        require(done.returncode != 0, "a stranger may use the socket")
    for path in ("/reload", "/tap"):
        code, said = curl("-X", "POST", f"http://127.0.0.1:{instance.port}{path}")
        require(code == 404, f"POST {path} on the port: {code} {said}")


def second_instance(instance):
    """On the same socket: a warning, and it runs without; the first one's stays."""
    other = copy.deepcopy(instance.config)
    other["http"] = {"listen": "127.0.0.1:0"}
    path = instance.scenario.write_config(other, "second.yaml")
    daemon = instance.scenario.start("second", "run", "--config", path)
    daemon.wait_for_log("another program listens there")
    daemon.wait_for_log("no admin socket, orders come by signal only")
    require(daemon.stop() == EXIT_OK, "the second instance did not stop in order")
    require(curl("--unix-socket", instance.socket, "http://x/livez")[0] == 200, "the socket is gone")


def killed(instance):
    """SIGKILL leaves the file; the next start has it again."""
    instance.daemon.kill()
    require(instance.socket.exists(), "SIGKILL removed a file")
    expect(instance.reload(), EXIT_UNAVAILABLE, "nothing listens there")
    instance.start("third")
    expect(instance.reload(), EXIT_OK, "nothing changed")


# ---- reload


def reload(instance):
    expect(instance.reload(), EXIT_OK, "taken over: nothing changed")
    instance.write(log={"level": "debug", "format": "json"})
    expect(instance.reload(), EXIT_OK, "taken over: 1 change, in force", "log.level: info → debug")
    storage = copy.deepcopy(instance.config["storage"])
    storage["commit"]["interval"] = "2s"
    instance.write(storage=storage)
    begun = len(instance.daemon.events("partition taken up"))
    expect(instance.reload(), EXIT_OK, "in force", "1s → 2s (by a new session)")
    taken = len(instance.daemon.events("partition taken up"))
    require(taken == begun + 2, f"the answer came before the new session: {begun}, {taken}")
    instance.write(lanes=1, kafka={**instance.config["kafka"], "group": "other"})
    found = instance.reload()
    expect(found, EXIT_CONFIGURATION, "lanes: 2 → 1 (needs a restart)", "kafka.group", "refused")
    require(not found[1], f"a refusal is on standard output: {found[1]}")
    instance.write(log={"level": "lowd"}, memory={"bufers": "1GB"})
    expect(instance.reload(), EXIT_CONFIGURATION, "`lowd` is not known", "memory.bufers", "refused")
    code, said = curl("-X", "POST", "--unix-socket", instance.socket, "http://x/reload?wait=5")
    answer = json.loads(said)
    require(code == 409 and len(answer["reasons"]) == 2, f"POST /reload: {code} {answer}")
    require(not answer["accepted"], "a refused file was accepted")
    instance.path.write_text("pipeline: [\n", encoding="utf-8")
    expect(instance.reload(), EXIT_CONFIGURATION, f"{instance.path}:")
    before = len(instance.daemon.events("configuration refused"))
    expect(instance.reload("--pid", instance.daemon.popen.pid), EXIT_CONFIGURATION)
    wait_for(
        "the instance has heard of it",
        lambda: len(instance.daemon.events("configuration refused")) > before)
    instance.write()
    expect(instance.reload(), EXIT_OK, "2s → 1s")
    expect(call("reload", "--socket", instance.socket), EXIT_OK, "nothing changed")
    expect(call("reload"), EXIT_USAGE)
    missing = instance.socket.parent / "none"
    expect(call("reload", "--socket", missing), EXIT_UNAVAILABLE, "no admin socket at")
    # Frozen, it takes the order and does not decide.
    instance.daemon.send(signal.SIGSTOP)
    try:
        expect(instance.reload("--timeout", 1), 75, "not decided within 1 s")
    finally:
        instance.daemon.send(signal.SIGCONT)
    # The group has given its partitions to nobody meanwhile, and takes it in again.
    instance.wait_until_ready()


# ---- status


def status(instance):
    expect(call("status", "--config", instance.path), EXIT_OK, "ready: 2 partitions")
    expect(call("status", "--socket", instance.socket), EXIT_OK, "ready: 2 partitions")
    expect(call("status", "--address", f"127.0.0.1:{instance.port}"), EXIT_OK, "ready")
    found = call("status", "--config", instance.path, "--json")
    require(json.loads(found[1])["ready"], "the JSON says otherwise")
    good = instance.path.read_text()
    instance.path.write_text(good.replace('"lanes": 2', '"lanes": 0'), encoding="utf-8")
    expect(call("status", "--config", instance.path), EXIT_OK, "ready")
    instance.path.write_text(good, encoding="utf-8")


def watch(instance):
    """One block after the other into a pipe, also while the instance is away; SIGINT ends it."""
    watcher = instance.scenario.start("watch", "status", "--config", instance.path, "--watch", 1)
    watcher.wait_for_log("ready: 2 partitions")
    require(instance.daemon.stop() == EXIT_OK, "it did not stop in order")
    require(not instance.socket.exists(), "the socket outlives its instance")
    watcher.wait_for_log("away for")
    require(watcher.is_running, "it ended because the instance was away")
    count = watcher.log().count("ready: 2")
    instance.start("again")
    wait_for("it is seen again", lambda: watcher.log().count("ready: 2") > count)
    watcher.send(signal.SIGINT)
    require(watcher.wait() == EXIT_OK, f"SIGINT ended --watch with {watcher.code}")
    require("\x1b" not in watcher.log(), "there are control sequences in a pipe")


def watch_on_terminal(instance):
    """In place, on a terminal."""
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [binary(), "status", "--config", str(instance.path), "--watch"], stdin=child, stdout=child)
    os.close(child)
    seen = b""
    deadline = time.monotonic() + 30
    while seen.count(b"ready: ") < 3 and time.monotonic() < deadline:
        seen += os.read(parent, 65_536)
    process.send_signal(signal.SIGINT)
    require(process.wait(20) == EXIT_OK, "SIGINT ended --watch on a terminal otherwise than with 0")
    os.close(parent)
    require(seen.count(b"\x1b[J") >= 2, f"it does not draw over: {seen[-500:]}")


# ---- TLS and logins


def certificate(folder, name):
    """Signed by itself, for this machine."""
    harness.call([
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-days", "30", "-subj", f"/CN={name}",
        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-keyout", folder / "http.key", "-out", folder / "http.pem",
    ])  # fmt: skip


def guarded(instance):
    folder = instance.scenario.folder
    certificate(folder, "before")
    code, hashed, said = call("http-password", stdin=PASSWORD + "\n")
    require(code == EXIT_OK and hashed.startswith("$2b$12$"), f"http-password: {code} {said}")
    expect(call("http-password", stdin=""), EXIT_USAGE, "there is no password")
    (folder / "token").write_text(TOKEN + "\n", encoding="utf-8")
    (folder / "password").write_text(PASSWORD + "\n", encoding="utf-8")
    http = {
        **instance.config["http"],
        "tls": {"certificate": "http.pem", "key": "http.key"},
        "basic_auth": {"users": {"ann": hashed.strip()}},
        "bearer_token": "file:token",
    }
    instance.write(http=http)
    expect(instance.reload(), EXIT_OK, "http.tls.certificate: added", "users.ann: added: ***")
    url = f"https://127.0.0.1:{instance.port}"
    trusted = ["--cacert", folder / "http.pem"]
    for arguments, expected in (
        ([f"{url}/readyz"], 200),
        ([f"{url}/metrics"], 401),
        (["--user", f"ann:{PASSWORD}", f"{url}/metrics"], 200),
        (["--user", f"ann:{PASSWORD}", f"{url}/metrics"], 200),
        (["--user", "ann:wrong", f"{url}/metrics"], 401),
        (["--header", f"Authorization: Bearer {TOKEN}", f"{url}/metrics"], 200),
        (["--header", "Authorization: Bearer wrong", f"{url}/metrics"], 401),
    ):
        code, said = curl(*trusted, *arguments)
        require(code == expected, f"{arguments}: {code}, not {expected}: {said[-300:]}")
    require(curl(f"http://127.0.0.1:{instance.port}/livez")[0] == 0, "it answers in clear")
    ask = ["status", "--url", url, "--ca", folder / "http.pem"]
    expect(call(*ask), EXIT_UNAVAILABLE, "it asks for a login")
    expect(call(*ask, "--bearer-token-file", folder / "token"), EXIT_OK, "ready")
    expect(call(*ask, "--user", "ann", "--password-file", folder / "password"), EXIT_OK, "ready")
    expect(call("status", "--config", instance.path), EXIT_OK, "ready")
    # Another certificate in the same files.
    certificate(folder, "after")
    expect(instance.reload(), EXIT_OK, "http.tls: other certificates")
    require("CN = after" in subject(instance.port), "the certificate is the one of before")
    (folder / "http.key").write_text("nothing\n", encoding="utf-8")
    expect(instance.reload(), EXIT_CONFIGURATION, "http.tls.key", "no private key in PEM form")
    require("CN = after" in subject(instance.port), "a refused file changed the certificate")
    log = instance.daemon.log()
    for secret in (PASSWORD, TOKEN, hashed.strip()):
        require(secret not in log, f"{secret} is in the log")
    instance.write(http={**instance.config["http"], "listen": "0.0.0.0:0"})
    expect(call("check", "--config", instance.path), EXIT_OK, "nothing asks who they are")


def subject(port):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    return done.stdout


def run(scenario):
    instance = Instance(scenario)
    for step in (
        socket_file, second_instance, killed, reload, status, watch, watch_on_terminal, guarded,
    ):  # fmt: skip
        step(instance)
        scenario.note(step.__name__.replace("_", " "))
    require(instance.daemon.stop() == EXIT_OK, "it did not stop in order")


if __name__ == "__main__":
    harness.main(run)
