"""`downlinkd test`: its exit codes and outputs, and that the rows it compares are those which the
tables get when the same records come through Kafka.
"""

import json
import math
import subprocess
import xml.etree.ElementTree

import duckdb
from confluent_kafka import Producer

import harness
import messages
from delta_tables import Table
from harness import EXIT_CONFIGURATION, EXIT_OK, require

START_MS = 1_781_000_000_000
FINDINGS, USAGE = 65, 64
SOURCES = [
    {"name": "snapshots", "topics": ["telemetry"], "message": messages.WIDE,
     "device": "device_id", "time": {"field": "time_unix_ms", "unit": "ms"},
     "sequence": "sequence",
     "attributes": ["region", {"field": "$header.site", "name": "site"}]},
    {"name": "samples", "topics": ["samples"], "message": messages.BATCH, "rows": "samples",
     "device": "device_id", "time": {"field": "samples.time_unix_us", "unit": "us"},
     "metric": {"name": "samples.metric", "value": "samples.value"}},
]  # fmt: skip
ANALYSIS = {
    "event_time": {"device_idle": "5m", "out_of_orderness": "10s"},
    "windows": [{"name": "1m", "size": "1m", "slide": "20s"}],
    "detectors": [
        {"name": "hot", "metric": "battery_temperature_c", "limits": {"warning": {"above": 50}}},
        {"name": "steps", "metric": "*", "jump": {"every": "5s", "warm_up": "1m",
                                                   "half_life": "3m"}},
        {"name": "quiet", "silence": {"after": "2m"}},
    ],
}  # fmt: skip


