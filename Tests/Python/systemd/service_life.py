"""The Debian package and the service's life under a real systemd, on Debian 12 and on Debian 13.

    service_life.py --deb FILE ROOT…

Boots each root (made by `make setup-roots`) with systemd-nspawn, all at once, installs the package
and lives through what a machine goes through: a faulty configuration, start, reload, a hang, a
frozen broker, several pipelines, stop, upgrade, removal. Kafka is `downlinkd broker`, inside. Where
no machine can be booted it fails and says why.
"""

import argparse
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

import machine
from harness import Failure, require, wait_for
from machine import PACKAGES, Machine

UNIT = "downlinkd.service"
CONFIG = "/etc/downlinkd/downlinkd.yaml"
STATE = "/var/lib/downlinkd"
RUNTIME = "/run/downlinkd"
DROP_INS = f"/run/systemd/system/{UNIT}.d"
TEMPLATE_INSTANCE = "downlinkd@second.service"
REGISTRY_INSTANCE = "third"
PARTITION_COUNT = 4
# systemd-analyze's tenths.
EXPOSURE_MAX = 15
STOP_SECONDS_MAX = 10
NOTIFY_RELOAD_FROM = 253

BROKER_UNIT = """\
[Service]
ExecStart=/usr/bin/downlinkd broker --topic telemetry:{count} --topic other:1 --port-file /run/kafka
"""
# The embedded broker waits for as long as the session may last, at every rebalance.
CONFIGURATION = """\
pipeline: {pipeline}
kafka:
  brokers: ["{brokers}"]
  properties: {{session.timeout.ms: 3500, heartbeat.interval.ms: 500, {properties}}}
sources:
  - name: snapshots
    topics: [{topic}]
    message: fleet.telemetry.v1.DeviceTelemetry
    device: device_id
    time: {{field: time_unix_ms, unit: ms}}
    sequence: sequence
detectors:
  - {{name: hot, metric: battery_temperature_c, limits: {{critical: {{above: {limit}}}}}}}
storage: {{root: {root}, commit: {{interval: 1s}}, state_interval: 2s}}
http: {{listen: "127.0.0.1:{port}"}}
log: {{level: {level}}}
"""
LOST_REGISTRY = """\
pipeline: third
kafka: {{brokers: ["{brokers}"]}}
schema_registry: {{url: "http://127.0.0.1:1"}}
sources:
  - name: orbit
    topics: [other]
    envelope: confluent
    message: acme.Orbit
    device: $key
    time: {{field: $timestamp}}
storage: {{root: {root}}}
http: {{listen: none}}
"""


