"""A real Prometheus scrapes a real run, by the rules that are shipped: in good order nothing fires
and counters agree with /status; with a webhook that is away and dead letters the alerts for them
come up. `/metrics` in both formats is judged by promtool and by prometheus_client on the way.
"""

import json
import shutil
import subprocess
import time
import urllib.parse
import urllib.request

import yaml

import fleet
import harness
import messages
from alerts import status_of
from harness import ORACLES, require, wait_for
from openmetrics_oracle import check

PARTITIONS = {fleet.SNAPSHOTS: 4, fleet.SAMPLES: 2}
RULES = ORACLES.parents[1] / "deploy" / "prometheus"
OPEN_METRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
OPEN_METRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PLAIN_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Prometheus:
    """Debian's, on the loopback, with our rules; `hurry` makes them wait for seconds, not minutes,
    where a test cannot."""

    def __init__(self, scenario, target):
        require(shutil.which("prometheus"), "prometheus is missing: run make setup")
        self.folder = scenario.folder / "prometheus"
        self.folder.mkdir()
        for name in ("downlink-records.yaml", "downlink-alerts.yaml"):
            rules = yaml.safe_load((RULES / name).read_text(encoding="utf-8"))
            for group in rules["groups"]:
                group["interval"] = "1s"
                for rule in group["rules"]:
                    self.hurry(rule)
            (self.folder / name).write_text(json.dumps(rules), encoding="utf-8")
        config = {
            "global": {"scrape_interval": "3s", "evaluation_interval": "1s"},
            "rule_files": ["downlink-*.yaml"],
            "scrape_configs": [
                {"job_name": "downlink", "static_configs": [{"targets": [target]}]}
            ],
        }
        (self.folder / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")
        self.port = harness.free_port()
        with open(self.folder / "prometheus.log", "wb") as log:
            self.popen = subprocess.Popen(
                ["prometheus", f"--config.file={self.folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self.folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}"],
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        scenario.cleanups.append(self.end)
        wait_for("Prometheus is ready", self.is_ready)

    @staticmethod
    def hurry(rule):
        """The same rule with spans of seconds: what `for` and thresholds are is tested by promtool."""
        if rule.get("for"):
            rule["for"] = "3s"
        if rule.get("alert") == "DownlinkAlertsWait":
            require("> 600" in rule["expr"], "the rule has another threshold")
            rule["expr"] = rule["expr"].replace("> 600", "> 5")

    def is_ready(self):
        require(self.popen.poll() is None, "Prometheus ended: see its log")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5):
                return True
        except OSError:
            return False

    def get(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{query}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            document = json.load(answer)
        require(document["status"] == "success", f"{path}: {document}")
        return document["data"]

    def query(self, text):
        """{labels without name, job and instance: value}."""
        found = {}
        for one in self.get("query", query=text)["result"]:
            labels = {
                name: value for name, value in one["metric"].items()
                if name not in ("__name__", "job", "instance")
            }  # fmt: skip
            found[tuple(sorted(labels.items()))] = float(one["value"][1])
        return found

    def firing(self):
        return {
            alert["labels"]["alertname"]
            for alert in self.get("alerts")["alerts"] if alert["state"] == "firing"
        }  # fmt: skip

    def end(self):
        self.popen.terminate()
        try:
            self.popen.wait(20)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


def scrape(address, accept):
    request = urllib.request.Request(f"http://{address}/metrics", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers["Content-Type"], answer.read()


def judge(address):
    """Both formats by other people's parsers; how many samples there are."""
    kind, plain = scrape(address, "*/*")
    require(kind == PLAIN_TYPE, f"{kind}")
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=plain, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=60,
    )  # fmt: skip
    require(done.returncode == 0 and not done.stdout, f"promtool: {done.stdout.decode()}")
    kind, open_metrics = scrape(address, OPEN_METRICS)
    require(kind == OPEN_METRICS_TYPE, f"{kind}")
    families = check(open_metrics.decode("utf-8"))
    return sum(len(family.samples) for family in families.values())


def series_bound(config, status):
    """As docs/METRICS.md has it, "How many series"."""
    partitions = sum(PARTITIONS.values())
    brokers, tables = len(status["brokers"]), len(status["tables"])
    pairs = len(config["sources"]) * len(config["detectors"])
    webhooks = len(config.get("alerts", {}).get("webhooks", []))
    return (
        250 + 13 * partitions + 2 * brokers + 10 * len(config["sources"]) + 8 * pairs
        + 8 * webhooks + 20 * tables
    )  # fmt: skip


def run(scenario):
    brokers = scenario.broker(**PARTITIONS)
    root = scenario.folder / "data"
    sections = fleet.fleet_sections()
    sections["sources"] = [{**one, "deduplicate": {"by": "payload"}} for one in fleet.SOURCES]
    sections["detectors"] = [
        one for one in fleet.DETECTORS if one["name"] in ("temperature", "silent")
    ]
    config = harness.base_config(brokers, root, **sections)
    away = f"http://127.0.0.1:{harness.free_port()}"
    path = scenario.write_config(config)
    daemon = scenario.daemon(path)
    daemon.wait_for_log('"starting"')
    address = daemon.events("starting")[0]["http"]
    prometheus = Prometheus(scenario, address)

    producer = fleet.Producer(brokers, scenario.folder / "produced.jsonl", PARTITIONS)
    made = HealthyFleet(scenario.arguments.seed)
    steady = fleet.SteadyProducer(producer, made, 200, 20_000)
    time.sleep(20 if scenario.is_quick else 45)
    require(daemon.is_running, f"it ended:\n{daemon.last_lines()}")
    firing = prometheus.firing()
    require(not firing, f"in good order these fire: {firing}")
    steady.stop()
    in_good_order(scenario, prometheus, daemon, config)
    in_trouble(scenario, prometheus, daemon, config, away, brokers)


class HealthyFleet(fleet.Fleet):
    """Nothing is broken, late or far off, and Kafka's times are now: nothing is to be told."""

    def __init__(self, seed):
        super().__init__(seed, device_count=20)

    def next(self):
        self.now_ms = int(time.time() * 1_000)
        device = self.random.choice(self.devices)
        self.sequences[device] += 1
        return self.snapshot(device) if self.random.random() < 0.6 else self.samples(device)

    def event_ms(self):
        return self.now_ms - self.random.randrange(0, 1_000)

    def value(self, device):
        return round(self.random.uniform(19, 21), 3)

    def samples(self, device):
        rows, samples = [], []
        for _ in range(3):
            event_us = self.event_ms() * 1_000
            metric, value = "bearing_temperature_c", self.value(device)
            samples.append((event_us, metric, value))
            rows.append([event_us, {metric: value}])
        payload = messages.batch(device, samples, sequence=self.sequences[device])
        members = fleet.members_of(device, rows, self.sequences[device])
        return self.outgoing(fleet.SAMPLES, device, payload, members)


def in_good_order(scenario, prometheus, daemon, config):
    """After the last record is committed: what Prometheus has, against /status."""

    def is_settled():
        status = status_of(daemon)
        return status["lag_records"] == 0 and status["buffered_bytes"] == 0 and status

    status = wait_for("everything is committed", is_settled, 60, pause=0.5)
    # Two scrapes.
    time.sleep(7)
    status = status_of(daemon)
    (target,) = prometheus.get("targets")["activeTargets"]
    require(target["health"] == "up" and not target["lastError"], f"{target}")
    require(prometheus.query("min_over_time(up[5m])") == {(): 1}, "a scrape failed")
    pairs = {
        "downlink_readings_total": status["totals"]["readings"],
        'downlink_records_total{outcome="read"}': status["totals"]["records_read"],
        "downlink_commits_conflicts_total": status["commits"]["conflicts"],
        "downlink_partition_lag_records > 0": None,
        "sum(downlink_partition_committed_offset)": sum(
            one["committed_offset"] for one in status["partitions"]
        ),
        "downlink_latency_end_to_end_seconds_count": status["latency_seconds"]["count"],
        "downlink_instance_ready": 1,
    }
    for text, expected in pairs.items():
        found = list(prometheus.query(text).values())
        require(found == ([] if expected is None else [expected]), f"{text}: {found}, {expected}")
    require(status["totals"]["readings"] > 1_000, "nothing happened: the test shows nothing")
    for rule in ("downlink_records:rate5m", "downlink_readings:rate5m", "downlink_lag_records:sum"):
        found = prometheus.query(f"instance:{rule}")
        require(len(found) == 1, f"the recording rule {rule} has {found}")
    p99 = prometheus.query("job:downlink_latency_end_to_end_seconds:p99_10m")
    require(p99 and 0 < list(p99.values())[0] < 60, f"p99 is {p99}")
    for group in prometheus.get("rules")["groups"]:
        for rule in group["rules"]:
            require(rule["health"] == "ok", f"{rule['name']}: {rule.get('lastError')}")
    samples = judge(daemon.events("starting")[0]["http"])
    scraped = prometheus.query('scrape_samples_scraped{job="downlink"}')
    bound = series_bound(config, status)
    require(samples <= bound, f"{samples} series are more than the bound of {bound}")
    require(abs(scraped[()] - samples) < 20, f"{scraped} scraped, {samples} read")
    scenario.note(f"in good order: {samples} series of at most {bound}; {len(pairs)} figures agree")


def in_trouble(scenario, prometheus, daemon, config, away, brokers):
    """Dead letters, drift of values, duplicates, and a webhook that is not there."""
    config = {**config, "alerts": {"webhooks": [{"name": "away", "url": away}]}}
    scenario.write_config(config)
    daemon.send(1)
    daemon.wait_for_log("configuration reloaded")
    producer = fleet.Producer(brokers, scenario.folder / "more.jsonl", PARTITIONS)
    made = fleet.Fleet(scenario.arguments.seed)
    made.now_ms = int(time.time() * 1_000) - 120_000
    made.devices = [f"other-{index:03}" for index in range(40)]
    made.sequences = dict.fromkeys(made.devices, 0)
    for _ in range(3_000):
        one = made.next()
        for _ in range(2 if made.random.random() < 0.1 else 1):
            producer.send(one.topic, one.device, one.payload, one.timestamp_ms, one.members)
    producer.finish()
    expected = {"DownlinkDeadLetters", "DownlinkAlertsWait"}

    def come_up():
        require(daemon.is_running, f"it ended:\n{daemon.last_lines()}")
        return expected <= prometheus.firing()

    known = {
        rule["name"] for group in prometheus.get("rules")["groups"] for rule in group["rules"]
    }  # fmt: skip
    expected &= known
    require("DownlinkAlertsWait" in expected, f"the rules are {known}")
    wait_for(f"these fire: {expected}", come_up, 90, pause=0.5)
    samples = judge(daemon.events("starting")[0]["http"])
    status = status_of(daemon)
    require(status["alerts"][0]["queued"] > 0 and status["alerts"][0]["trouble"], "no trouble")
    bound = series_bound(config, status)
    require(samples <= bound, f"{samples} series are more than the bound of {bound}")
    scenario.note(f"in trouble: {sorted(prometheus.firing())}; {samples} series of at most {bound}")
    code = daemon.stop(40)
    require(code == harness.EXIT_OK, f"SIGTERM ended with {code}:\n{daemon.last_lines()}")


if __name__ == "__main__":
    harness.main(run)
