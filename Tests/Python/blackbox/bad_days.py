"""Days on which a fleet does what no detector was tuned for, and few rows must say so: a hundred
thousand devices fall silent at once, a device is heard once a month, clocks jump, a limit that
every reading violates, metrics of nothing but NaN, a device with a new name, a detector of nothing.
"""

import contextlib
import json
import math
import time
from pathlib import Path

import duckdb

import fleet
import harness
import messages
import notify
from delta_tables import Table
from harness import EXIT_CONFIGURATION, EXIT_OK, require, wait_for
from reference import FUTURE, NON_FINITE

START_MS = fleet.START_MS
SECOND, MINUTE, DAY = 1_000, 60_000, 86_400_000
YEAR = 365 * DAY
METRIC, OTHER = "cpu_temperature_c", "battery_temperature_c"

MASS, ODD, FLOOD = "mass", "odd", "flood"
PARTITIONS = {MASS: 8, ODD: 7, FLOOD: 2}
# Of the topic `odd`: what each partition is about, so that no clock disturbs another.
MONTHLY, MONTHLY_ALONE, AHEAD, STAMPS, FIRST_STAMP, NAN, RENAMED = range(7)

LEARNT = {"every": "1m", "half_life": "1h", "warm_up": "5m", "false_alarm_every": "10h"}
DETECTORS = [
    {"name": "silent", "source": "mass", "silence": {"after": "15m"}, "open_max": 100},
    # The same days where the minute turns, and where there is room for five.
    {"name": "silent-later", "source": "mass", "silence": {"after": "15m30s"}},
    {"name": "silent-capped", "source": "mass", "silence": {"after": "15m"}, "open_max": 5},
    {"name": "days", "source": "odd", "silence": {"after": "20d"}},
    {"name": "weeks", "source": "odd", "silence": {"after": "90d"}},
    {"name": "hot", "source": "odd", "metric": "*_c", "limits": {"warning": {"above": 40}}},
    {"name": "hot-twice", "source": "odd", "metric": METRIC,
        "limits": {"critical": {"above": 40}, "readings": 2}},
    {"name": "hot-long", "source": "odd", "metric": METRIC,
        "limits": {"critical": {"above": 40}, "for": "25d"}},
    *({"name": kind, "source": "odd", "metric": "*_c", kind: LEARNT}
        for kind in ("spike", "jump", "shift")),
]  # fmt: skip
AT_LEAST = {"silence": 8 * (20 + 40 + 5), "summary": 8 * (1 + 2), "cap": 8}
OPEN_MAX = 50


class Days:
    """Sends records and keeps what was sent."""

    def __init__(self, scenario, brokers):
        self.produced = scenario.folder / "produced.jsonl"
        self.producer = fleet.Producer(brokers, self.produced, PARTITIONS)

    def send(self, topic, partition, device, stamp, metrics, event=None, region="eu"):
        """`stamp` is Kafka's time and, if nothing else is said, the event's."""
        event = stamp if event is None else event
        payload = messages.wide(device, event, metrics, region=region)
        members = fleet.members_of(device, [[event * 1_000, metrics]], region=region)
        self.producer.send(topic, device, payload, stamp, members, partition)


# ---- a hundred thousand devices -----------------------------------------------------------------


class Mass:
    """All are heard in the same minute, then none, then all again; a beacon keeps each clock."""

    def __init__(self, days, count):
        self.days, self.count = days, count
        self.width = PARTITIONS[MASS]

    def silence(self):
        self.wave(0, range(self.count))
        self.beacons(range(1, 30))

    def comeback(self):
        """The last device of each partition is missing for two minutes more."""
        self.wave(30, range(self.count - self.width))
        self.beacons([31])
        self.wave(32, range(self.count - self.width, self.count))
        self.beacons([33])

    def wave(self, minute, members):
        for place, index in enumerate(members):
            stamp = START_MS + minute * MINUTE + 50 * SECOND * place // self.count
            self.send(index % self.width, f"d{index:06}", stamp, "eu" if index % 3 else "us")

    def beacons(self, minutes):
        for minute in minutes:
            for partition in range(self.width):
                self.send(partition, f"beacon-{partition}", START_MS + minute * MINUTE, "eu")

    def send(self, partition, device, stamp, region):
        self.days.send(MASS, partition, device, stamp, {METRIC: 20.0}, region=region)


