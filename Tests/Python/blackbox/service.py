"""A service's day, played by a test that is systemd: what the service manager is told and at which
moment, what a reload takes over and what it refuses, what HTTP says at each point, how it ends.

    service.py [--transcript FILE]     writes down the day as it was seen from outside
"""

import copy
import json
import os
import re
import shutil
import signal
import socket
import threading
import time
from pathlib import Path

import fleet
import harness
import messages
import notify
from harness import EXIT_CONFIGURATION, EXIT_OK, require, wait_for

TOPIC = fleet.SNAPSHOTS
LONE_TOPIC = "lone"
PARTITIONS = {TOPIC: 4, LONE_TOPIC: 1}
# A sign of life is due every 2 s then, which a busy test machine manages too.
WATCHDOG_SECONDS = 4
# Scheduling and the test's own threads; on top of what is promised.
SLACK_SECONDS = 2.0
REPLY_SECONDS = 10
STOP_SECONDS = 10
JOURNAL_SOCKET = Path("/run/systemd/journal/socket")


def base(brokers, root, port):
    return harness.base_config(
        brokers, root, [messages.wide_source()], event_time=fleet.EVENT_TIME,
        windows=[{"name": "30s", "size": "30s"}],
        detectors=[limits("hot", above=40)],
        http={"listen": f"127.0.0.1:{port}" if port else "none"},
    )  # fmt: skip


def limits(name, above):
    return {"name": name, "metric": "cpu_temperature_c", "limits": {"critical": {"above": above}}}


class Ledger:
    """What the chain says, from outside, and all of it: old entries are retired as it goes on."""

    def __init__(self, root):
        self.root = root
        self.entries = {}
        self.lock = threading.Lock()
        threading.Thread(target=self.follow, daemon=True).start()

    def follow(self):
        while True:
            self.read()
            time.sleep(1)

    def read(self):
        with self.lock:
            for entry in harness.ledger_entries(self.root):
                self.entries[entry["version"]] = entry
        return list(self.entries.values())

    def readings(self):
        return sum(int(entry.get("counters", {}).get("readings", 0)) for entry in self.read())

    def records(self):
        """Offsets that were moved over."""
        moves = [move for entry in self.read() for move in entry.get("partitions", [])]
        return sum(move["to"] - move["from"] for move in moves)


