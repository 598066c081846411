"""`schema infer` over a live topic: what it proposes is pasted into a configuration, which `check`
accepts and `run` reads every record by; where there is nothing to propose it says why. It joins no
group and commits nothing.
"""

import subprocess

import duckdb

import harness
import messages
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from delta_tables import Table
from harness import EXIT_OK, require

START_MS = 1_781_000_000_000
FINDINGS = 65
PROTO = """syntax = "proto3"; package acme;
message Other { double x = 1; }
message Position { double altitude_km = 1; }
message Orbit {
  string satellite = 1;
  int64 at_ms = 2;
  Position position = 3;
  map<string, double> volts = 4;
  string station = 5;
}
"""


def orbit(number):
    volts = b"".join(
        messages.text(4, messages.text(1, key) + messages.double(2, number + 0.5))
        for key in ("bus", "array 1")
    )
    return (
        messages.text(1, f"sat-{number % 6}")
        + messages.integer(2, START_MS + number * 1000)
        + messages.text(3, messages.double(1, 400.0 + number))
        + volts
        + messages.text(5, "kiruna" if number % 6 < 3 else "svalbard")
    )


def send(brokers, topic, count, bad=()):
    producer = Producer({"bootstrap.servers": brokers})
    for number in range(count):
        value = bad.get(number, orbit(number)) if bad else orbit(number)
        producer.produce(
            topic, value, f"sat-{number % 6}".encode(), partition=number % 2,
            timestamp=START_MS + number * 1000 + 300,
        )  # fmt: skip
    require(producer.flush(60) == 0, "records were not delivered")


def infer(brokers, topic, *flags):
    """Exit code and what it printed."""
    done = subprocess.run(
        [harness.binary(), "schema", "infer", "--brokers", brokers, "--topic", topic, *flags],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    require(done.returncode in (EXIT_OK, FINDINGS, 64, 69), f"{done.returncode}: {done.stderr}")
    return done.returncode, done.stdout + done.stderr


def configuration(scenario, brokers, block):
    """The block as it is, behind the rest of a configuration."""
    path = scenario.folder / "pasted.yaml"
    path.write_text(
        f"pipeline: infer\nkafka:\n  brokers: ['{brokers}']\n  properties: "
        f"{{session.timeout.ms: {harness.SESSION_TIMEOUT_MS}, heartbeat.interval.ms: 500}}\n"
        f"storage: {{root: '{scenario.folder}/root'}}\nhttp: {{listen: '127.0.0.1:0'}}\n{block}",
        encoding="utf-8",
    )
    return path


def check_tables(scenario, count, bad_count):
    connection = duckdb.connect()
    root = scenario.folder / "root"
    Table(root / "tables/readings_orbits").create_view(connection, "orbits")
    rows = connection.execute(
        "SELECT device_id, epoch_ms(event_time), position_altitude_km, volts_bus, "
        "volts_array_1, station FROM orbits"
    ).fetchall()
    expected = {
        (
            f"sat-{number % 6}", START_MS + number * 1000, 400.0 + number, number + 0.5,
            number + 0.5, "kiruna" if number % 6 < 3 else "svalbard",
        )
        for number in range(bad_count, count)
    }  # fmt: skip
    require(set(rows) == expected and len(rows) == len(expected), f"{len(rows)} rows, not as sent")


def run(scenario):
    brokers = scenario.broker(orbits=2, empty=1, junk=2)
    protos = scenario.folder / "protos"
    protos.mkdir()
    (protos / "orbit.proto").write_text(PROTO, encoding="utf-8")
    count, bad = 400, {0: None, 1: b"\x0a\x7f"}
    send(brokers, "orbits", count, bad)
    code, block = infer(brokers, "orbits", "--protos", str(protos))
    require(code == EXIT_OK, block)
    for words in ("2 dead", "device: satellite", "time: {field: at_ms, unit: ms}", "acme.Other"):
        require(words in block, f"{words!r} is not in:\n{block}")
    require(infer(brokers, "orbits", "--protos", str(protos))[1] == block, "it says something else")
    groups = AdminClient({"bootstrap.servers": brokers}).list_consumer_groups().result(30).valid
    require(not groups, f"it has joined {groups}")
    path = configuration(scenario, brokers, block)
    harness.call([harness.binary(), "check", "--config", path])
    scenario.catch_up(path)
    check_tables(scenario, count, len(bad))
    scenario.note("the block as it was printed reads every record")

    code, text = infer(brokers, "orbits", "--config", str(path), "--records", "50",
                       "--descriptor-set", "built-in")  # fmt: skip
    require(code == FINDINGS and "no message type fits" in text, text)
    code, text = infer(brokers, "orbits")
    require(code == FINDINGS and "a time in ms since 1970?" in text, text)
    require("--descriptor_set_out" in text and "sources:" not in text, text)
    code, text = infer(brokers, "empty", "--protos", str(protos))
    require(code == FINDINGS and "there are no records" in text, text)
    # The discard port: nobody listens there.
    code, text = infer("127.0.0.1:9", "orbits", "--protos", str(protos), "--seconds", "2")
    require(code == 69 and "orbits" in text, text)
    scenario.note("no proposal where there is none: types that do not fit, none, an empty topic")


if __name__ == "__main__":
    harness.main(run)
