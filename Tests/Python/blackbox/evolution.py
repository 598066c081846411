"""A fleet's schema grows while the daemon runs: a new descriptor set is taken by a reload, tables
gain columns, old rows read as null; what cannot be is refused with the reason; a kill in between
changes nothing.
"""

import json
import shutil
import signal
import subprocess
import urllib.request
from collections import Counter

import deltalake
import duckdb
import polars

import harness
import messages
from confluent_kafka import Producer
from delta_tables import Table
from harness import require, wait_for

START_MS = 1_781_000_000_000
TOPIC = "orbits"
V1 = """syntax = "proto3"; package acme;
message Orbit { string id = 1; fixed64 at = 2; double altitude_km = 3; }
"""
# One in front of those there were, one behind, and one that is no number.
V2 = """syntax = "proto3"; package acme;
enum Mode { IDLE = 0; BURN = 1; }
message Orbit {
  sint32 slot = 9; string id = 1; fixed64 at = 2; double altitude_km = 3; double speed_km_s = 4;
  Mode mode = 5;
}
"""
OTHER_TYPE = V2.replace("double altitude_km", "float altitude_km")
WITHOUT = V2.replace("double altitude_km = 3; ", "")
MODES = [None, "BURN"]


class Fleet:
    """Sends messages of the newest schema from the first on, as a fleet does that was updated
    before the ground was, and writes down every one."""

    def __init__(self, brokers):
        self.producer = Producer({"bootstrap.servers": brokers})
        self.rows = []

    def send(self, count):
        for _ in range(count):
            number = len(self.rows)
            # From 1: a 0 without presence is null.
            altitude, speed, mode, slot = number + 1.0, number + 0.5, number % 2, number + 1
            at = START_MS + number * 1000
            value = (
                messages.text(1, f"sat-{number % 3}") + b"\x11" + at.to_bytes(8, "little")
                + messages.double(3, altitude) + messages.double(4, speed)
                + (b"\x28\x01" if mode else b"") + b"\x48" + messages.varint(2 * slot)
            )  # fmt: skip
            self.producer.produce(TOPIC, value, f"sat-{number % 3}", partition=0, timestamp=at)
            self.rows.append((altitude, speed, MODES[mode], slot))
        require(self.producer.flush(60) == 0, "records were not delivered")


def compile_set(folder, text, name="orbit"):
    proto = folder / "orbit.proto"
    proto.write_text(text, encoding="utf-8")
    path = folder / f"{name}.binpb"
    command = ["protoc", f"--proto_path={folder}", "--include_imports", f"--descriptor_set_out={path}"]
    subprocess.run([*command, str(proto)], check=True)
    return path


def configuration(brokers, root, descriptor_set, **source):
    orbits = {
        "name": TOPIC, "topics": [TOPIC], "message": "acme.Orbit",
        "descriptor_set": str(descriptor_set), "device": "id",
        "time": {"field": "at", "unit": "ms"}, "metrics": "all", **source,
    }  # fmt: skip
    return harness.base_config(
        brokers, root, [orbits], windows=[{"name": "1m", "size": "1m"}],
        storage={"root": str(root), "commit": {"interval": "1s"}, "state_interval": "1h"},
    )  # fmt: skip


def status_of(daemon):
    event = next(iter(daemon.events("starting")), None)
    if not event:
        return None
    with urllib.request.urlopen(f"http://{event['http']}/status", timeout=5) as answer:
        return json.load(answer)


def reload_count(status):
    return status["reload"]["accepted"] + status["reload"]["refused"]


def hang_up(daemon):
    """SIGHUP, and the outcome: whether it was accepted, and the sentence."""
    before = reload_count(status_of(daemon))
    daemon.send(signal.SIGHUP)
    status = wait_for(
        "the reload was answered", lambda: (s := status_of(daemon)) and reload_count(s) > before and s
    )
    last = status["reload"]["last"]
    return last["accepted"], last["detail"]


def committed(root):
    moves = [move for entry in harness.ledger_entries(root) for move in entry.get("partitions", [])]
    return max((move["to"] for move in moves), default=0)


def until_committed(root, fleet):
    wait_for("everything is committed", lambda: committed(root) == len(fleet.rows))


# ---- what must be there


def check_rows(root, fleet, grown_at):
    """Every reading once; new columns from where the new set was taken, null before."""
    path = root / "tables" / f"readings_{TOPIC}"
    connection = duckdb.connect()
    Table(path).create_view(connection, "readings")
    query = "SELECT altitude_km, speed_km_s, mode, slot FROM readings ORDER BY kafka_offset"
    rows = connection.execute(query).fetchall()
    expected = [
        (altitude, *(rest if number >= grown_at else (None, None, None)))
        for number, (altitude, *rest) in enumerate(fleet.rows)
    ]
    require(rows == expected, difference(rows, expected))
    others = deltalake.DeltaTable(str(path)).to_pyarrow_table(columns=["altitude_km", "speed_km_s"])
    require(Counter(map(tuple, (r.values() for r in others.to_pylist())))
            == Counter(row[:2] for row in expected), "deltalake sees other rows")  # fmt: skip
    frame = polars.read_delta(str(path)).sort("kafka_offset")
    require(frame.select("altitude_km", "slot").rows() == [(r[0], r[3]) for r in expected],
            "polars sees other rows")  # fmt: skip
    # File skipping by a column that old files lack.
    high = [r for r in expected if r[1] is not None and r[1] > grown_at + 10]
    found = deltalake.DeltaTable(str(path)).to_pyarrow_table(
        filters=[("speed_km_s", ">", grown_at + 10.0)], columns=["altitude_km"]
    )
    require(found.num_rows == len(high), f"{found.num_rows} rows above, not {len(high)}")


