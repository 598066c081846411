"""Alerts by webhook: receivers that fail, are slow, refuse and die, while the program is killed
again and again; in the end every step of the table `anomalies` was taken at least once by each of
them, in order for each anomaly, and nothing else was. Then a second instance, which stands by; and
a real Alertmanager, where one is installed, which shows what is open and no more.
"""

import collections
import json
import os
import shutil
import subprocess
import time
import urllib.request

from deltalake import DeltaTable

import fleet
import harness
from alert_receiver import FAULTS, PASSWORD, TOKEN, USER, AlertReceiver, basic
from harness import require, wait_for

PARTITIONS = {fleet.SNAPSHOTS: 4}
ORDER = {"opened": 0, "escalated": 1, "closed": 2}
RECORD_LIMIT = 40_000


def table_steps(root):
    """Rows of the table, {(anomaly, state): row}, by somebody else's reader."""
    steps = {}
    table = DeltaTable(os.path.join(root, "tables", "anomalies")).to_pyarrow_table()
    for row in table.to_pylist():
        key = row["anomaly_id"], row["state"]
        require(key not in steps, f"the table has the step {key} twice")
        steps[key] = row
    return steps


def told_steps(receiver):
    """{anomaly: [state, …]} in the order in which they were taken; that of the alert that an
    escalation ends says nothing new."""
    told = collections.defaultdict(list)
    for _, alert, _ in receiver.taken():
        annotations = alert["annotations"]
        if annotations["state"] != "escalated" or alert["labels"]["severity"] == "critical":
            told[annotations["anomaly_id"]].append(annotations["state"])
    return told


def check_told(name, receiver, steps, is_wanted=lambda row: True):
    """Every step at least once, in order, and nothing that is not in the table."""
    wanted = {key: row for key, row in steps.items() if is_wanted(row)}
    told = told_steps(receiver)
    missing = [key for key in wanted if key[1] not in told.get(key[0], [])]
    require(not missing, f"{name} was not told {len(missing)} of {len(wanted)}: {missing[:3]}")
    last = {}
    for anomaly, state in sorted(wanted, key=lambda key: ORDER[key[1]]):
        last[anomaly] = state
    for anomaly, states in told.items():
        unknown = [state for state in states if (anomaly, state) not in wanted]
        require(not unknown, f"{name} was told {unknown} of {anomaly}, which is not in the table")
        firsts = list(dict.fromkeys(states))
        require(
            firsts == sorted(firsts, key=ORDER.get),
            f"{name} was told {states} of {anomaly}: out of order",
        )
        require(states[-1] == last[anomaly], f"{name}: the last word of {anomaly} is {states[-1]}")
    for _, alert, _ in receiver.taken():
        annotations, labels = alert["annotations"], alert["labels"]
        row = wanted[annotations["anomaly_id"], annotations["state"]]
        require(labels["detector"] == row["detector"], f"{alert} is not {row}")
        require(labels.get("device") == row["device_id"], f"{alert} is not {row}")
        require(labels.get("metric") == row["metric"], f"{alert} is not {row}")
        require(annotations["evidence"] == row["evidence"], f"{alert} is not {row}")
    count = sum(map(len, told.values()))
    return f"{name}: {len(wanted)} steps, told {count} times"


def check_lives(receiver):
    """An alert ends under the labels and the start under which it fired."""
    firing = {}
    for _, alert, _ in receiver.taken():
        key = alert["annotations"]["anomaly_id"], json.dumps(alert["labels"], sort_keys=True)
        is_over = alert.get("status") == "resolved"
        if is_over:
            require(key in firing, f"{key} ends without having fired")
        require(firing.setdefault(key, alert["startsAt"]) == alert["startsAt"], f"{key} moved")
        if is_over:
            require(alert["endsAt"] >= alert["startsAt"], f"{key} ends before its start")


def status_of(daemon):
    """Its /status."""
    for event in daemon.events("starting"):
        with urllib.request.urlopen(f"http://{event['http']}/status", timeout=10) as answer:
            return json.load(answer)
    return None


def alert_status(daemon):
    status = status_of(daemon)
    return {one["name"]: one for one in status["alerts"]} if status else {}


