"""Every kind of bad record among good ones: each lands where docs/TABLES.md says, the payload's
bytes are kept, and nothing stops.
"""

import math

import duckdb

import fleet
import harness
import messages
from delta_tables import Table
from harness import require

START_MS = fleet.START_MS
BIG = 10_000_000
METRIC = "cpu_temperature_c"
# What the name of a case must bring into the column `reason`.
WIDE_DEAD = {
    "null payload": (None, "null_payload"),
    "empty payload": (b"", "no_device"),
    "cut short": (messages.wide("a", START_MS, {METRIC: 1.0})[:-3], None),
    "wrong message type": (messages.batch("a", [(START_MS * 1_000, "m", 1.0)]), None),
    "no device": (messages.wide(None, START_MS, {METRIC: 1.0}), "no_device"),
    "empty device": (messages.wide("", START_MS, {METRIC: 1.0}), "no_device"),
    "no time": (messages.wide("a", None, {METRIC: 1.0}), "no_time"),
    "time 0": (messages.wide("a", 0, {METRIC: 1.0}), "no_time"),
    "NUL in the device": (messages.wide(b"a\0b", START_MS, {METRIC: 1.0}), "nul_in_string"),
    "NUL in an attribute": (
        messages.wide("a", START_MS, {METRIC: 1.0}, region=b"e\0u"), "nul_in_string"
    ),
    "UTF-8 cut short": (messages.wide(b"sat-\xc3", START_MS, {METRIC: 1.0}), "invalid_utf8"),
    "overlong UTF-8": (messages.wide(b"a\xc0\xafb", START_MS, {}), "invalid_utf8"),
    "surrogate in an attribute": (
        messages.wide("a", START_MS, {}, firmware=b"\xed\xa0\x80"), "invalid_utf8"
    ),
    "device of 10 MB": (messages.wide("x" * BIG, START_MS, {METRIC: 1.0}), "string_too_long"),
    "attribute of 10 MB": (
        messages.wide("a", START_MS, {METRIC: 1.0}, region="r" * BIG), "string_too_long"
    ),
    "length beyond the end": (b"\x0a\xff\xff\xff\xff\x0fabc", None),
    "endless varint": (b"\x28" + b"\xff" * 30, None),
    "field number 0": (b"\x02\x01a", None),
}  # fmt: skip


def readable_wide():
    """Odd records that must be readings all the same: (name, event ms, metrics, extra bytes)."""
    return [
        ("year 2100", 4_102_444_800_000, {METRIC: 1.0}, b""),
        ("year 1990", 631_152_000_000, {METRIC: 1.0}, b""),
        ("NaN", START_MS, {METRIC: math.nan}, b""),
        ("infinities", START_MS, {METRIC: math.inf, "bus_power_w": -math.inf}, b""),
        ("smallest and largest", START_MS, {METRIC: 5e-324, "bus_power_w": -1.7976931348623157e308},
         b""),
        ("no metric at all", START_MS, {}, b""),
        ("unknown fields", START_MS, {METRIC: 2.0}, messages.text(99, b"\0\xff") + b"\xa0\x06\x01"),
        ("unknown field of 10 MB", START_MS, {METRIC: 2.0}, messages.text(99, b"z" * BIG)),
    ]  # fmt: skip


class BadInput:
    def __init__(self, scenario, producer):
        self.scenario, self.producer = scenario, producer
        # The payload of every record that must be dead, in the order of their offsets.
        self.dead = {}
        self.good_count = 0
        self.now_ms = START_MS

    def send(self, topic, name, payload, members, reason=None):
        self.now_ms += 1_000
        if members.get("dead"):
            self.dead.setdefault(topic, []).append((name, payload, reason))
        self.producer.send(topic, f"key of {name}", payload, self.now_ms, members, partition=0)
        self.good(topic)

    def good(self, topic):
        """A well-formed neighbour."""
        self.good_count += 1
        device, value = "good", float(self.good_count)
        if topic == fleet.SNAPSHOTS:
            payload = messages.wide(device, self.now_ms, {METRIC: value})
            row = [self.now_ms * 1_000, {METRIC: value}]
        else:
            payload = messages.batch(device, [(self.now_ms * 1_000, "m", value)])
            row = [self.now_ms * 1_000, {"m": value}]
        members = fleet.members_of(device, [row])
        self.producer.send(topic, device, payload, self.now_ms, members, partition=0)

    def send_everything(self):
        for name, (payload, reason) in WIDE_DEAD.items():
            self.send(fleet.SNAPSHOTS, name, payload, fleet.DEAD, reason)
        for count in range(40):
            # No message begins with a tag of wire type 7.
            payload = bytes([0x0F]) + self.scenario.random.randbytes(count)
            self.send(fleet.SNAPSHOTS, f"random bytes {count}", payload, fleet.DEAD)
        for name, event_ms, metrics, extra in readable_wide():
            payload = messages.wide("odd", event_ms, metrics) + extra
            members = fleet.members_of("odd", [[event_ms * 1_000, metrics]])
            self.send(fleet.SNAPSHOTS, name, payload, members)
        self.send_batches()

    def send_batches(self):
        now_us = START_MS * 1_000
        good = (now_us, "m", 1.0)
        bad_rows = {
            "row without a name": (now_us, None, 1.0),
            "row at time 0": (0, "m", 1.0),
            "row without a time": (None, "m", 1.0),
            "NUL in a name": (now_us, b"a\0b", 1.0),
            "invalid UTF-8 in a name": (now_us, b"\xff", 1.0),
        }
        for name, bad in bad_rows.items():
            rows = [[now_us, {"m": 1.0}], None, [now_us, {"m": 1.0}]]
            payload = messages.batch("odd", [good, bad, good])
            self.send(fleet.SAMPLES, name, payload, fleet.members_of("odd", rows))
            # Where no row can be read the record is dead.
            payload = messages.batch("odd", [bad])
            self.send(fleet.SAMPLES, f"only a {name}", payload, fleet.DEAD)
        self.send(fleet.SAMPLES, "no rows", messages.batch("odd", []), fleet.members_of("odd", []))
        snapshot = messages.wide("odd", START_MS, {METRIC: 1.0})
        self.send(fleet.SAMPLES, "a snapshot among batches", snapshot, fleet.DEAD)
        self.send(fleet.SAMPLES, "null payload", None, fleet.DEAD, "null_payload")


