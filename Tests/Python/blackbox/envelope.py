"""Records in the Confluent wire format, a Schema Registry that comes late, and key, headers and
Kafka's timestamp as device, attributes and time: the tables hold exactly what they must.
"""

import json
import struct
import urllib.request

import duckdb

import harness
import messages
from confluent_kafka import Producer
from delta_tables import Table
from fake_registry import PASSWORD, USER, FakeRegistry, make_certificate
from harness import require, wait_for

START_MS = 1_781_000_000_000
ORBIT_V1 = """syntax = "proto3"; package acme;
message Status { string text = 1; }
message Orbit { double altitude_km = 1; }
"""
ORBIT_V2 = """syntax = "proto3"; package acme;
import "google/protobuf/timestamp.proto";
message Status { string text = 1; google.protobuf.Timestamp at = 2; }
message Orbit {
  map<string, double> more = 3;
  message Detail { string note = 1; }
  double altitude_km = 1;
  Detail detail = 4;
  double speed_km_s = 2;
}
"""
OTHER = 'syntax = "proto3"; package other; message Thing { double altitude_km = 1; }'
# Nobody registers it.
UNKNOWN = 4711


def framed(schema_id, message, indexes=(0,)):
    """The wire format: magic byte, schema id, message indexes, the message."""
    if tuple(indexes) == (0,):
        path = b"\0"
    else:
        path = b"".join(messages.varint(2 * number) for number in (len(indexes), *indexes))
    return struct.pack(">bI", 0, schema_id) + path + message


def orbit(altitude_km, speed_km_s=None):
    return messages.double(1, altitude_km) + messages.double(2, speed_km_s)


class Sender:
    """Produces records and writes down what must become of each."""

    def __init__(self, brokers):
        self.producer = Producer({"bootstrap.servers": brokers})
        self.offsets = {}
        self.expected = {}

    def send(self, topic, value, outcome, headers=(), key=b"sat-1", timestamp_ms=START_MS):
        offset = self.offsets.setdefault(topic, 0)
        self.offsets[topic] += 1
        self.expected[topic, offset] = outcome
        self.producer.produce(
            topic, value, key, partition=0, timestamp=timestamp_ms + offset * 1000,
            headers=list(headers),
        )  # fmt: skip

    def flush(self):
        require(self.producer.flush(60) == 0, "records were not delivered")

    def of(self, topic):
        return {
            offset: outcome for (name, offset), outcome in self.expected.items() if name == topic
        }


# ---- what is sent


def send_orbits(sender, count):
    """Two schema ids of the same type, another type, another schema, nonsense."""
    for number in range(count):
        altitude = 500.0 + number
        sender.send("orbits", framed(1, orbit(altitude), (1,)), ("read", altitude, None))
        sender.send("orbits", framed(2, orbit(altitude, 7.5), (1,)), ("read", altitude, 7.5))
        cases = [
            (framed(1, messages.text(1, "ok")), "other_type"),
            (framed(3, orbit(altitude)), "other_type"),
            (framed(2, orbit(altitude), (1, 5)), "other_type"),
            (framed(UNKNOWN, orbit(altitude), (1,)), "unknown_schema"),
            (orbit(altitude), "not_enveloped"),
            (framed(1, b"")[:4], "bad_envelope"),
            (None, "null_payload"),
            (framed(1, b"\x09\0", (1,)), "truncated"),
        ]
        if number % 10 == 0:
            for value, reason in cases:
                sender.send("orbits", value, ("dead", reason))
    sender.flush()


def header_cases(time_ms):
    """(headers, outcome of them): device, station and time from headers."""
    text = str(time_ms).encode()
    device, station, time = ("device-id", b"sat-7"), ("x-station", b"kiruna"), ("at", text)
    read = ("read", "sat-7", "kiruna", time_ms)
    return [
        ([device, station, time], read),
        ([device, station, ("at", struct.pack(">q", time_ms))], read),
        # The last of a name counts.
        ([("at", b"1"), ("device-id", b"sat-6"), device, station, time], read),
        ([device, time], ("read", "sat-7", None, time_ms)),
        ([device, ("x-station", b""), time], ("read", "sat-7", "", time_ms)),
        ([device, ("x-station", None), time], ("read", "sat-7", None, time_ms)),
        ([station, time], ("dead", "no_device")),
        ([("device-id", b""), time], ("dead", "no_device")),
        ([("device-id", b"\xff"), time], ("dead", "invalid_utf8")),
        ([("device-id", b"a\0b"), time], ("dead", "nul_in_string")),
        ([("device-id", b"d" * 1025), time], ("dead", "string_too_long")),
        ([device, ("x-station", b"\xc3"), time], ("dead", "invalid_utf8")),
        ([device, station], ("dead", "no_time")),
        ([device, ("at", b"")], ("dead", "no_time")),
        ([device, ("at", b"0")], ("dead", "no_time")),
        ([device, ("at", b"soon")], ("dead", "bad_time")),
        ([device, ("at", b"1.5")], ("dead", "bad_time")),
        ([device, ("at", b"99999999999999999999")], ("dead", "bad_time")),
        ([device, ("at", b"\0\0\1")], ("dead", "bad_time")),
        ([], ("dead", "no_device")),
    ]