def expect_mass(scenario, connection, count):
    width = PARTITIONS[MASS]
    rows = connection.execute(
        "SELECT kafka_partition, anomaly_id, state, device_id, value, evidence, kafka_offset "
        "FROM anomalies WHERE detector = 'silent'"
    ).fetchall()
    opened = [row for row in rows if row[2] == "opened"]
    closed = [row for row in rows if row[2] == "closed"]
    require(
        len(rows) == 2 * 21 * width,
        f"{len(rows)} rows instead of 20 devices and a summary, opened and closed, a partition",
    )
    summaries = [row for row in opened if row[3] is None]
    require(len(summaries) == width, f"{len(summaries)} summaries for {width} partitions")
    for row in summaries:
        evidence = json.loads(row[5])
        require(evidence["kind"] == "silence_summary", f"a cap was hit: {evidence}")
        require(row[4] == count // width - 20, f"partition {row[0]} has {row[4]} in its summary")
        regions = evidence["attributes"]["region"]
        require(sum(regions.values()) == row[4], f"{regions} are not {row[4]} devices")
        require(len(evidence["examples"]) == 5, f"examples: {evidence['examples']}")
        (end,) = [one for one in closed if one[1] == row[1]]
        last = max(one[6] for one in closed if one[0] == row[0])
        require(end[6] == last, "a summary closed before its last device was heard")
    scenario.note(
        f"{count} devices fell silent in {width} partitions and came back: {len(rows)} rows, "
        f"summaries of {sorted({int(row[4]) for row in summaries})} devices"
    )


# ---- single odd devices -------------------------------------------------------------------------


def monthly(days):
    """Twelve readings in a year, the fifth to eighth too hot: among devices that are heard daily,
    and alone, where nobody confirms the leaps of its clock."""
    for day in range(360):
        now = START_MS + day * DAY
        for index in range(3):
            days.send(ODD, MONTHLY, f"daily-{index}", now + index * SECOND, {METRIC: 20.0})
        if day % 30 == 0:
            metrics = {METRIC: 50.0 if 4 <= day // 30 < 8 else 20.0}
            days.send(ODD, MONTHLY, "monthly", now + MINUTE, metrics)
            days.send(ODD, MONTHLY_ALONE, "hermit", now + MINUTE, metrics)


def clock_ahead(days):
    """One device lives a year ahead, and for a while it is too hot there."""
    for step in range(200):
        now = START_MS + step * MINUTE
        days.send(ODD, AHEAD, "steady", now, {METRIC: 20.0 + step % 2})
        is_ahead = 50 <= step < 150
        event = now + YEAR if is_ahead else now
        days.send(ODD, AHEAD, "dreamer", now, {METRIC: 90.0 if is_ahead else 20.0}, event=event)


def jumping_stamps(days):
    """Kafka's own times jump: one nobody confirms, then one that two devices bring, and back."""
    for step in range(30):
        now = START_MS + step * MINUTE
        for index in range(4):
            days.send(ODD, STAMPS, f"s-{index}", now + index, {METRIC: 20.0})
        if step == 10:
            days.send(ODD, STAMPS, "s-0", now + YEAR, {METRIC: 20.0}, event=now)
        if step == 20:
            for index in range(2):
                far = now + YEAR + index
                days.send(ODD, STAMPS, f"s-{index}", far, {METRIC: 20.0}, event=now + 10)


def first_stamp(days):
    """The very first stamp lies a year ahead: the next device's starts the clock anew."""
    days.send(ODD, FIRST_STAMP, "liar", START_MS + YEAR, {METRIC: 50.0})
    for day in range(40):
        for name in ("honest", "upright", "true"):
            days.send(ODD, FIRST_STAMP, name, START_MS + day * DAY, {METRIC: 20.0})


def only_nan(days):
    for step in range(120):
        now = START_MS + step * MINUTE
        value = (math.nan, math.inf, -math.inf)[step % 3]
        days.send(ODD, NAN, "nan", now, {METRIC: value, OTHER: 20.0 + step % 3})


def renamed(days):
    """Too hot under its old name and, without a pause, under its new one."""
    for step in range(40):
        now = START_MS + step * DAY
        name = "old-name" if step < 10 else "new-name"
        # They vouch for the new day first.
        days.send(ODD, RENAMED, "neighbour", now, {METRIC: 20.0})
        days.send(ODD, RENAMED, "other-neighbour", now, {METRIC: 20.0})
        days.send(ODD, RENAMED, name, now, {METRIC: 50.0})


def expect_odd(scenario, connection):
    rows = connection.execute(
        "SELECT kafka_partition, detector, device_id, state, count(*) FROM anomalies "
        "WHERE kafka_topic = 'odd' GROUP BY ALL"
    ).fetchall()
    found = {tuple(row[:4]): row[4] for row in rows}

    def expect(partition, detector, device, opened, closed):
        counts = [found.get((partition, detector, device, s), 0) for s in ("opened", "closed")]
        require(
            counts == [opened, closed],
            f"{detector} of {device}: opened and closed {counts} times, not {[opened, closed]}",
        )

    def flags(device):
        query = "SELECT flags, count(*) FROM readings WHERE device_id = ? GROUP BY flags"
        return dict(connection.execute(query, [device]).fetchall())

    expect(MONTHLY, "days", "monthly", 12, 11)
    expect(MONTHLY, "weeks", "monthly", 0, 0)
    expect(MONTHLY, "days", "daily-0", 0, 0)
    for detector in ("hot", "hot-twice", "hot-long"):
        expect(MONTHLY, detector, "monthly", 1, 1)
        # Nobody vouches for the leaps of its clock: all but its first reading lie in the future.
        expect(MONTHLY_ALONE, detector, "hermit", 0, 0)
    require(flags("hermit") == {0: 1, FUTURE: 11}, f"flags of the hermit: {flags('hermit')}")
    scenario.note("a reading a month: silent for days, not for weeks, hot once; kept where alone")
    for device in ("dreamer", "steady"):
        expect(AHEAD, "hot", device, 0, 0)
    require(flags("dreamer") == {0: 100, FUTURE: 100}, f"flags of the dreamer: {flags('dreamer')}")
    require(flags("steady") == {0: 200}, f"flags of its neighbour: {flags('steady')}")
    scenario.note("a clock a year ahead: no reading from there was judged")
    for index in range(4):
        # The year that two devices vouch for is believed, and the others are back in it at once.
        went = 1 if index >= 1 else 0
        for detector in ("days", "weeks"):
            counts = found.get((STAMPS, detector, f"s-{index}", "opened"), 0)
            require(counts >= went, f"{detector} of s-{index}: {counts} silences, not {went}")
            require(counts <= 1, f"the lone stamp silenced s-{index}")
    scenario.note("Kafka stamps that jump: one device's is not believed, that of two is")
    for name in ("honest", "upright", "true"):
        expect(FIRST_STAMP, "days", name, 0, 0)
    expect(FIRST_STAMP, "days", "liar", 1, 0)
    expect(FIRST_STAMP, "weeks", "liar", 0, 0)
    scenario.note("a first stamp a year ahead: silences count from where the clock began anew")
    nan = [key for key in found if key[0] == NAN]
    require(flags("nan") == {NON_FINITE: 120}, f"flags of NaN: {flags('nan')}")
    require(not nan, f"found something in NaN: {nan}")
    expect(RENAMED, "hot", "old-name", 1, 0)
    expect(RENAMED, "hot", "new-name", 1, 0)
    expect(RENAMED, "days", "old-name", 1, 0)
    expect(RENAMED, "days", "new-name", 0, 0)
    scenario.note("a renamed device: the old name stays hot and falls silent, the new one opens")


# ---- a detector that floods ---------------------------------------------------------------------


class Flooded:
    """The service at work, and how much of everything it holds."""

    def __init__(self, scenario, config, port):
        self.daemon = scenario.daemon(config, name="flooded")
        self.http = notify.Endpoint(port, None)

    def total(self, name):
        lines = self.http.metrics().items()
        return sum(value for key, value in lines if key.partition("{")[0] == name)

    def wait_for_records(self, count):
        def look():
            require(self.daemon.is_running, f"it ended:\n{self.daemon.last_lines()}")
            with contextlib.suppress(harness.Failure):
                return self.committed() >= count

        wait_for(f"{count} records are committed", look)

    def committed(self):
        return sum(one["committed_offset"] or 0 for one in self.http.status()["partitions"])

    def resident_bytes(self):
        pages = Path(f"/proc/{self.daemon.popen.pid}/statm").read_text().split()[1]
        return int(pages) * 4096


def flood(scenario, brokers, days):
    """Two hundred devices whose every metric violates a limit, round after round."""
    devices, rounds = 200, 20 if scenario.is_quick else 100
    port = harness.free_port()
    rule = {"warning": {"above": 0}}
    config = scenario.write_config(
        harness.base_config(
            brokers, scenario.folder / "flood", [messages.wide_source("flood", [FLOOD])],
            detectors=[{"name": "flood", "metric": "*", "limits": rule, "open_max": OPEN_MAX}],
            http={"listen": f"127.0.0.1:{port}"},
        ),
        "flood.yaml",
    )  # fmt: skip
    sent = 0

    def send(step, value):
        nonlocal sent
        for index in range(devices):
            stamp = START_MS + step * MINUTE + index
            metrics = dict.fromkeys(messages.METRICS, value)
            days.send(FLOOD, index % 2, f"f-{index:03}", stamp, metrics)
        sent += devices
        days.producer.finish()

    flooded = Flooded(scenario, config, port)
    for step in range(5):
        send(step, 1.0)
    flooded.wait_for_records(sent)
    state, resident = flooded.total("downlink_partition_state_bytes"), flooded.resident_bytes()
    for step in range(5, rounds):
        send(step, 1.0)
    flooded.wait_for_records(sent)
    grown = flooded.resident_bytes() - resident
    state_grown = flooded.total("downlink_partition_state_bytes") - state
    refused = flooded.total("downlink_anomalies_refused_total")
    opened = flooded.total("downlink_anomalies_open")
    expected = len(messages.METRICS) * devices - 2 * OPEN_MAX
    require(opened == 2 * (OPEN_MAX + 1), f"{opened} anomalies are open")
    require(refused == expected, f"{refused} were refused, not {expected}, each once")
    require(state_grown < 10_000, f"the state grew by {state_grown} bytes in {rounds} rounds")
    require(grown < 100_000_000, f"memory grew by {grown >> 20} MiB in {rounds} rounds")
    caps = [
        event for event in flooded.daemon.events("anomaly opened")
        if '"cap"' in str(event) or "'cap'" in str(event)
    ]  # fmt: skip
    require(len(caps) == 2, f"{len(caps)} lines of the log say that the cap is reached, not 2")
    send(rounds, 0.0)
    flooded.wait_for_records(sent)
    require(flooded.daemon.stop() == EXIT_OK, f"the stop:\n{flooded.daemon.last_lines()}")
    scenario.note(
        f"a flood of {sent} records: {opened:.0f} open, {refused:.0f} refused, the log says so; "
        f"memory grew by {grown / 1e6:.0f} MB, the state by {state_grown:.0f} bytes"
    )
    scenario.verify_anomalies(
        scenario.folder / "flood", days.produced, config, at_least={"cap": 2, "limits": 100}
    )


# ---- a detector of nothing ----------------------------------------------------------------------


def matches_nothing(scenario, brokers):
    """`check` and `run` name the place and what may have been meant."""
    root = scenario.folder / "nothing"
    for metric, words in (
        ("cpu_temprature_c", ["detectors[1].metric", "cpu_temprature_c", f"`{METRIC}`"]),
        ("reactor_*", ["detectors[1].metric", "reactor_*", METRIC]),
    ):
        detectors = [
            {"name": "good", "metric": METRIC, "limits": {"warning": {"above": 1}}},
            {"name": "lost", "metric": metric, "limits": {"warning": {"above": 1}}},
        ]
        source = messages.wide_source("odd", [ODD])
        config = harness.base_config(brokers, root, [source], detectors=detectors)
        path = scenario.write_config(config, "nothing.yaml")
        for command in ("check", "run"):
            process = scenario.start(f"nothing-{command}", command, "--config", path)
            code, text = process.wait(60), process.log()
            require(code == EXIT_CONFIGURATION, f"{command} of {metric} ended with {code}:\n{text}")
            for word in [*words, "nothing.yaml:"]:
                require(word in text, f"{command} does not say {word!r}:\n{text}")
    require(not root.exists(), "something was written for a configuration that does not fit")
    scenario.note("a detector of nothing: check and run say where, and what there is")


# ---- all of it ----------------------------------------------------------------------------------


def run(scenario):
    count = 20_000 if scenario.is_quick else 100_000
    brokers = scenario.broker(**PARTITIONS)
    matches_nothing(scenario, brokers)
    days = Days(scenario, brokers)
    for one in (monthly, clock_ahead, jumping_stamps, first_stamp, only_nan, renamed):
        one(days)
    mass = Mass(days, count)
    mass.silence()
    days.producer.finish()
    root = scenario.folder / "data"
    sources = [messages.wide_source(name, [name]) for name in (MASS, ODD)]
    windows = [{"name": "1h", "size": "1h", "sources": ["odd"]}]
    config = scenario.write_config(
        harness.base_config(brokers, root, sources, windows=windows, detectors=DETECTORS)
    )
    started = time.monotonic()
    scenario.catch_up(config, seconds=600)
    # Who comes back is heard by another run, which knows of the silence by its snapshots alone.
    mass.comeback()
    days.producer.finish()
    scenario.catch_up(config, seconds=600)
    seconds = time.monotonic() - started
    scenario.note(f"{days.producer.count} records within {seconds:.0f} s")
    connection = duckdb.connect()
    Table(root / "tables" / "anomalies").create_view(connection, "anomalies")
    Table(root / "tables" / "readings_odd").create_view(connection, "readings")
    expect_mass(scenario, connection, count)
    expect_odd(scenario, connection)
    scenario.verify(root, days.produced, config, "--ledger")
    scenario.verify_anomalies(root, days.produced, config, at_least=AT_LEAST)
    flood(scenario, brokers, days)


if __name__ == "__main__":
    harness.main(run)