class Day:
    """One service from its start to its end, and everybody it talks to."""

    def __init__(self, scenario):
        self.scenario = scenario
        self.transcript = notify.Transcript()
        self.root = scenario.folder / "data"
        self.brokers = scenario.broker(**PARTITIONS)
        self.broker = scenario.processes[-1]
        port = harness.free_port()
        self.http = notify.Endpoint(port, self.transcript)
        self.config = base(self.brokers, self.root, port)
        self.path = scenario.write_config(self.config)
        self.manager = notify.ServiceManager(scenario.folder / "notify.socket", self.transcript)
        self.producer = fleet.Producer(self.brokers, scenario.folder / "produced", PARTITIONS)
        self.fleet = fleet.Fleet(scenario.arguments.seed, device_count=20, snapshots_only=True)
        self.ledger = Ledger(self.root)
        self.daemon = None

    # ---- what is written down

    def look(self):
        """HTTP's view of this moment, for the transcript; returns /status."""
        # Pages are handed out again for a quarter of a second.
        time.sleep(0.3)
        code, sentence = self.http.get("/readyz")
        self.transcript.add("  ·", f"/readyz {code} {sentence.strip().splitlines()[0][:160]}")
        metrics = self.http.metrics()
        shown = [f"{name}={metrics[name]:g}" for name in SHOWN_METRICS if name in metrics]
        self.transcript.add("  ·", f"/metrics {' '.join(shown)}")
        status = self.http.status()
        shown = {name: status[name] for name in SHOWN_STATUS if status.get(name) is not None}
        shown["reload"] = status["reload"]["last"]
        self.transcript.add("  ·", f"/status {json.dumps(shown, ensure_ascii=False)[:500]}")
        return status

    def log_events(self, message, count_before):
        return self.daemon.events(message)[count_before:]

    # ---- the day

    def start(self):
        """READY when partitions are being fetched and not before; SIGHUP from the first moment."""
        self.transcript.title("start; SIGHUP again and again while it starts")
        self.daemon = self.scenario.start(
            "service", "run", "--config", self.path,
            environment=self.manager.environment(WATCHDOG_SECONDS),
        )  # fmt: skip
        begun = time.monotonic()
        self.daemon.wait_for_trap(signal.SIGHUP, or_ignores=True)
        require(not self.daemon.log(), "SIGHUP was taken over after something was done")
        while not self.manager.times("READY") and time.monotonic() - begun < 60:
            self.daemon.send(signal.SIGHUP)
            require(self.daemon.is_running, f"SIGHUP at start killed it: {self.daemon.code}")
            code = self.http.ready_code()
            require(code in (None, 200, 503), f"/readyz says {code}")
            if code == 200:
                # The notifier looks every quarter of a second.
                self.manager.wait_for("READY", begun, SLACK_SECONDS)
            time.sleep(0.1)
        ready = self.manager.wait_for("READY", begun)
        taken = self.daemon.events("partition taken up")
        require(len(taken) == 4, f"READY with {len(taken)} of 4 partitions taken up")
        before = [fields for at, fields in self.manager.heard if at < ready]
        for name in ("WATCHDOG", "RELOADING", "STOPPING"):
            require(not any(name in one for one in before), f"{name} before READY")
        require(any("EXTEND_TIMEOUT_USEC" in one for one in before), "no time was asked for")
        require(self.http.ready_code() == 200, "/readyz is not 200 at READY")
        self.manager.wait_for_status("says it runs", lambda line: line.startswith("running, 4 "))
        self.look()
        self.scenario.note(f"READY after {ready - begun:.1f} s, with its partitions, once")

    def idle(self, seconds):
        """Nothing to do, and a sign of life nevertheless."""
        self.transcript.title(f"an idle topic, {seconds} s")
        begun = time.monotonic()
        time.sleep(seconds)
        self.expect_signs_of_life(begun, time.monotonic())
        lines = self.manager.values("STATUS", begun)
        require(len(lines) <= seconds, f"{len(lines)} status lines in {seconds} idle seconds")

    def busy(self, count, shows_rate=True):
        """Records come; the status line is true when all is committed."""
        self.transcript.title(f"{count} records are produced")
        begun = time.monotonic()
        committed = self.ledger.readings()
        self.producer.send_all(self.fleet, count)
        wait_for(
            "all records are committed", lambda: self.ledger.records() == self.producer.count)
        self.expect_signs_of_life(begun, time.monotonic())
        readings = self.ledger.readings()
        require(readings > committed, "no readings were committed")
        self.manager.wait_for_status(
            f"counts {readings:,} readings",
            lambda line: f" {readings:,} readings committed; lag 0; last commit" in line, begun,
            REPLY_SECONDS,
        )  # fmt: skip
        if shows_rate:
            # It is of whole seconds: everything may have been committed before the first.
            self.manager.wait_for_status(
                "shows a rate",
                lambda line: re.search(r"; (?!0 )[\d,.]+ records/s", line), begun, REPLY_SECONDS,
            )  # fmt: skip
        status = self.look()
        require(status["totals"]["readings"] == readings, "/status counts otherwise than the ledger")

    def reload(self, config_or_text, title):
        """SIGHUP with a new file; returns when it began."""
        self.transcript.title(f"SIGHUP: {title}")
        if isinstance(config_or_text, str):
            self.path.write_text(config_or_text, encoding="utf-8")
        else:
            self.scenario.write_config(config_or_text)
        asked = time.monotonic()
        self.daemon.send(signal.SIGHUP)
        reloading = self.manager.wait_for("RELOADING", asked, REPLY_SECONDS)
        ready = self.manager.wait_for("READY", asked, REPLY_SECONDS)
        require(reloading <= ready, "READY before RELOADING")
        (stamp,) = self.manager.values("MONOTONIC_USEC", asked)
        # Newer managers wait for a RELOADING whose time is not before they asked.
        require(
            asked <= int(stamp) / 1e6 <= reloading + 0.001,
            f"MONOTONIC_USEC={stamp} is not between {asked} and {reloading}",
        )
        return asked

    def good_reload(self):
        before = len(self.daemon.events("configuration reloaded"))
        require(not self.daemon.has_logged('"level":"debug"'), "debug lines before they were asked")
        changed = copy.deepcopy(self.config)
        changed["log"]["level"] = "debug"
        changed["detectors"] = [limits("hot", above=45), limits("hotter", above=60)]
        asked = self.reload(changed, "log level debug, another limit, one detector more")
        (event,) = self.log_events("configuration reloaded", before)
        for words in ("log.level", "detectors[hot].limits.critical.above", "detectors[hotter]"):
            require(words in event["changes"], f"{words} is not named in {event['changes']}")
        self.daemon.wait_for_log('"level":"debug"', REPLY_SECONDS)
        self.daemon.wait_for_log('"detectors changed"', REPLY_SECONDS)
        self.expect_reload(accepted=True, fingerprint=event["config"])
        self.expect_quiet(asked, after=1)
        self.config = changed

    def bad_reload(self, config_or_text, title, words):
        before = len(self.daemon.events("configuration refused"))
        asked = self.reload(config_or_text, title)
        found = " ".join(e["reason"] for e in self.log_events("configuration refused", before))
        for word in words:
            require(word in found, f"{word} is not among the reasons: {found}")
        self.manager.wait_for_status(
            "says that the file was refused", lambda line: "file refused" in line, asked,
            REPLY_SECONDS,
        )  # fmt: skip
        self.expect_reload(accepted=False, words=words)
        self.expect_quiet(asked, after=1)
        self.busy(500)

    def expect_reload(self, accepted, fingerprint=None, words=()):
        status = self.look()
        reload = status["reload"]["last"]
        require(reload["accepted"] is accepted, f"/status says of the reload: {reload}")
        for word in words:
            require(word in reload["detail"], f"{word} is not in /status: {reload['detail']}")
        require(fingerprint in (None, status["config_fingerprint"]), "/status has another fingerprint")

    def lost_broker(self, seconds):
        """The broker freezes and comes back: no READY, no STOPPING, signs of life all along."""
        self.transcript.title(f"the broker is frozen (SIGSTOP) for {seconds} s")
        begun = time.monotonic()
        self.broker.send(signal.SIGSTOP)
        time.sleep(seconds)
        status = self.look()
        require(self.daemon.is_running, "it ended because a broker was away")
        require(self.http.ready_code() == 503, "/readyz is not 503 with a broker frozen")
        # Its connections stay up: only the silence of the group's coordinator tells, in time.
        cause = (status["wait"] or {}).get("cause")
        require(cause == "brokers_away" or seconds < 40, f"after {seconds} s it waits for {cause}")
        self.expect_signs_of_life(begun, time.monotonic())
        self.transcript.title("the broker is back (SIGCONT)")
        self.broker.send(signal.SIGCONT)
        # What waited may be read and committed between two looks at the new partitions.
        self.busy(2_000, shows_rate=False)
        self.expect_quiet(begun, after=0)

    def stop(self):
        self.transcript.title("SIGTERM")
        asked = time.monotonic()
        self.daemon.send(signal.SIGTERM)
        # Most stops take less than one of these questions.
        while self.daemon.is_running and time.monotonic() - asked < STOP_SECONDS:
            code = self.http.ready_code()
            self.transcript.add("  ·", f"/readyz {code or 'closed'}")
            late = time.monotonic() - asked > SLACK_SECONDS
            require(code != 200 or not late, "/readyz is 200 while it stops")
            time.sleep(0.05)
        stopping = self.manager.wait_for("STOPPING", asked, STOP_SECONDS)
        code = self.daemon.wait(STOP_SECONDS)
        ended = time.monotonic()
        require(code == EXIT_OK, f"SIGTERM ended with {code}:\n{self.daemon.last_lines()}")
        require(stopping - asked < SLACK_SECONDS, f"STOPPING after {stopping - asked:.1f} s")
        require(len(self.manager.times("STOPPING")) == 1, "STOPPING twice")
        require(not self.manager.times("READY", asked), "READY after SIGTERM")
        require(self.manager.values("STATUS")[-1] == "stopped", "its last word is not `stopped`")
        self.transcript.add("  ·", f"exit code {code} after {ended - asked:.1f} s")
        self.scenario.note(f"STOPPING after {stopping - asked:.2f} s, end after {ended - asked:.1f} s")

    def boot_without_broker(self):
        """A pipeline that has run before waits for Kafka: a machine may boot while it is down."""
        self.broker.kill()
        self.daemon = self.scenario.start(
            "boot", "run", "--config", self.path,
            environment=self.manager.environment(WATCHDOG_SECONDS),
        )  # fmt: skip
        begun = time.monotonic()
        wait_for("it waits for a broker", lambda: "recovering: cannot" in self.daemon.log())
        require(self.daemon.is_running, f"it ended with {self.daemon.code} for want of a broker")
        status = self.look()
        require((status["wait"] or {}).get("cause") == "brokers_away", f"waits: {status['wait']}")
        require(self.http.ready_code() == 503, "/readyz is not 503 without a broker")
        require(not self.manager.times("READY", begun), "READY without a broker")
        code = self.daemon.stop()
        require(code == EXIT_OK, f"SIGTERM while waiting ended with {code}")

    # ---- what holds all day

    def expect_signs_of_life(self, begun, ended):
        gap = self.manager.watchdog_gap(begun, ended)
        limit = WATCHDOG_SECONDS / 2 + SLACK_SECONDS
        require(gap <= limit, f"{gap:.1f} s without WATCHDOG, {limit:.1f} s are allowed")

    def expect_quiet(self, since, after):
        """No READY but those that end reloads, and no STOPPING."""
        ready = self.manager.times("READY", since)
        require(len(ready) == after, f"{len(ready)} times READY where {after} are due")
        require(not self.manager.times("STOPPING"), "STOPPING though nobody stopped it")

    def expect_status_manners(self):
        """Every STATUS is another than the one before, a second later or more (but the last)."""
        heard = [(at, one["STATUS"]) for at, one in self.manager.heard if "STATUS" in one]
        for (early, text), (late, next_text) in zip(heard[:-2], heard[1:-1], strict=True):
            require(text != next_text, f"the same STATUS twice: {text}")
            require(late - early > 0.8, f"two STATUS within {late - early:.2f} s")