def send_headers(sender):
    for number, (headers, outcome) in enumerate(header_cases(START_MS)):
        sender.send("passes", orbit(300.0 + number), outcome, headers)
    sender.flush()


# ---- what must be there


def check_orbits(scenario, connection, root, sender):
    Table(root / "tables/readings_orbits").create_view(connection, "orbits")
    rows = connection.execute(
        "SELECT kafka_offset, device_id, altitude_km, speed_km_s, "
        "epoch_ms(event_time) - epoch_ms(kafka_timestamp), record_key FROM orbits"
    ).fetchall()
    found = {
        offset: ("read", altitude, speed)
        for offset, device, altitude, speed, late, key in rows
        if (device, late, key) == ("sat-1", 0, "sat-1")
    }
    require(len(found) == len(rows), "device, time or key are not the record's")
    letters = dead_letters(connection, "orbits")
    require(not found.keys() & letters.keys(), "a record is read and dead")
    expected = sender.of("orbits")
    require(found | letters == expected, difference(found | letters, expected))
    scenario.note(f"{len(found)} read and {len(letters)} dead records in envelopes, each as it must")


def check_headers(scenario, connection, root, sender):
    Table(root / "tables/readings_passes").create_view(connection, "passes")
    rows = connection.execute(
        "SELECT kafka_offset, device_id, station, epoch_ms(event_time) FROM passes"
    ).fetchall()
    found = {offset: ("read", *rest) for offset, *rest in rows} | dead_letters(connection, "passes")
    expected = sender.of("passes")
    require(found == expected, difference(found, expected))
    scenario.note(f"{len(found)} records with headers, each as it must")


def dead_letters(connection, topic):
    """The reason of each dead record, and that the whole value was kept."""
    rows = connection.execute(
        "SELECT kafka_offset, reason FROM letters WHERE kafka_topic = ?", [topic]
    ).fetchall()
    return {offset: ("dead", reason) for offset, reason in rows}


def difference(found, expected):
    for offset in sorted(found.keys() | expected.keys()):
        if found.get(offset) != expected.get(offset):
            return f"offset {offset}: {found.get(offset)}, not {expected.get(offset)}"
    return "no difference"


# ---- the scenario


def configuration(brokers, root, url, folder, **registry):
    sources = [
        {
            "name": "orbits",
            "topics": ["orbits"],
            "envelope": "confluent",
            "message": "acme.Orbit",
            "protos": {"folder": str(folder)},
            "device": "$key",
            "time": {"field": "$timestamp"},
            "attributes": ["$key"],
            "metrics": ["altitude_km", "speed_km_s"],
        },
        {
            "name": "passes",
            "topics": ["passes"],
            "message": "acme.Orbit",
            "protos": {"folder": str(folder)},
            "device": "$header.device-id",
            "time": {"field": "$header.at", "unit": "ms"},
            "attributes": [{"field": "$header.x-station", "name": "station"}],
            "metrics": ["altitude_km"],
        },
    ]
    settings = {"url": url, "timeout": "2s", **registry}
    return harness.base_config(brokers, root, sources, schema_registry=settings)


def status_of(daemon):
    """`/status` of a daemon, at the address that its log names."""
    event = next(iter(daemon.events("starting")), None)
    if not event:
        return None
    with urllib.request.urlopen(f"http://{event['http']}/status", timeout=5) as answer:
        return json.load(answer)


def committed(root):
    """Where each topic's one partition stands."""
    moves = [move for entry in harness.ledger_entries(root) for move in entry.get("partitions", [])]
    return {move["topic"]: move["to"] for move in moves if move["to"] > 0}


def until_committed(root, sender):
    wait_for("everything is committed", lambda: committed(root) == sender.offsets)


def register(registry):
    registry.register(1, "orbits-value", ORBIT_V1)
    registry.register(2, "orbits-value", ORBIT_V2)
    registry.register(3, "things-value", OTHER)