def check_letters(scenario, root, sent):
    """Payload, key and reason of every dead letter, by another reader."""
    connection = duckdb.connect()
    Table(root / "tables/dead_letters").create_view(connection, "letters")
    for topic, cases in sent.dead.items():
        rows = connection.execute(
            "SELECT payload, key, reason, detail FROM letters "
            "WHERE kafka_topic = ? AND row_index IS NULL ORDER BY kafka_offset",
            [topic],
        ).fetchall()
        require(len(rows) == len(cases), f"{topic}: {len(rows)} dead records, not {len(cases)}")
        for (name, payload, reason), (kept, key, said, detail) in zip(cases, rows):
            require(kept == payload, f"{name}: payload {kept!r:.60} is not {payload!r:.60}")
            require(key == f"key of {name}".encode(), f"{name}: the key is {key!r}")
            require(reason in (None, said), f"{name}: the reason is {said}, not {reason}")
            require(detail, f"{name}: no detail")
        reasons = sorted({row[2] for row in rows})
        scenario.note(f"{topic}: {len(rows)} dead records kept whole: {', '.join(reasons)}")


def check_drift(daemon):
    """Fields that no schema has are said once each, however often they come."""
    for field in (99, 100):
        said = f"DeviceTelemetry has the unknown field {field}, first met in {fleet.SNAPSHOTS}[0]"
        count = daemon.log().count(said)
        require(count == 1, f"unknown field {field} is said {count} times")


def check_outcomes(root):
    """Every record has one outcome."""
    for entry in harness.ledger_entries(root):
        counters = entry.get("counters", {})
        moved = sum(move["to"] - move["from"] for move in entry.get("partitions", []))
        outcomes = ("read", "empty", "dead", "duplicate", "filtered", "not_delivered")
        counted = sum(counters.get(f"records_{outcome}", 0) for outcome in outcomes)
        where = f"version {entry['version']}"
        require(moved == counted, f"{where}: {moved} offsets, {counted} outcomes")


def run(scenario):
    partitions = {fleet.SNAPSHOTS: 1, fleet.SAMPLES: 1}
    brokers = scenario.broker(**partitions)
    root = scenario.folder / "data"
    config = harness.base_config(brokers, root, **fleet.fleet_sections())
    config["kafka"]["properties"]["fetch.message.max.bytes"] = 2 * BIG
    # More than what is let in where nothing is said.
    config["sources"] = [{**source, "limits": {"message": "16MB"}} for source in config["sources"]]
    config["kafka"]["properties"]["receive.message.max.bytes"] = 60_000_000
    config = scenario.write_config(config)
    produced = scenario.folder / "produced.jsonl"
    # The large ones compress to next to nothing, so that the broker keeps them.
    large = {"message.max.bytes": 2 * BIG, "compression.type": "zstd"}
    producer = fleet.Producer(brokers, produced, partitions, **large)
    sent = BadInput(scenario, producer)
    sent.send_everything()
    producer.finish()
    daemon = scenario.catch_up(config, "--fire-open-windows")
    require(not daemon.has_logged('"level":"critical"'), f"critical:\n{daemon.last_lines()}")
    check_letters(scenario, root, sent)
    check_outcomes(root)
    check_drift(daemon)
    scenario.verify(root, produced, config, "--ledger", "--open-windows-fired")


if __name__ == "__main__":
    harness.main(run)