class Life:
    """One machine, from the package's installation to its purge."""

    def __init__(self, root, packages, folder):
        self.machine = Machine(root, packages.folder, folder, root.name)
        self.packages = packages
        self.produced = 0
        self.brokers = None

    def note(self, sentence):
        print(f"  {self.machine.name}: {sentence}", flush=True)

    def run(self):
        begun = time.monotonic()
        try:
            self.machine.boot()
            said = self.machine.run("systemctl", "--version")
            self.systemd = int(re.match(r"systemd (\d+)", said)[1])
            self.note(f"booted systemd {self.systemd} in {time.monotonic() - begun:.0f} s")
            for step in (
                self.install, self.hardening, self.faulty_configuration, self.start, self.reload,
                self.journal, self.lost_registry, self.credentials_and_instances, self.crash,
                self.hang, self.frozen_broker, self.still_no_registry, self.upgrade,
                self.refused_upgrade, self.stop, self.remove, self.purge,
            ):  # fmt: skip
                step()
        finally:
            self.machine.halt()
        self.note(f"halted after {time.monotonic() - begun:.0f} s")

    # ---- small things

    def configure(self, path=CONFIG, **changes):
        values = {
            "pipeline": "fleet", "brokers": self.brokers, "properties": "", "topic": "telemetry",
            "limit": 60, "root": STATE, "port": 9479, "level": "info", **changes,
        }  # fmt: skip
        self.machine.write(path, CONFIGURATION.format(**values))

    def systemctl(self, verb, unit=UNIT):
        """What it is asked must succeed; if not, the reason is in the unit's log."""
        code, said = self.machine.call("systemctl", verb, unit, seconds=120)
        require(code == 0, f"systemctl {verb} {unit}: {said}{self.machine.about(unit)}")

    def drop_in(self, name, text):
        self.machine.write(f"{DROP_INS}/{name}.conf", f"[Service]\n{text}\n")
        self.machine.run("systemctl", "daemon-reload")

    def remove_drop_in(self, name):
        self.machine.run("rm", f"{DROP_INS}/{name}.conf")
        self.machine.run("systemctl", "daemon-reload")

    def produce(self, count, topic="telemetry"):
        self.machine.run(
            "downlinkd", "produce", "--brokers", self.brokers, "--topic", topic, "--message",
            "wide", "--fleet", 20, "--count", count, "--seed", self.produced + 1,
        )  # fmt: skip
        self.produced += count

    def all_is_committed(self):
        expected = f" {self.produced:,} readings committed; lag 0; last commit"
        self.machine.wait_for_status(UNIT, "counts everything", lambda text: expected in text)

    def main_pid(self, unit=UNIT):
        """By the machine's own numbers."""
        return int(self.machine.show(unit, "MainPID"))

    def microseconds(self, name, unit=UNIT):
        return int(self.machine.show(unit, name))

    # ---- steps

    def install(self):
        """Files, user, folder; nothing is started or enabled."""
        run = self.machine.run
        run("dpkg", "--install", f"{PACKAGES}/{self.packages.first.name}")
        code, said = self.machine.call("systemctl", "is-enabled", UNIT)
        require(said.strip() == "disabled" and code != 0, f"after installing it is {said}")
        require(self.machine.show(UNIT, "ActiveState") == "inactive", "installing starts it")
        require("downlinkd" in run("id", "downlinkd"), "there is no user downlinkd")
        owner = run("stat", "--format=%U %G %a", STATE).strip()
        require(owner == "downlinkd downlinkd 755", f"{STATE} is of {owner}")
        expected = "notify-reload" if self.systemd >= NOTIFY_RELOAD_FROM else "notify"
        for unit in (UNIT, TEMPLATE_INSTANCE):
            found = self.machine.show(unit, "Type")
            require(found == expected, f"Type of {unit} is {found} with systemd {self.systemd}")
        complaints = [
            entry["MESSAGE"] for entry in self.machine.journal("_PID=1", "--priority=warning")
            if "downlinkd" in entry["MESSAGE"]
        ]  # fmt: skip
        require(not complaints, f"systemd complains: {complaints}")
        for unit in (UNIT, TEMPLATE_INSTANCE):
            code, said = self.machine.call("systemd-analyze", "verify", "--man=no", unit)
            require(code == 0 and "downlinkd" not in said, f"systemd-analyze verify: {said}")
        libraries = run("ldd", "/usr/bin/downlinkd")
        for word in ("not found", "swift"):
            require(word not in libraries, f"{word} among the libraries:\n{libraries}")
        # What `make install` and people start from: it is complete but for a Kafka.
        run("downlinkd", "check", "--config", CONFIG)
        self.note("installed: not started, not enabled, its example has no faults")

    def hardening(self):
        for unit in (UNIT, TEMPLATE_INSTANCE):
            code, said = self.machine.call(
                "systemd-analyze", "security", "--no-pager", f"--threshold={EXPOSURE_MAX}", unit)
            last = said.strip().splitlines()[-1]
            require(code == 0, f"the exposure of {unit} is above {EXPOSURE_MAX / 10}: {last}")
            self.note(last.strip("→ ").replace("exposure level for ", "exposure of "))

    def faulty_configuration(self):
        """The check before the start ends it, once: only a person can mend that."""
        self.machine.write(CONFIG, "pipeline: fleet\nkafkaa: {}\n")
        code, _ = self.machine.call("systemctl", "start", UNIT)
        require(code != 0, "systemctl start says nothing of a faulty configuration")
        # RestartSec= is 5 s; waiting for that restart would show as this state.
        state = self.machine.show(UNIT, "SubState")
        require(state == "failed", f"after a faulty configuration it is {state}")
        require(self.machine.show(UNIT, "NRestarts") == "0", "a faulty configuration is retried")
        started = self.machine.show(UNIT, "ExecMainPID")
        require(started == "0", "the program itself was started with a faulty configuration")
        said = [entry["MESSAGE"] for entry in self.machine.journal(f"--unit={UNIT}")]
        require(any(f"{CONFIG}:2" in line and "kafkaa" in line for line in said), f"says {said}")
        self.note("a faulty configuration: the start fails with file and line, and is not retried")

    def start(self):
        """Active when its partitions are being fetched, not before."""
        run = self.machine.run
        self.machine.write(
            "/run/systemd/system/kafka.service", BROKER_UNIT.format(count=PARTITION_COUNT))
        run("systemctl", "daemon-reload")
        run("systemctl", "start", "kafka.service")
        wait_for("the broker is ready", lambda: self.machine.exists("/run/kafka"))
        self.brokers = self.machine.read("/run/kafka").strip()
        self.configure()
        self.drop_in("restart", "RestartSec=1s")
        run("systemctl", "enable", UNIT)
        self.systemctl("start")
        require(self.machine.show(UNIT, "ActiveState") == "active", self.machine.about(UNIT))
        ready = self.microseconds("ActiveEnterTimestampMonotonic")
        taken = self.machine.journal(f"--unit={UNIT}", "EVENT=partition taken up")
        require(len(taken) == PARTITION_COUNT, f"{len(taken)} partitions were taken up at READY")
        last = max(int(entry["__MONOTONIC_TIMESTAMP"]) for entry in taken)
        require(last <= ready, f"active {last - ready} us before its last partition was taken up")
        begun = self.microseconds("ExecMainStartTimestampMonotonic")
        self.produce(2_000)
        self.all_is_committed()
        require(self.machine.show(UNIT, "NRestarts") == "0", "it was restarted while it started")
        self.note(f"active {(ready - begun) / 1e6:.1f} s after its start, with its partitions")
        self.note(f"its status: {self.machine.show(UNIT, 'StatusText')}")

    def reload(self):
        self.configure(level="debug", limit=70)
        self.machine.run("systemctl", "reload", UNIT)
        if self.systemd >= NOTIFY_RELOAD_FROM:
            # The reload has ended with READY=1, so that what became of it is known by now.
            require(self.reloads("reloaded"), "systemctl reload came back before it was done")
        wait_for("the file is taken over", lambda: self.reloads("reloaded"), 20)
        changes = self.reloads("reloaded")[-1]["CHANGES"]
        require("log.level" in changes and "hot" in changes, f"taken over: {changes}")
        self.refused_reload("detectors: [{name: hot, limits: {}}]\n", kept=True)
        # Not even YAML: where the socket is does not stand in it.
        self.refused_reload("pipeline: [\n", kept=False)
        self.machine.wait_for_status(UNIT, "tells it", lambda text: "file refused" in text, 20)
        require(self.reloads("refused"), "the log does not tell of the refused file")
        require(self.machine.show(UNIT, "ActiveState") == "active", "a refused file ended it")
        self.configure()
        self.machine.run("systemctl", "reload", UNIT)
        wait_for("the file is taken over", lambda: len(self.reloads("reloaded")) == 2, 20)
        said = self.machine.run("downlinkd", "reload", "--config", CONFIG)
        require(said == "taken over: nothing changed\n", f"downlinkd reload says {said}")
        said = self.machine.run("stat", "--format=%A %U %G", f"{RUNTIME}/fleet.sock").strip()
        require(said == "srw-rw---- downlinkd downlinkd", f"the admin socket is {said}")
        self.note("reload: taken over, refused, taken over")

    def refused_reload(self, text, kept):
        """`kept`: the text stands behind a good file."""
        before = len(self.reloads("refused"))
        good = self.machine.read(CONFIG)
        self.machine.write(CONFIG, good + text if kept else text)
        code, said = self.machine.call("systemctl", "reload", UNIT, seconds=120)
        # The signal of systemd 253 on has no answer: it waits, and cannot fail.
        fails = self.systemd < NOTIFY_RELOAD_FROM
        require((code != 0) == fails, f"systemctl reload of a refused file ended with {code}: {said}")
        wait_for("the log tells of it", lambda: len(self.reloads("refused")) > before, 20)
        self.machine.write(CONFIG, good)

    def reloads(self, how):
        return self.machine.journal(f"--unit={UNIT}", f"EVENT=configuration {how}")

    def journal(self):
        """Entries have fields of their own, and the unit's."""
        entries = self.machine.journal(f"--unit={UNIT}", "EVENT=committed")
        require(entries, "no commit is in the journal")
        for name in ("VERSION", "READINGS", "MILLISECONDS", "LOGGER", "PRIORITY"):
            require(entries[-1].get(name), f"{name} is missing in {entries[-1]}")
        require(entries[-1]["SYSLOG_IDENTIFIER"] == "downlinkd", "no identifier")
        require(entries[-1]["_SYSTEMD_UNIT"] == UNIT, "not of the unit")
        counted = sum(int(entry["READINGS"]) for entry in entries)
        require(counted == self.produced, f"the journal counts {counted} of {self.produced}")
        taken = self.machine.journal(f"--unit={UNIT}", "PARTITION=telemetry[3]")
        require(taken, "nothing is found by partition")
        beside = self.machine.journal("_TRANSPORT=stdout", f"_PID={self.main_pid()}")
        require(not beside, f"text in the journal beside entries: {beside[:3]}")
        self.note(f"the journal has {len(entries)} commits with their figures")

    def lost_registry(self):
        """A start that only waits for others must go on being tried; begun here, judged later."""
        self.machine.write(
            f"/etc/downlinkd/{REGISTRY_INSTANCE}.yaml",
            LOST_REGISTRY.format(brokers=self.brokers, root=f"{STATE}/{REGISTRY_INSTANCE}"))
        self.machine.run("systemctl", "start", "--no-block", f"downlinkd@{REGISTRY_INSTANCE}")

    def still_no_registry(self):
        """The check ends with 69, which is left to `run`, which ends with it too."""
        unit = f"downlinkd@{REGISTRY_INSTANCE}.service"
        wait_for("it is tried again", lambda: int(self.machine.show(unit, "NRestarts")) > 0)
        said = [entry["MESSAGE"] for entry in self.machine.journal(f"--unit={unit}")]
        require(any("schema_registry" in line for line in said), f"it says {said[:5]}")
        self.machine.run("systemctl", "stop", unit)
        self.note("a schema registry that is away: tried again")

    def credentials_and_instances(self):
        """An instance of the template, with a secret that only it can read."""
        secret = "/etc/credstore/downlinkd@second.kafka-password"
        self.machine.write(secret, "hunter2\n")
        self.machine.run("chmod", "0600", secret)
        self.configure(
            "/etc/downlinkd/second.yaml", pipeline="second", topic="other",
            root=f"{STATE}/second", port=9480,
            properties="sasl.username: a, "
            'sasl.password: "file:${CREDENTIALS_DIRECTORY}/kafka-password"',
        )  # fmt: skip
        self.systemctl("start", TEMPLATE_INSTANCE)
        owner = self.machine.run("stat", "--format=%U", f"{STATE}/second/_ledger").strip()
        require(owner == "downlinkd", f"the instance's ledger is of {owner}")
        said = self.machine.run("downlinkd", "status", "--address", "127.0.0.1:9480", "--json")
        require(json.loads(said)["pipeline"] == "second", f"the instance says {said[:200]}")
        told = self.machine.run("journalctl", "--no-pager", f"--unit={TEMPLATE_INSTANCE}")
        require("hunter2" not in told, "the secret is in the journal")
        self.note("a second pipeline, with a credential: starts, answers")

    def crash(self):
        """Killed, it is started again; unless its file has become faulty, which ends that."""
        restarts = int(self.machine.show(UNIT, "NRestarts"))
        self.kill_main()
        wait_for(
            "it is started again", lambda: int(self.machine.show(UNIT, "NRestarts")) > restarts)
        self.machine.wait_for_state(UNIT, "active", 120)
        self.machine.write(CONFIG, "pipeline: fleet\nkafkaa: {}\n")
        self.kill_main()
        self.machine.wait_for_state(UNIT, "failed", 30)
        time.sleep(2)
        state = self.machine.show(UNIT, "SubState")
        require(state == "failed", f"killed with a faulty file, it is {state} after two seconds")
        self.configure()
        self.systemctl("start")
        self.produce(100)
        self.all_is_committed_by_lag()
        self.note("SIGKILL: started again; with a faulty file it is not")

    def kill_main(self):
        self.machine.run("sh", "-c", f"kill -KILL {self.main_pid()}")

    def hang(self):
        """A commit that never ends: no sign of life, SIGABRT, a fresh start that goes on."""
        self.drop_in(
            "hang",
            "WatchdogSec=5s\nEnvironment=DOWNLINK_CRASH_POINT=log_put_before:2:hang"
            " DOWNLINK_PROGRESS_LIMITS=commit=3",
        )  # fmt: skip
        self.systemctl("restart")
        # What runs keeps what it was started with; what comes after it shall not hang.
        self.remove_drop_in("hang")
        before = self.main_pid()
        begun = time.monotonic()
        while self.main_pid() == before:
            require(time.monotonic() < begun + 90, f"no watchdog:\n{self.machine.about(UNIT)}")
            self.produce(100)
            time.sleep(0.5)
        self.machine.wait_for_state(UNIT, "active", 120)
        killed = [
            entry["MESSAGE"] for entry in self.machine.journal("_PID=1", f"UNIT={UNIT}")
            if "atchdog" in entry["MESSAGE"]
        ]  # fmt: skip
        require(killed, f"systemd does not speak of its watchdog:\n{self.machine.about(UNIT)}")
        restarts = self.machine.show(UNIT, "NRestarts")
        require(restarts == "1", f"{restarts} restarts for one hang")
        self.all_is_committed_by_lag()
        self.note(f"a hang: {killed[0]} Started again, went on")

    def all_is_committed_by_lag(self):
        """As `all_is_committed`, of a process that did not see the beginning."""

        def look(text):
            return "; lag 0; last commit" in text

        self.machine.wait_for_status(UNIT, "has no lag", look)
        wait_for("the ledger has everything", lambda: self.rows() == self.produced, 30, 0.5)

    def rows(self):
        """Readings that the chain has committed in all its life."""
        said = self.machine.run("downlinkd", "verify", "--quick", "--config", CONFIG, "--json")
        report = json.loads(said)
        require(report["holds"], f"the audit has findings: {said[:1000]}")
        tables = {one["table"]: one for one in report["figures"]["tables"]}
        return tables["readings_snapshots"]["rows"]

    def frozen_broker(self):
        """A machine may boot while Kafka is away: the start waits, tells why, and is not READY."""
        run = self.machine.run
        broker = self.main_pid("kafka.service")
        run("sh", "-c", f"kill -STOP {broker}")
        run("systemctl", "restart", "--no-block", UNIT)
        self.machine.wait_for_status(
            UNIT, "speaks of brokers", lambda text: "broker" in text.lower(), 60)
        state = self.machine.show(UNIT, "ActiveState")
        require(state == "activating", f"without a broker that answers it is {state}")
        waited = self.machine.show(UNIT, "StatusText")
        run("sh", "-c", f"kill -CONT {broker}")
        self.machine.wait_for_state(UNIT, "active", 120)
        self.produce(200)
        self.all_is_committed_by_lag()
        self.note(f"a frozen broker: activating, “{waited}”, then active")

    def upgrade(self):
        """A new version takes over where the old one stood; what a person wrote stays."""
        units = (UNIT, TEMPLATE_INSTANCE)
        before, config = [self.main_pid(unit) for unit in units], self.machine.read(CONFIG)
        said = self.machine.run("dpkg", "--install", f"{PACKAGES}/{self.packages.second.name}")
        require(self.machine.read(CONFIG) == config, "an upgrade overwrites the configuration")
        for unit, pid in zip(units, before, strict=True):
            self.machine.wait_for_state(unit, "active")
            require(self.main_pid(unit) != pid, f"the old {unit} runs on after an upgrade:\n{said}")
        self.machine.run("systemctl", "stop", TEMPLATE_INSTANCE)
        result = self.machine.show(TEMPLATE_INSTANCE, "Result")
        require(result == "success", f"the instance's result is {result}")
        code, said = self.machine.call("systemctl", "is-enabled", UNIT)
        require(code == 0, f"after an upgrade it is {said}")
        self.produce(300)
        self.all_is_committed_by_lag()
        self.note(f"upgraded: restarted, {self.produced:,} readings, none lost, none doubled")

    def refused_upgrade(self):
        """A configuration that the new program refuses does not take a running pipeline down."""
        before = self.main_pid()
        self.machine.write(CONFIG, "pipeline: fleet\nkafkaa: {}\n")
        said = self.machine.run("dpkg", "--install", f"{PACKAGES}/{self.packages.third.name}")
        require("goes on with the program of before" in said, f"the upgrade says:\n{said}")
        require(self.main_pid() == before, "it was restarted into a faulty configuration")
        self.configure()
        self.systemctl("restart")
        self.note("an upgrade to a program that refuses the file leaves the old one running")

    def stop(self):
        begun = time.monotonic()
        self.machine.run("systemctl", "stop", UNIT)
        seconds = time.monotonic() - begun
        require(seconds < STOP_SECONDS_MAX, f"stopping took {seconds:.1f} s")
        result = self.machine.show(UNIT, "Result")
        require(result == "success", f"stopped with {result}:\n{self.machine.about(UNIT)}")
        require(self.machine.show(UNIT, "StatusText") == "stopped", "its last word is another")
        self.note(f"stopped in {seconds:.1f} s")

    def remove(self):
        """It stops in order; configuration, tables and what enabled it stay."""
        run = self.machine.run
        self.systemctl("start")
        run("dpkg", "--remove", "downlinkd")
        require(self.machine.call("systemctl", "is-active", UNIT)[0] != 0, "it runs on")
        for path in ("/usr/bin/downlinkd", "/usr/lib/systemd/system/downlinkd.service"):
            require(not self.machine.exists(path), f"{path} is left")
        require(self.machine.exists(CONFIG), "removing deletes the configuration")
        require(self.machine.exists(f"{STATE}/tables"), "removing deletes the tables")
        run("dpkg", "--install", f"{PACKAGES}/{self.packages.third.name}")
        require(self.machine.call("systemctl", "is-enabled", UNIT)[0] == 0, "not enabled any more")
        self.systemctl("start")
        self.produce(100)
        self.all_is_committed_by_lag()
        self.note("removed and installed again: goes on")

    def purge(self):
        said = self.machine.run("dpkg", "--purge", "downlinkd")
        require("the tables stay in" in said, f"purge does not say what stays: {said}")
        left = self.machine.run(
            "find", "/etc", "/usr", "/run/systemd/system", "-name", "*downlinkd*",
            "-not", "-path", "/etc/credstore/*", "-not", "-path", f"{DROP_INS}*",
        ).split()  # fmt: skip
        # The instances' files and the drop-ins in /run are the test's own.
        require(set(left) <= {"/etc/downlinkd"}, f"purge leaves {left}")
        require(not self.machine.exists(CONFIG), "purge leaves the configuration")
        require(self.machine.exists(f"{STATE}/tables"), "purge deletes the tables")
        self.note("purged: only the tables are left")