def call(*flags):
    """Exit code, what it printed, what it complained about."""
    done = subprocess.run(
        [harness.binary(), "test", *map(str, flags)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


# ---- the same rows


def records(generator, count):
    """Random records of both topics, in the order of production, some of them bad."""
    made = []
    for number in range(count):
        time_ms = START_MS + number * 700 + generator.randrange(-8000, 3000)
        device = f"d-{generator.randrange(5)}"
        if generator.random() < 0.1:
            time_ms += generator.choice([-3_600_000, 900_000, 240_000])
        partition = int(device[2:]) % 2
        metrics = {
            "battery_temperature_c": generator.gauss(40, 8),
            "radio_snr_db": generator.choice([1.5, math.nan, generator.random()]),
        }
        if generator.random() < 0.5:
            payload = messages.wide(device, time_ms, metrics, "eu", None, number)
            headers = [("site", f"s{number % 3}".encode())] if number % 2 else []
            topic = "telemetry"
        else:
            rows = [(time_ms * 1000 + step, name, value)
                    for step, (name, value) in enumerate(metrics.items())]  # fmt: skip
            payload, headers, topic = messages.batch(device, rows), [], "samples"
        draw = generator.random()
        if draw < 0.04:
            payload = payload[:-3]
        elif draw < 0.06:
            payload = None
        stamp_ms = START_MS + number * 700 + generator.randrange(500)
        made.append((topic, partition, device.encode(), payload, headers, stamp_ms))
    return made


def step(record):
    topic, partition, key, payload, headers, stamp_ms = record
    seconds, millis = divmod(stamp_ms, 1000)
    day, rest = divmod(seconds, 86_400)
    date = duckdb.sql(f"SELECT strftime(DATE '1970-01-01' + {day}, '%Y-%m-%d')").fetchone()[0]
    time = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}.{millis:03}Z"
    return {
        "topic": topic, "partition": partition, "key": {"hex": key.hex()},
        "headers": {name: value.decode() for name, value in headers},
        "timestamp": f"{date}T{time}", "raw": None if payload is None else {"hex": payload.hex()},
    }  # fmt: skip


def table_rows(root, name):
    """Rows of a table as `test --json --print` has them: texts, numbers, null."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    Table(root / f"tables/{name}").create_view(connection, "t")
    description = connection.execute("DESCRIBE t").fetchall()
    columns = []
    for column, kind in [(row[0], row[1]) for row in description]:
        quoted = f'"{column}"'
        if column in ("event_date", "filename"):
            continue
        if kind.startswith("TIMESTAMP"):
            quoted = f"strftime({quoted}, '%Y-%m-%dT%H:%M:%S.%fZ') AS {quoted}"
        elif kind == "BLOB":
            quoted = f"lower(hex({quoted})) AS {quoted}"
        columns.append(quoted)
    result = connection.execute(f"SELECT {', '.join(columns)} FROM t")
    names = [column[0] for column in result.description]
    return [dict(zip(names, row)) for row in result.fetchall()]


def comparable(rows):
    def value(cell):
        if isinstance(cell, float):
            return "NaN" if math.isnan(cell) else cell
        return float(cell) if isinstance(cell, int) and not isinstance(cell, bool) else cell

    lines = [json.dumps({name: value(row[name]) for name in sorted(row)}) for row in rows]
    return sorted(lines)


def same_rows(scenario):
    brokers = scenario.broker(telemetry=2, samples=2)
    made = records(scenario.random, 500 if scenario.is_quick else 1200)
    producer = Producer({"bootstrap.servers": brokers})
    for number, (topic, partition, key, payload, headers, stamp_ms) in enumerate(made):
        producer.produce(
            topic, payload, key, partition=partition, timestamp=stamp_ms, headers=headers
        )
        if number % 500 == 0:
            producer.poll(0)
    require(producer.flush(60) == 0, "records were not delivered")
    root = scenario.folder / "root"
    config = harness.base_config(brokers, root, SOURCES, **ANALYSIS)
    path = scenario.write_config(config)
    scenario.catch_up(path, "--fire-open-windows")

    fixture = {
        "config": path.name,
        "tests": [{"name": "all", "records": [step(record) for record in made],
                   "fire_open_windows": True}],
    }  # fmt: skip
    file = scenario.write_config(fixture, "same.yaml")
    code, output, fault = call("--print", "--json", file)
    require(code == EXIT_OK, f"{code}: {fault}")
    tables = json.loads(output)["tests"][0]["tables"]
    names = ["readings_snapshots", "readings_samples", "windows", "anomalies", "dead_letters"]
    require(sorted(tables) == sorted(names), f"the trial has the tables {sorted(tables)}")
    for name in names:
        found, expected = comparable(tables[name]), comparable(table_rows(root, name))
        require(len(expected) > 10, f"{name} has {len(expected)} rows only: nothing is compared")
        require(len(found) == len(expected), f"{name}: {len(found)} and {len(expected)} rows")
        for ours, theirs in zip(found, expected):
            require(ours == theirs, f"{name}: {ours}, the table has {theirs}")
    counts = ", ".join(f"{len(tables[name])} {name}" for name in names)
    scenario.note(f"the rows of a trial are those of the tables: {counts}")


# ---- the command


FIXTURE = """
config: downlinkd.yaml
tests:
  - name: right
    topic: telemetry
    records: [{message: {device_id: a, time_unix_ms: 2026-06-09T10:00:00Z, bus_power_w: 3}}]
    expect: {readings: [{device_id: a, bus_power_w: 3}]}
  - name: wrong
    topic: telemetry
    records: [{message: {device_id: a, time_unix_ms: 2026-06-09T10:00:00Z, bus_power_w: 3}}]
    expect:
      readings:
        - {device_id: a, bus_power_w: 4}
"""


def command(scenario):
    scenario.write_config(
        harness.base_config("127.0.0.1:9", scenario.folder / "no-root", SOURCES, **ANALYSIS)
    )
    tests = scenario.folder / "tests"
    tests.mkdir()
    file = tests / "one.yaml"
    file.write_text(FIXTURE.replace("config: ", "config: ../"), encoding="utf-8")
    junit = scenario.folder / "junit.xml"
    code, output, _ = call("--junit", junit, tests)
    require(code == FINDINGS, f"exit code {code}: {output}")
    for words in ("ok    right", "FAIL  wrong", f"{file}:13: readings: no row as expected",
                  "bus_power_w  expected 4.0  found 3.0", "1 file, 2 tests: 1 passed, 1 failed"):
        require(words in output, f"{words!r} is not in:\n{output}")  # fmt: skip
    suite = xml.etree.ElementTree.parse(junit).getroot().find("testsuite")
    require(suite.get("tests") == "2" and suite.get("failures") == "1", str(suite.attrib))
    require("found 3.0" in suite.find("testcase/failure").text, "the failure says nothing")
    code, output, _ = call("--json", tests)
    document = json.loads(output)
    require(code == FINDINGS and document["failed"] == 1, output)
    require(
        document["tests"][1]["failures"][0]["differences"]
        == [{"column": "bus_power_w", "expected": "4.0", "found": "3.0"}],
        output,
    )
    code, output, _ = call("--test", "right", file)
    require(code == EXIT_OK and "1 test: 1 passed" in output, output)
    require(call("--test", "nothing*", file)[0] == USAGE, "no test is no success")
    require(call(scenario.folder / "root-of-nothing")[0] == EXIT_CONFIGURATION, "no such file")
    file.write_text(FIXTURE.replace("device_id: a,", "devic_id: a,"), encoding="utf-8")
    code, _, fault = call("--config", scenario.folder / "downlinkd.yaml", file)
    require(code == EXIT_CONFIGURATION, f"exit code {code}")
    for words in (f"{file}:6:", "did you mean device_id?", "device_id`?", "faults"):
        require(words in fault, f"{words!r} is not in:\n{fault}")
    require(not (scenario.folder / "no-root").exists(), "it has made the root")
    scenario.note("exit codes, JUnit's XML, JSON, faults with their places; nothing is written")


def run(scenario):
    command(scenario)
    same_rows(scenario)


if __name__ == "__main__":
    harness.main(run)