def check_windows(root, fleet, grown_at):
    """Each reading is in one window of a metric, from where the metric was known."""
    connection = duckdb.connect()
    Table(root / "tables/windows").create_view(connection, "windows")
    rows = connection.execute(
        "SELECT metric, sum(count), sum(sum) FROM (SELECT *, row_number() OVER (PARTITION BY "
        "device_id, metric, window_start ORDER BY revision DESC) AS newest FROM windows) "
        "WHERE newest = 1 GROUP BY metric"
    ).fetchall()
    found = {metric: (int(count), total) for metric, count, total in rows}
    new = fleet.rows[grown_at:]
    expected = {
        "altitude_km": (len(fleet.rows), sum(row[0] for row in fleet.rows)),
        "speed_km_s": (len(new), sum(row[1] for row in new)),
        "slot": (len(new), float(sum(row[3] for row in new))),
    }
    require(found == expected, f"windows hold {found}, not {expected}")


def difference(found, expected):
    for number, (one, other) in enumerate(zip(found, expected, strict=False)):
        if one != other:
            return f"row {number}: {one}, not {other}"
    return f"{len(found)} rows, not {len(expected)}"


# ---- the scenario


def refusals(scenario, daemon, root, path, config, folder):
    """What tables and state cannot go on with is refused, and the daemon runs on."""
    before = harness.ledger_entries(root)[-1]["config"] if harness.ledger_entries(root) else None
    for text, wanted in [
        (OTHER_TYPE, "altitude_km was double and would be float"),
        (WITHOUT, "altitude_km is gone, and open windows hold values of it"),
    ]:
        config["sources"][0]["descriptor_set"] = str(compile_set(folder, text, "other"))
        scenario.write_config(config, path.name)
        accepted, detail = hang_up(daemon)
        require(not accepted and wanted in detail, f"{accepted}: {detail}")
        scenario.note(f"refused: {detail[:150]}")
    config["sources"][0]["descriptor_set"] = str(folder / "cut.binpb")
    (folder / "cut.binpb").write_bytes((folder / "orbit.binpb").read_bytes()[:40])
    scenario.write_config(config, path.name)
    accepted, detail = hang_up(daemon)
    require(not accepted and "cut.binpb" in detail, f"{accepted}: {detail}")
    require(before is None or harness.ledger_entries(root)[-1]["config"] == before, "it changed")


def run(scenario):
    brokers = scenario.broker(**{TOPIC: 1})
    root = scenario.folder / "root"
    folder = scenario.folder / "protos"
    folder.mkdir()
    fleet = Fleet(brokers)
    step = 200 if scenario.is_quick else 2000

    old = compile_set(folder, V1)
    config = configuration(brokers, root, old)
    path = scenario.write_config(config)
    daemon = scenario.daemon(path)
    fleet.send(step)
    until_committed(root, fleet)
    refusals(scenario, daemon, root, path, config, folder)

    # The same file, with another content: what a fleet's release does. All numbers were asked for
    # before, now it is said which, and a text among them.
    grown_at = len(fleet.rows)
    shutil.copy(compile_set(folder, V2, "new"), old)
    config["sources"][0]["descriptor_set"] = str(old)
    config["sources"][0]["metrics"] = ["slot", "altitude_km", "speed_km_s", "mode"]
    scenario.write_config(config, path.name)
    accepted, detail = hang_up(daemon)
    require(accepted and "descriptor_set" in detail, f"{accepted}: {detail}")
    scenario.note(f"accepted: {detail[:150]}")
    wait_for("another session", lambda: (status_of(daemon) or {}).get("sessions") == 2)
    fleet.send(step)
    until_committed(root, fleet)

    # Killed in the middle: the state that was saved at the change is what it goes on from.
    fleet.send(step)
    daemon.kill()
    daemon = scenario.daemon(path)
    fleet.send(step)
    until_committed(root, fleet)
    require(daemon.stop() == harness.EXIT_OK, "it stops in order")
    scenario.catch_up(path, "--fire-open-windows")

    check_rows(root, fleet, grown_at)
    check_windows(root, fleet, grown_at)
    verified = scenario.start("verify", "verify", "--config", path)
    require(verified.wait() == harness.EXIT_OK, f"verify: {verified.last_lines()}")
    scenario.note(f"{len(fleet.rows)} readings, the new columns from {grown_at} on")


if __name__ == "__main__":
    harness.main(run)