class Packages:
    """The package, and the same again under two later versions, in a folder of their own."""

    def __init__(self, deb, folder):
        self.folder = folder
        self.first = folder / "first.deb"
        shutil.copy(deb, self.first)
        self.second = self.later(1)
        self.third = self.later(2)

    def later(self, number):
        """Repacked without compression, which takes a second."""
        tree = self.folder / "tree"
        path = self.folder / f"later-{number}.deb"
        subprocess.run(["dpkg-deb", "--raw-extract", self.first, tree], check=True)
        control = tree / "DEBIAN" / "control"
        text = re.sub(r"(?m)^(Version: .*)$", rf"\1+later{number}", control.read_text())
        control.write_text(text)
        subprocess.run(
            ["dpkg-deb", "--build", "--root-owner-group", "-Znone", tree, path],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        shutil.rmtree(tree)
        return path


def live(life, failures):
    name = life.machine.name
    try:
        life.run()
    except Failure as reason:
        failures.append(f"{name}: {reason}")
    except Exception:
        failures.append(f"{name}: {traceback.format_exc()}")


def ended_by_signal(_number, _frame):
    raise Failure("ended from outside")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deb", type=Path, required=True)
    parser.add_argument("roots", nargs="+", type=Path, metavar="ROOT")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, ended_by_signal)
    begun = time.monotonic()
    failures, lives = [], []
    with tempfile.TemporaryDirectory(prefix="downlink-systemd-") as name:
        folder = Path(name)
        try:
            machine.can_boot()
            (folder / "packages").mkdir()
            packages = Packages(arguments.deb, folder / "packages")
            lives += [Life(root.resolve(), packages, folder) for root in arguments.roots]
            threads = [threading.Thread(target=live, args=(life, failures)) for life in lives]
            for one in threads:
                one.start()
            for one in threads:
                one.join()
        except Failure as reason:
            failures.append(str(reason))
        finally:
            for life in lives:
                life.machine.kill()
    for failure in failures:
        print(f"FAILED: {failure}", flush=True)
    print(f"systemd: {time.monotonic() - begun:.0f} s on {len(arguments.roots)} machines")
    passed = max(0, len(arguments.roots) - len(failures))
    print(f"{passed} passed, {len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