def late_registry(scenario, brokers, root, sender):
    """Nothing listens at first; then the registry fails for a while; then it works."""
    port = harness.free_port()
    folder = scenario.folder / "protos"
    folder.mkdir()
    (folder / "orbit.proto").write_text(ORBIT_V2, encoding="utf-8")
    password = scenario.folder / "password"
    password.write_text(PASSWORD + "\n", encoding="utf-8")
    certificate, key = make_certificate(scenario.folder)
    config = configuration(
        brokers, root, f"https://localhost:{port}", folder, user=USER,
        password=f"file:{password}", ca=str(certificate), cache=str(scenario.folder / "schemas"),
    )  # fmt: skip
    path = scenario.write_config(config)
    daemon = scenario.daemon(path)
    waiting = wait_for("it waits for the registry", lambda: is_waiting(daemon))
    require("schema " in waiting["wait"]["detail"], f"waits for {waiting['wait']}")
    require(waiting["ready"], f"a named wait is no stall: {waiting['reason']}")
    wait_for("the topic without envelopes is read", lambda: committed(root).get("passes"))
    require("orbits" not in committed(root), "nothing in an envelope can be read yet")
    scenario.note(f"waits: {waiting['wait']['detail'][:120]}")
    registry = FakeRegistry(port, certificate, key)
    scenario.cleanups.append(registry.close)
    register(registry)
    # It has the schemas, and nobody may see them.
    registry.fault = "500"
    wait_for("it was asked", lambda: len(registry.requests) >= 3)
    require(is_waiting(daemon), "status 500 is no answer")
    registry.fault = "auth"
    until_committed(root, sender)
    done = wait_for("it has stopped waiting", lambda: is_idle(daemon))
    require(done["schema_registry"]["known_ids"] == 3, f"{done['schema_registry']}")
    require(done["schema_registry"]["failed"] > 1, f"{done['schema_registry']}")
    require(PASSWORD not in daemon.log() and PASSWORD not in json.dumps(done), "a password is shown")
    asked = [one for one in registry.requests if "/ids/1?" in one]
    scenario.note(f"{len(registry.requests)} requests, {len(asked)} for schema 1")
    return daemon, registry, path


def is_waiting(daemon):
    status = status_of(daemon)
    return status if status and (status["wait"] or {}).get("cause") == "schema_registry" else None


def is_idle(daemon):
    status = status_of(daemon)
    return status if status and status["wait"] is None else None


def killed(scenario, daemon, registry, path, root, sender):
    """Killed, and started again without the registry: what was met is in the cache."""
    registry.close()
    send_known(sender, 50)
    daemon.kill()
    daemon = scenario.daemon(path)
    until_committed(root, sender)
    require(daemon.stop() == harness.EXIT_OK, "it stops in order")
    scenario.note("started again without the registry: the schemas it has met are in the cache")


def send_known(sender, count):
    # From 1: a 0 without presence is null.
    for number in range(1, count + 1):
        sender.send("orbits", framed(2, orbit(number, 1.0), (1,)), ("read", float(number), 1.0))
    sender.flush()


def from_the_registry(scenario, brokers):
    """Without a definition of its own the source's type comes from the registry, imports too."""
    sender = Sender(brokers)
    with FakeRegistry() as registry:
        registry.register(8, "detail", 'syntax = "proto3"; package acme; message Detail { double mass_kg = 1; }')
        registry.register(
            9, "loads-value",
            'syntax = "proto3"; package acme; import "acme/detail.proto"; import '
            '"google/protobuf/timestamp.proto"; message Load { Detail detail = 1; '
            "google.protobuf.Timestamp at = 2; }",
            references=[{"name": "acme/detail.proto", "subject": "detail", "version": 1}],
        )  # fmt: skip
        for number in range(20):
            load = messages.text(1, messages.double(1, number + 0.5))
            sender.send("loads", framed(9, load), ("read", number + 0.5))
        sender.flush()
        for form in ("", "/text"):
            root = scenario.folder / f"root-loads{form.replace('/', '-')}"
            source = {
                "name": "loads", "topics": ["loads"], "envelope": "confluent",
                "message": "acme.Load", "device": "$key", "time": {"field": "$timestamp"},
                "metrics": ["detail.mass_kg"],
            }  # fmt: skip
            config = harness.base_config(
                brokers, root, [source], schema_registry={"url": registry.url + form}
            )
            config["kafka"]["group"] = f"loads{form.replace('/', '-')}"
            scenario.catch_up(scenario.write_config(config, f"loads{len(form)}.yaml"))
            connection = duckdb.connect()
            Table(root / "tables/readings_loads").create_view(connection, "loads")
            rows = connection.execute("SELECT kafka_offset, detail_mass_kg FROM loads").fetchall()
            found = {offset: ("read", mass) for offset, mass in rows}
            require(found == sender.of("loads"), difference(found, sender.of("loads")))
        url = registry.url
    daemon = scenario.daemon(scenario.write_config(config, "gone.yaml"), "--until-caught-up")
    require(daemon.wait() == harness.EXIT_UNAVAILABLE, f"ended with {daemon.code} without {url}")
    scenario.note("types from the registry, serialized and as text")


def run(scenario):
    brokers = scenario.broker(orbits=1, passes=1, loads=1)
    root = scenario.folder / "root"
    sender = Sender(brokers)
    send_orbits(sender, 60 if scenario.is_quick else 600)
    send_headers(sender)
    daemon, registry, path = late_registry(scenario, brokers, root, sender)
    killed(scenario, daemon, registry, path, root, sender)
    connection = duckdb.connect()
    Table(root / "tables/dead_letters").create_view(connection, "letters")
    check_orbits(scenario, connection, root, sender)
    check_headers(scenario, connection, root, sender)
    verified = scenario.start("verify", "verify", "--config", path)
    require(verified.wait() == harness.EXIT_OK, f"verify: {verified.last_lines()}")
    from_the_registry(scenario, brokers)


if __name__ == "__main__":
    harness.main(run)
