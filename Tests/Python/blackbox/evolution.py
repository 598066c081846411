"""A fleet's schema grows while the daemon runs: a new descriptor set is taken by a reload, tables
gain columns, old rows read as null; what cannot be is refused with the reason; a kill in between
changes nothing. Then metrics go: their columns stay and are null in new rows, and their open windows
are not written. Attributes come and go with them. What the messages' files and the configuration say
of a column is what other engines see.
"""

import json
import shutil
import signal
import subprocess
import urllib.request
from collections import Counter

import deltalake
import polars

import harness
import messages
from confluent_kafka import Producer
from delta_tables import Table, connect
from harness import require, wait_for

START_MS = 1_781_000_000_000
MINUTE_MS = 60_000
TOPIC = "orbits"
V1 = """syntax = "proto3"; package acme;
message Orbit { string id = 1; fixed64 at = 2; double altitude_km = 3; string grade = 6; }
"""
# One in front of those there were, one behind, and one that is no number.
V2 = """syntax = "proto3"; package acme;
enum Mode { IDLE = 0; BURN = 1; }
message Orbit {
  /* Of the
   * plane. */
  sint32 slot = 9;
  string id = 1; fixed64 at = 2;
  // Above the ellipsoid.
  double altitude_km = 3;
  // Not shown, since it is described.
  double speed_km_s = 4;
  Mode mode = 5; string grade = 6;
  // Who hears it.
  string site = 7;
}
"""
# Without a number that windows are open of, without a text and without an attribute.
V3 = """syntax = "proto3"; package acme;
message Orbit {
  sint32 slot = 9; string id = 1; fixed64 at = 2; double altitude_km = 3; string site = 7;
}
"""
OTHER_TYPE = V2.replace("double altitude_km", "float altitude_km")
MODES = [None, "BURN"]


COLUMNS = ["altitude_km", "speed_km_s", "mode", "slot", "grade", "site"]


def attributes_of(device):
    number = device.removeprefix("sat-")
    return f"grade-{number}", f"site-{number}"


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
            grade, site = attributes_of(f"sat-{number % 3}")
            value = (
                messages.text(1, f"sat-{number % 3}") + b"\x11" + at.to_bytes(8, "little")
                + messages.double(3, altitude) + messages.double(4, speed)
                + (b"\x28\x01" if mode else b"") + b"\x48" + messages.varint(2 * slot)
                + messages.text(6, grade) + messages.text(7, site)
            )  # fmt: skip
            self.producer.produce(TOPIC, value, f"sat-{number % 3}", partition=0, timestamp=at)
            self.rows.append((altitude, speed, MODES[mode], slot, grade, site))
        require(self.producer.flush(60) == 0, "records were not delivered")


def compile_set(folder, text, name="orbit"):
    proto = folder / "orbit.proto"
    proto.write_text(text, encoding="utf-8")
    path = folder / f"{name}.binpb"
    options = ["--include_imports", "--include_source_info", f"--descriptor_set_out={path}"]
    subprocess.run(["protoc", f"--proto_path={folder}", *options, str(proto)], check=True)
    return path


