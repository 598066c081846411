"""Dead letters that come back, and floods.

Records that a configuration cannot read lie in `dead_letters`; with the configuration mended,
`downlinkd dead-letters replay` brings them back while the pipeline runs: two at a time, killed at
every step, each letter once. A source that brings nearly nothing but dead letters is paused, says
so, and is tried again; the other one goes on.
"""

import json
import signal
import threading
import time
import urllib.request

import duckdb

import fleet
import harness
import messages
from delta_tables import Table
from harness import EXIT_OK, require, wait_for

METRIC = "cpu_temperature_c"
EXIT_USAGE = 64
# Where a replay is killed: its files written, before and after the entry, between two tables.
CRASH_POINTS = ["files_closed", "log_put_before", "log_put_after", "secondary_commit"]


class Sender:
    """Records that the first configuration cannot read, and those that both can."""

    def __init__(self, producer):
        self.producer = producer
        self.now_ms = fleet.START_MS
        self.waiting = 0
        self.garbage = 0

    def tick(self):
        self.now_ms += 50
        return self.now_ms

    def nameless(self):
        """Its device stands in the key only."""
        now_ms, device = self.tick(), f"sat-{self.now_ms % 7}"
        metrics = {METRIC: float(now_ms % 1_000)}
        payload = messages.wide(None, now_ms, metrics, sequence=5, region="eu")
        back = {"device": device, "sequence": 5, "attributes": {"region": "eu"},
                "rows": [[0, now_ms * 1_000, metrics]]}  # fmt: skip
        self.waiting += 1
        members = {**fleet.DEAD, "replayed": back}
        self.producer.send(fleet.SNAPSHOTS, device, payload, now_ms, members)

    def named(self):
        now_ms, device = self.tick(), f"sat-{self.now_ms % 7}"
        metrics = {METRIC: 1.5}
        payload = messages.wide(device, now_ms, metrics)
        members = fleet.members_of(device, [[now_ms * 1_000, metrics]])
        self.producer.send(fleet.SNAPSHOTS, device, payload, now_ms, members)

    def hopeless(self):
        """Nothing reads it, whatever the configuration."""
        self.garbage += 1
        self.producer.send(fleet.SNAPSHOTS, "sat-1", b"\x0f\xff", self.tick(), fleet.DEAD)

    def batch(self, with_timeless_row):
        """Three samples, the middle one without a time of its own: the sequence has it."""
        # Whole seconds, so that both configurations read the same times.
        now_us = self.tick() // 1_000 * 1_000_000
        rows = [[now_us, {"a": 1.0}], None, [now_us, {"c": 3.0}]]
        samples = [(now_us, "a", 1.0), (0, "b", 2.0), (now_us, "c", 3.0)]
        members = fleet.members_of("inv-1", rows, sequence=now_us // 1_000_000)
        if with_timeless_row:
            members["replayed"] = {"rows": [[1, now_us, {"b": 2.0}]]}
            self.waiting += 1
        else:
            del rows[1], samples[1]
        payload = messages.batch("inv-1", samples, sequence=now_us // 1_000_000)
        self.producer.send(fleet.SAMPLES, "inv-1", payload, self.now_ms, members)


def sources(is_mended):
    wide = messages.wide_source(dead_letter_flood="none")
    narrow = messages.narrow_source(dead_letter_flood="none")
    del narrow["sequence"]
    if is_mended:
        wide["device"] = "$key"
        narrow["time"] = {"field": "sequence", "unit": "s"}
    return [wide, narrow]


class Letters:
    """`downlinkd dead-letters …` with one configuration."""

    def __init__(self, scenario, config):
        self.scenario, self.config = scenario, config

    def start(self, *words, environment=None):
        name = f"{words[0]}-{len(self.scenario.processes)}"
        words = ["dead-letters", words[0], "--config", self.config, *words[1:]]
        return self.scenario.start(name, *words, environment=environment)

    def ask(self, *words, code=EXIT_OK):
        process = self.start(*words)
        found = process.wait()
        require(found == code, f"{words} ended with {found}:\n{process.log()}")
        return process.log()

    def said(self, process):
        """The JSON that a finished process printed."""
        require(process.wait() == EXIT_OK, f"{process.name}:\n{process.log()}")
        return json.loads(next(line for line in process.log().splitlines() if line[:1] == "{"))

    def list(self, *words):
        return self.said(self.start("list", "--json", *words))

    def replay(self, *words):
        return self.start("replay", "--yes", "--json", *words)


def check_list(letters, sent):
    said = letters.list()
    require(said["pending"] == sent.waiting + sent.garbage, f"waiting: {said['pending']}")
    by_reason = {group["reason"]: 0 for group in said["groups"]}
    for group in said["groups"]:
        by_reason[group["reason"]] += group["pending"]
    letters.scenario.note(f"dead letters: {by_reason}")
    samples = letters.list("--source", "samples")["pending"]
    require(letters.list("--topic", fleet.SAMPLES)["pending"] == samples, "by source and topic")
    require(letters.list("--until", "2020-01-01")["pending"] == 0, "none is older")
    require(letters.list("--since", "2020-01-01")["pending"] == said["pending"], "all are newer")
    shown = letters.ask("show", "--limit", "2", "--json").splitlines()
    require(len(shown) == 2, f"{len(shown)} letters are shown")
    require(json.loads(shown[0])["payload_hex"], "a letter is shown with its payload")
    require("wait" in letters.ask("list"), "the text says that letters wait")


def replays(scenario):
    partitions = {fleet.SNAPSHOTS: 2, fleet.SAMPLES: 1}
    brokers = scenario.broker(**partitions)
    root = scenario.folder / "data"
    produced = scenario.folder / "produced.jsonl"
    broken = harness.base_config(brokers, root, sources(is_mended=False))
    broken["storage"]["commit"]["bytes"] = "1MB"
    mended = {**broken, "sources": sources(is_mended=True)}
    sent = Sender(fleet.Producer(brokers, produced, partitions))
    count = 4_000 if scenario.is_quick else 16_000
    for index in range(count):
        sent.nameless()
        if index % 4 == 0:
            sent.named()
        if index % 40 == 0:
            sent.hopeless()
            sent.batch(with_timeless_row=True)
    sent.producer.finish()
    scenario.catch_up(scenario.write_config(broken, "broken.yaml"))
    config = scenario.write_config(mended)
    letters = Letters(scenario, config)
    check_list(letters, sent)
    letters.ask("replay", code=EXIT_USAGE)

    daemon = scenario.daemon(config)
    daemon.wait_for_log('"partition taken up"')
    is_over = threading.Event()

    def go_on():
        while not is_over.is_set():
            sent.named()
            sent.batch(with_timeless_row=False)
            time.sleep(0.01)

    traffic = threading.Thread(target=go_on)
    traffic.start()
    try:
        bring_back(scenario, letters, sent, root)
    finally:
        is_over.set()
        traffic.join()
    sent.producer.finish()
    require(daemon.is_running and not daemon.has_logged("recovering"), daemon.last_lines())
    require(daemon.stop() == EXIT_OK, f"the stop:\n{daemon.last_lines()}")
    scenario.catch_up(config)
    verify = scenario.start("verify", "verify", "--config", config)
    require(verify.wait() == EXIT_OK, f"verify:\n{verify.log()}")
    scenario.verify(root, produced, config, "--ledger")
    count_by_duckdb(scenario, root, sent)


def bring_back(scenario, letters, sent, root):
    dry = letters.said(letters.start("replay", "--dry-run", "--json"))
    require(dry["read"] == sent.waiting, f"a dry run reads {dry['read']} of {sent.waiting}")
    require(letters.list()["replayed"] == 0, "a dry run has written something")
    for point in CRASH_POINTS:
        environment = {"DOWNLINK_CRASH_POINT": point}
        process = letters.start("replay", "--yes", environment=environment)
        require(process.wait() == -signal.SIGKILL, f"{point}: it ended with {process.code}")
    killed = letters.list()["replayed"]
    scenario.note(f"{len(CRASH_POINTS)} replays were killed; {killed} letters came back by them")
    both = [letters.replay(), letters.replay()]
    if not scenario.is_quick:
        time.sleep(0.5)
        third = letters.replay()
        third.kill()
    said = [letters.said(process) for process in both]
    scenario.note(f"two at once: {[(one['read'], one['conflicts']) for one in said]}")
    last = letters.said(letters.replay())
    require(last["read"] == 0, f"something was left: {last}")
    total = letters.list()
    require(total["replayed"] == sent.waiting, f"{total['replayed']} of {sent.waiting} came back")
    require(total["pending"] == sent.garbage, f"{total['pending']} wait, not {sent.garbage}")
    require(total["still_dead"] == sent.garbage, "what stays dead is marked")
    kinds = [entry["kind"] for entry in harness.ledger_entries(root)]
    scenario.note(f"{kinds.count('replay')} of the entries that are kept are replays")


def count_by_duckdb(scenario, root, sent):
    """What came back, counted by another engine."""
    connection = duckdb.connect()
    total = 0
    for name in ("readings_snapshots", "readings_samples"):
        Table(root / "tables" / name).create_view(connection, "readings")
        back, places = connection.execute(
            "SELECT count(*), count(DISTINCT (kafka_topic, kafka_partition, kafka_offset, "
            "row_index)) FROM readings WHERE flags & 16 <> 0"
        ).fetchone()
        require(back == places, f"{name}: {back} rows came back at {places} places")
        total += back
    require(total == sent.waiting, f"{total} rows came back, not {sent.waiting}")
    scenario.note(f"DuckDB counts {total} rows that came back")


def status_of(daemon):
    """`/status`, and the code of `/readyz`, at the address that the log names."""
    event = next(event for event in daemon.events() if "http" in event)
    base = f"http://{event['http']}"
    with urllib.request.urlopen(f"{base}/status", timeout=5) as answer:
        status = json.load(answer)
    with urllib.request.urlopen(f"{base}/readyz", timeout=5) as answer:
        return status, answer.status


def floods(scenario):
    scenario = scenario.part("flood")
    partitions = {fleet.SNAPSHOTS: 2, fleet.SAMPLES: 1}
    brokers = scenario.broker(**partitions)
    root = scenario.folder / "data"
    produced = scenario.folder / "produced.jsonl"
    flood = {"share": "80%", "for": "2s", "retry": "8s"}
    wide = messages.wide_source(dead_letter_flood=flood)
    config = harness.base_config(brokers, root, [wide, messages.narrow_source()])
    config = scenario.write_config(config)
    sent = Sender(fleet.Producer(brokers, produced, partitions))
    daemon = scenario.daemon(config)
    daemon.wait_for_log('"partition taken up"')
    pace = threading.Event()
    is_bad = threading.Event()
    is_bad.set()

    def go_on():
        while not pace.is_set():
            for _ in range(20):
                (sent.hopeless if is_bad.is_set() else sent.named)()
            sent.batch(with_timeless_row=False)
            time.sleep(0.05)

    traffic = threading.Thread(target=go_on)
    traffic.start()
    try:
        watch_flood(scenario, daemon, is_bad)
    finally:
        pace.set()
        traffic.join()
    sent.producer.finish()
    require(daemon.stop() == EXIT_OK, f"the stop:\n{daemon.last_lines()}")
    # A finite run never pauses: it reads what Kafka has kept.
    scenario.catch_up(config)
    scenario.verify(root, produced, config, "--ledger")


def watch_flood(scenario, daemon, is_bad):
    daemon.wait_for_log("a flood of dead letters")
    status, ready = status_of(daemon)
    (flood,) = [one for one in status["floods"] if one["source"] == "snapshots"]
    require(flood["paused"] and ready == 200, f"/readyz {ready}, {flood}")
    held = {p["partition"]: p for p in status["partitions"] if p["topic"] == fleet.SNAPSHOTS}
    before = {p["partition"]: p for p in status["partitions"] if p["topic"] == fleet.SAMPLES}
    time.sleep(2)
    status, _ = status_of(daemon)
    for partition in status["partitions"]:
        number = partition["partition"]
        if partition["topic"] == fleet.SAMPLES:
            moved = partition["committed_offset"] - before[number]["committed_offset"]
            require(moved > 0, "the other source stands still")
        else:
            require(partition["next_offset"] == held[number]["next_offset"], "it reads on")
    require(status["stall"] is None, f"it counts as stalled: {status['stall']}")
    scenario.note(f"paused after {flood['records']} records, {flood['dead']} of them dead")
    wait_for("it is tried again by itself", lambda: daemon.has_logged("is tried again"))
    wait_for("it is paused again", lambda: status_of(daemon)[0]["floods"][0]["pauses"] > 1)
    is_bad.clear()
    probes = daemon.log().count("is tried again")
    daemon.send(signal.SIGHUP)
    wait_for("SIGHUP tries it", lambda: daemon.log().count("is tried again") > probes)
    daemon.wait_for_log("the flood of dead letters is over")
    scenario.note(f"over after {daemon.log().count('is tried again')} tries")


def run(scenario):
    replays(scenario)
    floods(scenario)


if __name__ == "__main__":
    harness.main(run)