def open_webhooks(flaky, hook, dead):
    return [
        {"name": "flaky", "url": flaky.url, "bearer_token": "${TOKEN}", "timeout": "1s",
            "resend": "2s"},
        {"name": "hook", "format": "webhook", "url": f"{hook.url}/hook?team=ops",
            "basic_auth": {"user": USER, "password": "${PASSWORD}"}, "min_severity": "critical"},
        {"name": "away", "format": "webhook", "url": f"{dead.url}/away",
            "detectors": ["temperature"]},
    ]  # fmt: skip


class Day:
    """One pipeline with three receivers."""

    def __init__(self, scenario):
        self.scenario, self.random = scenario, scenario.random
        self.brokers = scenario.broker(**PARTITIONS)
        self.root = scenario.folder / "data"
        self.flaky, self.hook, self.away = AlertReceiver(), AlertReceiver(), AlertReceiver()
        for receiver in (self.flaky, self.hook, self.away):
            scenario.cleanups.append(receiver.close)
        self.away.close()
        self.flaky.choose_fault = lambda: self.random.choice([None, None, *FAULTS])
        sections = {**fleet.fleet_sections(), "sources": [fleet.SOURCES[0]], "windows": []}
        sections["detectors"] = fleet.DETECTORS_OF_SNAPSHOTS
        sections["alerts"] = {
            "page_url": "https://page.example.net/",
            "webhooks": open_webhooks(self.flaky, self.hook, self.away),
        }
        self.sections = sections
        self.config = scenario.write_config(
            harness.base_config(self.brokers, self.root, **sections)
        )
        produced = scenario.folder / "produced.jsonl"
        producer = fleet.Producer(self.brokers, produced, PARTITIONS)
        made = fleet.Fleet(scenario.arguments.seed, snapshots_only=True)
        rate = 250 if scenario.is_quick else 120
        self.steady = fleet.SteadyProducer(producer, made, rate, RECORD_LIMIT)

    def daemon(self, name=None):
        return self.scenario.daemon(self.config, name=name)

    def kill_often(self):
        for _ in range(4 if self.scenario.is_quick else 12):
            daemon = self.daemon()
            daemon.wait_for_log('"committed"', 60)
            time.sleep(self.random.uniform(0, 4))
            require(daemon.kill(), f"{daemon.name} ended by itself:\n{daemon.last_lines()}")

    def drain(self, daemon, names, seconds=90):
        """Waits until nothing waits for these receivers."""

        def look():
            require(daemon.is_running, f"{daemon.name} ended:\n{daemon.last_lines()}")
            found = alert_status(daemon)
            return all(found[name]["sending"] and not found[name]["queued"] for name in names)

        wait_for(f"everything is told to {names}", look, seconds, pause=0.3)


def run(scenario):
    os.environ.update(TOKEN=TOKEN, PASSWORD=PASSWORD)
    day = Day(scenario)
    day.kill_often()
    day.steady.stop()
    scenario.note("killed often while one receiver failed, one worked and one was away")

    scenario.catch_up(day.config)
    steps = table_steps(day.root)
    day.flaky.choose_fault = None
    daemon = day.daemon("tells-the-rest")
    wait_for("the status has alerts", lambda: alert_status(daemon))
    day.drain(daemon, ["flaky", "hook"])
    waiting = alert_status(daemon)["away"]
    require(waiting["queued"] and waiting["trouble"], f"the one that is away: {waiting}")
    require(waiting["oldest_age_seconds"] > 0, f"the one that is away: {waiting}")
    day.away.open()
    day.drain(daemon, ["away"], seconds=120)
    scenario.note("the one that was away is back")

    require(len(steps) > 50, f"only {len(steps)} steps: the test shows nothing")
    scenario.note(check_told("flaky", day.flaky, steps))
    critical = check_told("hook", day.hook, steps, lambda row: row["severity"] == "critical")
    scenario.note(critical)
    scenario.note(
        check_told("away", day.away, steps, lambda row: row["detector"] == "temperature")
    )
    check_lives(day.hook)
    check_lives(day.away)
    check_requests(day)
    check_repeats(day)
    stand_by(day, daemon)
    poisoned(scenario, day)
    if shutil.which("prometheus-alertmanager"):
        real_alertmanager(scenario, day, steps)
    else:
        scenario.note("no Alertmanager is installed here")