def configuration(brokers, root, descriptor_set, **source):
    orbits = {
        "name": TOPIC, "topics": [TOPIC], "message": "acme.Orbit",
        "descriptor_set": str(descriptor_set), "device": "id",
        "time": {"field": "at", "unit": "ms"}, "metrics": "all", "attributes": ["grade"], **source,
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


def sessions(daemon):
    return (status_of(daemon) or {}).get("sessions", 0)


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


def expected_rows(fleet, grown_at, gone_at):
    """New columns from where the new set was taken, null before; null too from where metrics go."""
    for number, (altitude, speed, mode, slot, grade, site) in enumerate(fleet.rows):
        if number < grown_at:
            yield (altitude, None, None, None, grade, None)
        elif number < gone_at:
            yield (altitude, speed, mode, slot, grade, site)
        else:
            yield (altitude, None, None, slot, None, site)


def check_rows(root, fleet, grown_at, gone_at):
    """Every reading once, to four readers."""
    path = root / "tables" / f"readings_{TOPIC}"
    connection = connect()
    Table(path).create_view(connection, "readings")
    expected = list(expected_rows(fleet, grown_at, gone_at))
    for source in ("readings", f"delta_scan('{path}')"):
        query = f"SELECT {', '.join(COLUMNS)} FROM {source} ORDER BY kafka_offset"
        rows = connection.execute(query).fetchall()
        require(rows == expected, f"{source}: {difference(rows, expected)}")
    others = deltalake.DeltaTable(str(path)).to_pyarrow_table(columns=["altitude_km", "speed_km_s"])
    require(Counter(map(tuple, (r.values() for r in others.to_pylist())))
            == Counter(row[:2] for row in expected), "deltalake sees other rows")  # fmt: skip
    frame = polars.read_delta(str(path)).sort("kafka_offset")
    require(frame.select(COLUMNS).rows() == expected,
            "polars sees other rows")  # fmt: skip
    # File skipping by a column that old and new files lack.
    high = [r for r in expected if r[1] is not None and r[1] > grown_at + 10]
    found = deltalake.DeltaTable(str(path)).to_pyarrow_table(
        filters=[("speed_km_s", ">", grown_at + 10.0)], columns=["altitude_km"]
    )
    require(found.num_rows == len(high), f"{found.num_rows} rows above, not {len(high)}")


def check_windows(root, fleet, grown_at, gone_at):
    """Each reading is in one window of a metric, from where the metric was known; of a metric that
    went, in those that were closed by then."""
    connection = connect()
    Table(root / "tables/windows").create_view(connection, "windows")
    rows = connection.execute(
        "SELECT metric, sum(count), sum(sum) FROM (SELECT *, row_number() OVER (PARTITION BY "
        "device_id, metric, window_start ORDER BY revision DESC) AS newest FROM windows) "
        "WHERE newest = 1 GROUP BY metric"
    ).fetchall()
    found = {metric: (int(count), total) for metric, count, total in rows}
    # The watermark trails the newest reading by some seconds, in the same minute.
    open_ms = (START_MS + (gone_at - 1) * 1000) // MINUTE_MS * MINUTE_MS
    new = fleet.rows[grown_at:]
    closed = [row for row in fleet.rows[grown_at:gone_at] if START_MS + 1000 * (row[3] - 1) < open_ms]
    expected = {
        "altitude_km": (len(fleet.rows), sum(row[0] for row in fleet.rows)),
        "speed_km_s": (len(closed), sum(row[1] for row in closed)),
        "slot": (len(new), float(sum(row[3] for row in new))),
    }
    require(found == expected, f"windows hold {found}, not {expected}")


def check_attributes(root, grown_at, gone_at):
    """Windows have what was known when they fired; devices have what is an attribute now."""
    connection = connect()
    Table(root / "tables" / "windows").create_view(connection, "windows")
    rows = connection.execute(
        "SELECT device_id, epoch_ms(window_start), epoch_ms(window_end), grade, site FROM windows"
    ).fetchall()
    kinds = Counter()
    for device, start, end, grade, site in rows:
        known = attributes_of(device)
        if end <= START_MS + (grown_at * 1000) - MINUTE_MS:
            require((grade, site) == (known[0], None), f"{device} to {end}: {grade}, {site}")
            kinds["before"] += 1
        elif start >= START_MS + gone_at * 1000:
            require((grade, site) == (None, known[1]), f"{device} from {start}: {grade}, {site}")
            kinds["after"] += 1
        elif start >= START_MS + grown_at * 1000 and end <= START_MS + gone_at * 1000 - MINUTE_MS:
            require((grade, site) == known, f"{device} from {start} to {end}: {grade}, {site}")
            kinds["between"] += 1
    require(len(kinds) == 3, f"windows of all three times: {kinds}")
    # No file of it has the column of the attribute that is gone.
    devices = f"delta_scan('{root / 'tables' / 'devices'}')"
    rows = connection.execute(f"SELECT device_id, grade, site FROM {devices}").fetchall()
    expected = {(f"sat-{n}", None, f"site-{n}") for n in range(3)}
    require(set(rows) == expected and len(rows) == 3, f"devices: {rows}")


def check_comments(root):
    """Units, descriptions and the comments of the .proto file, as other engines see them."""
    table = deltalake.DeltaTable(str(root / "tables" / f"readings_{TOPIC}"))
    found = {f.name: dict(f.metadata) for f in table.schema().fields if f.name in [*COLUMNS, "flags"]}
    expected = {
        "altitude_km": {"comment": "Above the ellipsoid.", "unit": "km"},
        "speed_km_s": {"comment": "Along the track.", "unit": "km/s"},
        "slot": {"comment": "Of the plane."}, "mode": {}, "grade": {},
        "site": {"comment": "Who hears it."}, "flags": {},
    }  # fmt: skip
    require(found == expected, f"deltalake sees {found}")
    # DuckDB's delta extension shows no comments; it reads the catalog that lies beside the tables.
    rows = connect().execute(
        "SELECT c.name, c.description, c.unit FROM (SELECT unnest(tables) AS t FROM "
        f"read_json('{root / 'catalog.json'}')), unnest(t.columns) AS u(c) "
        f"WHERE t.name = 'readings_{TOPIC}' AND (c.description IS NOT NULL OR c.unit IS NOT NULL)"
    ).fetchall()
    expected = {(n, m.get("comment"), m.get("unit")) for n, m in expected.items() if m}
    require(set(rows) == expected, f"DuckDB sees {rows} in the catalog")


def check_finality(scenario, path):
    """/status says of the tables how far they are final, as `downlinkd tables` does."""
    daemon = scenario.daemon(path)

    def finals():
        tables = (status_of(daemon) or {}).get("tables", [])
        return {t["name"]: t["final"] for t in tables if t["final"]}

    found = wait_for("/status says how far tables are final", lambda: len(finals()) == 2 and finals())
    require(daemon.stop() == harness.EXIT_OK, "it stops in order")
    command = [harness.binary(), "tables", "--config", str(path), "--json"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    source = json.loads(done.stdout)["sources"][0]
    wanted = {key: source[key] for key in found["windows"][0]}
    require(found == {f"readings_{TOPIC}": [wanted], "windows": [wanted]}, f"{found}, not {wanted}")
    require(wanted["final_through_of_all"] is not None, "final to no time at all")


def difference(found, expected):
    for number, (one, other) in enumerate(zip(found, expected, strict=False)):
        if one != other:
            return f"row {number}: {one}, not {other}"
    return f"{len(found)} rows, not {len(expected)}"


# ---- the scenario


def killed_in_the_middle(scenario, daemon, root, path, fleet, step):
    """Readings, SIGKILL, readings; the process that has committed them all."""
    fleet.send(step)
    daemon.kill()
    daemon = scenario.daemon(path)
    fleet.send(step)
    until_committed(root, fleet)
    return daemon


def refusals(scenario, daemon, root, path, config, folder):
    """What tables and state cannot go on with is refused, and the daemon runs on."""
    before = harness.ledger_entries(root)[-1]["config"] if harness.ledger_entries(root) else None
    for text, wanted in [
        (OTHER_TYPE, "altitude_km was double and would be float"),
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
    config["sources"][0]["metrics"] = [
        "slot", {"field": "altitude_km", "unit": "km"},
        {"field": "speed_km_s", "unit": "km/s", "description": "Along the track."}, "mode",
    ]  # fmt: skip
    config["sources"][0]["attributes"] = ["site", "grade"]
    scenario.write_config(config, path.name)
    before = sessions(daemon)
    accepted, detail = hang_up(daemon)
    require(accepted and "descriptor_set" in detail, f"{accepted}: {detail}")
    scenario.note(f"accepted: {detail[:150]}")
    wait_for("another session", lambda: sessions(daemon) > before)
    fleet.send(step)
    until_committed(root, fleet)

    # Killed in the middle: the state that was saved at the change is what it goes on from.
    daemon = killed_in_the_middle(scenario, daemon, root, path, fleet, step)

    gone_at = len(fleet.rows)
    shutil.copy(compile_set(folder, V3, "less"), old)
    config["sources"][0]["metrics"] = ["slot", {"field": "altitude_km", "unit": "km"}]
    config["sources"][0]["attributes"] = ["site"]
    scenario.write_config(config, path.name)
    before = sessions(daemon)
    accepted, detail = hang_up(daemon)
    require(accepted and "descriptor_set" in detail, f"{accepted}: {detail}")
    scenario.note(f"accepted: {detail[:150]}")
    wait_for("another session", lambda: sessions(daemon) > before)
    fleet.send(step)
    until_committed(root, fleet)
    daemon = killed_in_the_middle(scenario, daemon, root, path, fleet, step)
    require(daemon.stop() == harness.EXIT_OK, "it stops in order")
    scenario.catch_up(path, "--fire-open-windows")

    check_rows(root, fleet, grown_at, gone_at)
    check_windows(root, fleet, grown_at, gone_at)
    check_attributes(root, grown_at, gone_at)
    check_comments(root)
    check_finality(scenario, path)
    verified = scenario.start("verify", "verify", "--config", path)
    require(verified.wait() == harness.EXIT_OK, f"verify: {verified.last_lines()}")
    scenario.note(f"{len(fleet.rows)} readings, the new columns from {grown_at} on, "
                  f"two null from {gone_at} on")


if __name__ == "__main__":
    harness.main(run)