SHOWN_STATUS = ("phase", "trouble", "wait", "stall", "group_state", "lag_records")
SHOWN_METRICS = (
    "downlink_instance_ready", "downlink_instance_stalled", "downlink_commits_total",
    "downlink_commits_age_seconds", "downlink_config_last_reload_accepted",
)  # fmt: skip


def whole_day(scenario):
    day = Day(scenario)
    try:
        day.start()
        day.idle(8 if scenario.is_quick else 40)
        day.busy(5_000)
        day.good_reload()
        day.bad_reload("pipeline: [", "a file that is no YAML", ["downlinkd.yaml:"])
        changed = copy.deepcopy(day.config)
        changed["windows"][0]["size"] = "1m"
        changed["log"]["level"] = "error"
        day.bad_reload(changed, "another window, another level", ["windows[30s]"])
        day.reload(day.config, "the file of before")
        day.expect_reload(accepted=True)
        day.lost_broker(8 if scenario.is_quick else 45)
        day.stop()
        day.expect_status_manners()
    finally:
        path = scenario.arguments.transcript or scenario.folder / "transcript.txt"
        Path(path).write_text(day.transcript.text(), encoding="utf-8")
    return day


def start_with_manager(scenario, name, config, *flags, environment=None):
    """A service with a manager of its own, which notes nothing."""
    manager = notify.ServiceManager(scenario.folder / f"{name}.socket", notify.Transcript())
    path = scenario.write_config(config, f"{name}.yaml")
    environment = {**manager.environment(WATCHDOG_SECONDS), **(environment or {})}
    daemon = scenario.start(name, "run", "--config", path, *flags, environment=environment)
    return manager, daemon