def check_requests(day):
    for _, path, headers, _ in day.flaky.requests:
        require(path == "/api/v2/alerts", f"asked for {path}")
        require(headers.get("Authorization") == f"Bearer {TOKEN}", f"{headers}")
        require(headers.get("Content-Type") == "application/json", f"{headers}")
    for _, path, headers, _ in day.hook.requests:
        require(path == "/hook?team=ops", f"asked for {path}")
        require(headers.get("Authorization") == basic(USER, PASSWORD), f"{headers}")
    _, alert, payload = day.hook.taken()[0]
    require(payload["version"] == "4" and payload["receiver"] == "hook", f"{payload}")
    require(alert["generatorURL"].startswith("https://page.example.net/#a-"), f"{alert}")
    require(len(alert["fingerprint"]) == 16, f"{alert}")
    log = "".join(path.read_text(errors="replace") for path in day.scenario.folder.glob("*.log"))
    for secret in (TOKEN, PASSWORD, "team=ops"):
        require(secret not in log, f"a log shows {secret}")


def check_repeats(day):
    """What is open is told again every two seconds, and nothing else is."""
    steps = table_steps(day.root)
    closed = {anomaly for anomaly, state in steps if state == "closed"}
    still_open = {anomaly for anomaly, _ in steps} - closed
    before = len(day.flaky.taken())
    if not still_open:
        return
    wait_for(
        "what is open is told again",
        lambda: still_open
        <= {one["annotations"]["anomaly_id"] for _, one, _ in day.flaky.taken()[before:]},
        30,
    )
    again = {one["annotations"]["anomaly_id"] for _, one, _ in day.flaky.taken()[before:]}
    require(again <= still_open, f"told again though over: {list(again - still_open)[:3]}")


def stand_by(day, first):
    """Of two instances one sends; the other takes over at once when that one dies."""
    second = day.daemon("second")
    wait_for(
        "the second stands by",
        lambda: "flaky" in (found := alert_status(second)) and not found["flaky"]["sending"],
    )
    require(first.kill(), f"{first.name} ended by itself")
    started = time.monotonic()
    wait_for("the second sends", lambda: alert_status(second)["flaky"]["sending"], 20)
    day.scenario.note(f"took over within {time.monotonic() - started:.1f} s of a kill")
    code = second.stop(30)
    require(code == harness.EXIT_OK, f"SIGTERM ended with {code}:\n{second.last_lines()}")


def poisoned(scenario, day):
    """A new webhook begins with the next step; of a batch that it refuses one alert is left out."""
    receiver = AlertReceiver()
    scenario.cleanups.append(receiver.close)
    sections = {**day.sections, "alerts": {"webhooks": [{"name": "late", "url": receiver.url}]}}
    config = scenario.write_config(
        harness.base_config(day.brokers, day.root, **sections), "late.yaml"
    )
    before = table_steps(day.root)
    daemon = scenario.daemon(config, name="late")
    wait_for("the new webhook begins", lambda: alert_status(daemon).get("late"))
    # What comes is refused as a whole, until one of its anomalies is known.
    receiver.choose_fault = receiver.poison_first
    producer = fleet.Producer(day.brokers, scenario.folder / "more.jsonl", PARTITIONS)
    made = fleet.Fleet(scenario.arguments.seed + 1, snapshots_only=True)
    made.now_ms += 4 * 3_600_000
    producer.send_all(made, 4_000)

    def is_told():
        status = status_of(daemon)
        late = status["alerts"][0]
        steps = table_steps(day.root).keys() - before.keys()
        is_all = late["sent"] + late["refused"] == len(steps) and not late["queued"]
        return status["lag_records"] == 0 and len(steps) > 20 and is_all and (late, steps)

    late, steps = wait_for("the new webhook is told", is_told, 120, pause=0.5)
    told = told_steps(receiver)
    require(receiver.poison not in told, "the poisoned one was taken")
    refused = [key for key in steps if key[0] == receiver.poison]
    require(late["refused"] == len(refused) > 0, f"{late}, but {refused} were to be refused")
    missing = [key for key in steps if key[1] not in told.get(key[0], []) and key not in refused]
    require(not missing, f"{len(missing)} were refused with it: {missing[:3]}")
    early = [(one, state) for one in told for state in told[one] if (one, state) in before]
    require(not early, f"told of steps from before it was there: {early[:3]}")
    require("I do not understand" in daemon.log(), "the log has not the receiver's words")
    scenario.note(f"a new one was told {late['sent']} steps and refused {late['refused']}")
    code = daemon.stop(30)
    require(code == harness.EXIT_OK, f"SIGTERM ended with {code}:\n{daemon.last_lines()}")