def without_partitions(scenario, brokers):
    """Two instances for one partition: both are READY, one of them with nothing to do."""
    config = base(brokers, scenario.folder / "lone", None)
    config["sources"] = [messages.wide_source(topics=(LONE_TOPIC,))]
    pairs = [start_with_manager(scenario, f"lone-{index}", config) for index in range(2)]
    for manager, _ in pairs:
        manager.wait_for("READY", 0)
    wait_for(
        "one of two says that it has no partition",
        lambda: sorted(manager.values("STATUS")[-1].split(";")[0] for manager, _ in pairs)
        == ["running, 1 partition", "running, no partition assigned"],
    )
    for _, daemon in pairs:
        require(daemon.stop(STOP_SECONDS) == EXIT_OK, f"it ended with {daemon.code}")
    scenario.note("an instance without partitions is READY too")


def port_in_use(scenario, brokers):
    """78 and one clear message before anything is started; a finite run does not ask for it."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        root = scenario.folder / "refused"
        config = base(brokers, root, port)
        manager, daemon = start_with_manager(scenario, "refused", config)
        code = daemon.wait(60)
        require(code == EXIT_CONFIGURATION, f"a port in use: {code}:\n{daemon.last_lines()}")
        said = daemon.log().splitlines()
        about = [line for line in said if f"127.0.0.1:{port}" in line]
        require(len(about) == 1 == len(said), f"not one clear message:\n{daemon.log()}")
        for words in ("http.listen", "in use"):
            require(words in about[0], f"{words} is not in: {about[0]}")
        require(not (root / "_ledger").exists(), "something was started")
        require(not manager.times("READY"), "READY though it cannot start")
        manager, daemon = start_with_manager(scenario, "finite", config, "--until-caught-up")
        require(daemon.wait() == EXIT_OK, f"a finite run: {daemon.code}\n{daemon.last_lines()}")
        steps = [name for _, one in manager.heard for name in one if name in ("READY", "STOPPING")]
        # A quarter of a second passes between looks: a run may be over before one.
        require(steps in (["READY", "STOPPING"], ["STOPPING"]), f"a finite run says {steps}")
    scenario.note("a port in use: 78 and one message; a finite run does not ask for it")


def journal(scenario, brokers):
    """Standard error is the journal: entries have fields, and nothing is written there as text."""
    folder = JOURNAL_SOCKET.parent
    if JOURNAL_SOCKET.exists() or not os.access(folder.parent, os.W_OK):
        scenario.note("the journal is left out: there is one here, or none can be played")
        return
    was_there = folder.exists()
    folder.mkdir(exist_ok=True)
    played = notify.Journal(JOURNAL_SOCKET)
    scenario.cleanups += [played.close] if was_there else [folder.rmdir, played.close]
    config = base(brokers, scenario.folder / "journal", None)
    config["log"]["format"] = "auto"
    stream = scenario.folder / "journal.log"
    stream.touch()
    about = stream.stat()
    environment = {"JOURNAL_STREAM": f"{about.st_dev}:{about.st_ino}"}
    _, daemon = start_with_manager(
        scenario, "journal", config, "--until-caught-up", environment=environment)
    require(daemon.wait() == EXIT_OK, f"it ended with {daemon.code}\n{daemon.last_lines()}")
    require(not daemon.log(), f"text beside the journal:\n{daemon.log()}")
    for entry in played.entries:
        for name in ("MESSAGE", "PRIORITY", "LOGGER", "EVENT"):
            require(entry.get(name), f"{name} is missing in {entry}")
        require(entry["SYSLOG_IDENTIFIER"] == "downlinkd", f"no identifier in {entry}")
    taken = [entry for entry in played.entries if entry["EVENT"] == "partition taken up"]
    require(len(taken) == 4, f"{len(taken)} of 4 entries in the journal")
    for entry in taken:
        require(entry["PRIORITY"] == "6", f"PRIORITY={entry['PRIORITY']} of an info line")
        require(entry["PARTITION"].startswith(TOPIC), f"PARTITION={entry.get('PARTITION')}")
        require(entry["OFFSET"].isdigit(), f"OFFSET={entry.get('OFFSET')}")
        require(entry["PARTITION"] in entry["MESSAGE"], f"MESSAGE={entry['MESSAGE']}")
    # Standard error was sent elsewhere since: the variable alone proves nothing.
    environment = {"JOURNAL_STREAM": f"{about.st_dev}:{about.st_ino + 1}"}
    _, daemon = start_with_manager(
        scenario, "no-journal", config, "--until-caught-up", environment=environment)
    require(daemon.wait() == EXIT_OK, f"it ended with {daemon.code}\n{daemon.last_lines()}")
    require(daemon.events("starting"), "no JSON lines where there is no journal")
    scenario.note(f"the journal got {len(played.entries)} entries with fields")


def units(scenario):
    """`make install` puts units where systemd finds them, and systemd finds no fault in them."""
    checkout = harness.ORACLES.parent.parent
    target = scenario.folder / "install"
    command = ["make", "-s", "-C", checkout, "DESTDIR=" + str(target)]
    binary = "INSTALLED_BINARY=" + harness.binary()
    harness.call([*command, binary, "install"])
    config = target / "etc/downlinkd/downlinkd.yaml"
    config.write_text("mine", encoding="utf-8")
    harness.call([*command, binary, "install"])
    require(config.read_text() == "mine", "make install overwrites a configuration")
    folder = target / "usr/local/lib/systemd/system"
    one, many = ((folder / f"downlinkd{at}.service").read_text() for at in ("", "@"))
    settings = [settings_of(text) for text in (one, many)]
    different = {line.split("=")[0] for line in settings[0] ^ settings[1]}
    own = {
        "Description", "ExecStartPre", "ExecStart", "ExecReload", "LoadCredential", "StateDirectory",
    }  # fmt: skip
    require(different == own, f"differ: {different}")
    if shutil.which("systemd-analyze"):
        # It looks for the programs of a unit and for other units, all below the root.
        shutil.copytree("/usr/lib/systemd/system", target / "usr/lib/systemd/system", symlinks=True)
        (target / "bin").mkdir()
        shutil.copy("/bin/sh", target / "bin/sh")
        for unit in ("downlinkd.service", "downlinkd@fleet.service"):
            path = f"/usr/local/lib/systemd/system/{unit}"
            said = harness.call(
                ["systemd-analyze", "verify", "--man=no", f"--root={target}", path])
            require("downlinkd" not in said, f"systemd-analyze verify: {said}")
    harness.call([*command, "uninstall"])
    left = [path for path in target.glob("usr/local/**/*downlinkd*") if path.is_file()]
    require(not left and config.exists(), f"make uninstall leaves {left}")
    scenario.note("installed, verified, uninstalled")


def settings_of(unit):
    return {line for line in unit.splitlines() if line and not line.startswith("#")}


def run(scenario):
    day = whole_day(scenario)
    without_partitions(scenario, day.brokers)
    port_in_use(scenario, day.brokers)
    journal(scenario, day.brokers)
    day.boot_without_broker()
    units(scenario)


def add_arguments(parser):
    parser.add_argument("--transcript", help="file for what was seen of the day")


if __name__ == "__main__":
    harness.main(run, add_arguments)