class Alertmanager:
    """Debian's, on the loopback, alone."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        config = {"route": {"receiver": "none"}, "receivers": [{"name": "none"}]}
        (folder / "config.yml").write_text(json.dumps(config), encoding="utf-8")
        self.port = harness.free_port()
        with open(folder / "alertmanager.log", "wb") as log:
            self.popen = subprocess.Popen(
                ["prometheus-alertmanager", f"--config.file={folder / 'config.yml'}",
                    f"--storage.path={folder / 'data'}", "--cluster.listen-address=",
                    f"--web.listen-address=127.0.0.1:{self.port}"],
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.url = f"http://127.0.0.1:{self.port}"

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)

    def is_ready(self):
        try:
            return self.get("/api/v2/status")["cluster"]
        except OSError:
            return None

    def end(self):
        self.popen.terminate()
        try:
            self.popen.wait(10)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


def real_alertmanager(scenario, day, steps):
    """A root of its own over the same topic, told to Debian's Alertmanager: it refuses nothing, and
    in the end it knows exactly what is open by the table."""
    alertmanager = Alertmanager(scenario.folder / "alertmanager")
    scenario.cleanups.append(alertmanager.end)
    wait_for("the Alertmanager is ready", alertmanager.is_ready)
    root = scenario.folder / "again"
    webhooks = [{"name": "am", "url": alertmanager.url, "resend": "2s"}]
    sections = {**day.sections, "alerts": {"webhooks": webhooks}}
    config = harness.base_config(day.brokers, root, **sections)
    config["kafka"]["group"] = "again"
    path = scenario.write_config(config, "again.yaml")
    daemon = scenario.daemon(path, name="alertmanager-run")
    wait_for("it tells", lambda: alert_status(daemon).get("am", {}).get("sent", 0) > 20)

    def has_caught_up():
        status = status_of(daemon)
        am = status["alerts"][0]
        return (
            status["lag_records"] == 0 and status["buffered_bytes"] == 0 and am["queued"] == 0
            and am["sent"] == len(table_steps(root)) and am
        )  # fmt: skip

    am = wait_for("everything is told", has_caught_up, 120, pause=0.5)
    require(am["refused"] == 0 and am["failed"] == 0 and not am["trouble"], f"{am}")
    def shown():
        found = alertmanager.get("/api/v2/alerts?active=true")
        return {
            (a["labels"].get("device"), a["labels"].get("metric"), a["labels"]["detector"],
                a["labels"]["severity"])
            for a in found
        }  # fmt: skip

    def is_right():
        return shown() == open_labels(table_steps(root))

    wait_for("the Alertmanager shows what is open by the table", is_right, 60, pause=0.5)
    time.sleep(10)
    require(is_right(), "what is open ended by itself, or came back")
    by_table = open_labels(table_steps(root))
    require(by_table, "nothing is open: the test shows nothing")
    one = alertmanager.get("/api/v2/alerts?active=true")[0]
    require(one["labels"]["alertname"] == "DownlinkAnomaly", f"{one}")
    require(one["labels"]["pipeline"] == "blackbox", f"{one}")
    fingerprints(alertmanager)
    require(daemon.stop(30) == harness.EXIT_OK, daemon.last_lines())
    wait_for("what nobody repeats ends by itself", lambda: not shown(), 30)
    scenario.note(f"an Alertmanager was told {am['sent']} steps and showed {len(by_table)} open")


def open_labels(steps):
    """The labels of what the table says is open now."""
    newest = {}
    for (anomaly, state), row in steps.items():
        if anomaly not in newest or ORDER[state] > ORDER[newest[anomaly]["state"]]:
            newest[anomaly] = row
    return {
        (row["device_id"], row["metric"], row["detector"], row["severity"])
        for row in newest.values() if row["state"] != "closed"
    }  # fmt: skip


def fingerprints(alertmanager):
    """Ours, of the webhook's format, is the one by which an Alertmanager knows an alert."""
    for alert in alertmanager.get("/api/v2/alerts?active=true")[:20]:
        found = 0xCBF29CE484222325
        for name, value in sorted(alert["labels"].items()):
            for byte in name.encode() + b"\xff" + value.encode() + b"\xff":
                found = (found ^ byte) * 0x100000001B3 % (1 << 64)
        require(f"{found:016x}" == alert["fingerprint"], f"{alert['labels']}: {found:016x}")


if __name__ == "__main__":
    harness.main(run)
