"""The table `devices` and the catalog against what three other engines make of the readings: counts,
times, clock, attributes and since when, open anomalies; after kills between an entry and the table's
own commit, and beside another engine's OPTIMIZE. `downlinkd tables` and catalog.json say the same.
"""

import json
import subprocess

import deltalake
import polars

import fleet
import harness
from harness import require

import delta_tables  # beside the oracles, where harness looks

PARTITIONS = {fleet.SNAPSHOTS: 2, fleet.SAMPLES: 2}
SOURCES = ["snapshots", "samples"]
# What the readings of one device in one partition amount to; 6 is both flags of distrusted times.
AMOUNTS = """
select '{source}' as source, device_id, kafka_topic, topic_incarnation, kafka_partition,
  count(*) as readings,
  min(event_time) filter (where flags & 6 = 0) as first_seen,
  max(event_time) filter (where flags & 6 = 0) as last_seen,
  count(*) filter (where flags & 4 <> 0) as future_readings,
  count(*) filter (where flags & 2 <> 0) as before_plausible_readings,
  max(floor((epoch_us(event_time) - epoch_us(kafka_timestamp)) / 1000)::bigint) as clock_skew_max_ms
from "readings_{source}" group by all
"""
COLUMNS = """source, device_id, kafka_topic, topic_incarnation, kafka_partition, readings,
  first_seen, last_seen, future_readings, before_plausible_readings, clock_skew_max_ms"""
OPEN = """
select source, device_id, kafka_topic, kafka_partition, count(*) as open_anomalies,
  case when count(*) filter (where severity = 'critical') > 0 then 'critical' else 'warning' end
    as worst_severity
from (select * from anomalies where device_id is not null
  qualify row_number() over (partition by anomaly_id order by kafka_offset desc, case state
    when 'opened' then 0 when 'escalated' then 1 else 2 end desc) = 1 and state <> 'closed')
group by all
"""
KEY = ["source", "device_id", "kafka_topic", "topic_incarnation", "kafka_partition"]


def connect(root):
    connection = delta_tables.connect()
    for path in (root / "tables").iterdir():
        connection.execute(
            f"CREATE VIEW \"{path.name}\" AS SELECT * FROM delta_scan('{path}')"
        )
    return connection


def count(connection, query):
    return connection.execute(f"select count(*) from ({query})").fetchone()[0]


def same(connection, what, left, right):
    for one, other in ((left, right), (right, left)):
        query = f"{one} except all {other}"
        _, few = delta_tables.rows_of(connection, query, 3)
        require(not few, f"{what}: {few}")


def attributes(connection, source):
    """{key: {attribute: (last word, event time of the reading that brought it)}}"""
    described = connection.execute(f'describe "readings_{source}"').fetchall()
    names = [row[0] for row in described]
    of_table = {row[0] for row in connection.execute("describe devices").fetchall()}
    wanted = [name for name in names if f"{name}_since" in of_table]
    rows = connection.execute(
        "select device_id, kafka_topic, kafka_partition, kafka_offset, epoch_us(event_time), "
        f"flags, {', '.join(wanted)} from \"readings_{source}\" order by kafka_offset, event_time"
    ).fetchall()
    known = {}
    for device, topic, partition, _, time, flags, *words in rows:
        mine = known.setdefault((source, device, topic, partition), {})
        for name, word in zip(wanted, words):
            if word is None:
                continue
            before = mine.get(name)
            trusted = time if flags & 6 == 0 else None
            if before is None or before[0] != word:
                mine[name] = (word, trusted)
            elif before[1] is None:
                mine[name] = (word, trusted)
    return wanted, known


def check(scenario, root):
    connection = connect(root)
    wanted = " union all ".join(AMOUNTS.format(source=source) for source in SOURCES)
    same(connection, "devices and the readings", f"select {COLUMNS} from devices "
         "where readings > 0", f"select {COLUMNS} from ({wanted})")  # fmt: skip
    keys = "source, device_id, kafka_topic, kafka_partition, open_anomalies, worst_severity"
    same(connection, "open anomalies", f"select {keys} from devices where open_anomalies > 0",
         f"select {keys} from ({OPEN})")  # fmt: skip
    for source in SOURCES:
        names, known = attributes(connection, source)
        columns = ", ".join(f"{name}, epoch_us({name}_since)" for name in names)
        rows = connection.execute(
            f"select device_id, kafka_topic, kafka_partition, {columns} from devices "
            f"where source = '{source}' and readings > 0"
        ).fetchall()
        for device, topic, partition, *values in rows:
            mine = known[(source, device, topic, partition)]
            found = {
                name: (values[2 * place], values[2 * place + 1])
                for place, name in enumerate(names)
                if values[2 * place] is not None
            }
            require(found == mine, f"{source} {device}: {found}, the readings say {mine}")
    rows = count(connection, "from devices")
    path = str(root / "tables/devices")
    table = deltalake.DeltaTable(path)
    require(table.to_pyarrow_table().num_rows == rows, "deltalake counts other rows")
    frame = polars.scan_delta(path).collect()
    require(frame.height == rows, "Polars counts other rows")
    require(frame.select(KEY).is_duplicated().sum() == 0, "a device has two rows")
    parts = {tuple(row) for row in frame.select(KEY[2:]).iter_rows()}
    require(len(table.file_uris()) == len(parts), "a partition has more than one file")
    scenario.note(f"{rows} devices are what their readings say, in {len(parts)} partitions")
    return connection


def catalog(scenario, root, connection):
    """`downlinkd tables` against deltalake, and how far it is final against the rows."""
    words = [harness.binary(), "tables", "--root", str(root)]
    shown = json.loads(harness.call([*words, "--json"]))
    kept = json.loads((root / "catalog.json").read_text(encoding="utf-8"))
    for member in ("version", "tables", "sources", "sources_trouble"):
        require(shown[member] == kept[member], f"catalog.json has another {member}")
    require(shown["version"] == 1 and shown["sources_trouble"] is None, f"{shown}")
    folders = sorted(path.name for path in (root / "tables").iterdir())
    require([table["name"] for table in shown["tables"]] == folders, "other tables")
    for entry in shown["tables"]:
        table = deltalake.DeltaTable(str(root / entry["path"]))
        require(entry["table_version"] == table.version(), f"{entry['name']}: version")
        require(entry["files"] == len(table.file_uris()), f"{entry['name']}: files")
        rows = connection.execute(f'select count(*) from "{entry["name"]}"').fetchone()[0]
        require(entry["rows"] == rows, f"{entry['name']}: {entry['rows']} rows, not {rows}")
        fields = [field.name for field in table.schema().fields]
        require([column["name"] for column in entry["columns"]] == fields, f"{entry['name']}")
        if rows and "event_date" in fields:
            dates = connection.execute(
                f'select min(event_date)::varchar, max(event_date)::varchar from "{entry["name"]}"'
            ).fetchone()
            require((entry["first_date"], entry["last_date"]) == dates, f"{entry['name']}: dates")
        text = harness.call([*words, entry["name"]])
        require(all(name in text for name in fields), text)
    for source in shown["sources"]:
        row = connection.execute(
            "select count(*), count(*) filter (where is_awake), "
            "strftime(min(final_through) filter (where is_awake), '%Y-%m-%dT%H:%M:%S.%fZ'), "
            "strftime(min(final_through), '%Y-%m-%dT%H:%M:%S.%fZ'), "
            "strftime(min(watermark) filter (where is_awake), '%Y-%m-%dT%H:%M:%S.%fZ') "
            f"from devices where source = '{source['source']}'"
        ).fetchone()
        members = ("devices", "awake", "final_through", "final_through_of_all", "complete_through")
        said = tuple(source[member] for member in members)
        require(said == row, f"{source['source']}: {said}, the rows say {row}")
    require(len(shown["sources"]) == len(SOURCES), f"{shown['sources']}")
    text = harness.call(words)
    require("windows final through" in text, text)
    missing = subprocess.run([*words, "nothing"], capture_output=True, timeout=60)
    require(missing.returncode == harness.EXIT_UNAVAILABLE, f"{missing}")
    scenario.note(f"the catalog says of {len(folders)} tables what deltalake says")


def run(scenario):
    brokers = scenario.broker(**PARTITIONS)
    root = scenario.folder / "data"
    sections = {
        **fleet.fleet_sections(), "detectors": fleet.DETECTORS,
        "tables": {"devices": {"every": "1s"}},
    }  # fmt: skip
    config = scenario.write_config(harness.base_config(brokers, root, **sections))
    producer = fleet.Producer(brokers, scenario.folder / "produced.jsonl", PARTITIONS)
    devices = fleet.Fleet(scenario.arguments.seed)
    producer.send_all(devices, 3_000)
    scenario.catch_up(config)
    connection = check(scenario, root)
    catalog(scenario, root, connection)
    for point in ("log_put_after", "devices_written", "devices_committed"):
        producer.send_all(devices, 500)
        daemon = scenario.daemon(config, crash_point=f"{point}:1")
        code = daemon.wait(120)
        require(code not in (0, 1), f"{point} did not kill it: {code}")
        # What the kill left to do, and once more with nothing to do or with something to read.
        scenario.catch_up(config)
        check(scenario, root)
        if point != "devices_written":
            producer.send_all(devices, 200)
        scenario.catch_up(config)
        check(scenario, root)
    deltalake.DeltaTable(str(root / "tables/devices")).optimize.compact()
    producer.send_all(devices, 500)
    scenario.catch_up(config)
    connection = check(scenario, root)
    catalog(scenario, root, connection)
    harness.call([harness.binary(), "verify", "--config", config])
    scenario.note("kills and another engine change nothing, and verify holds")


if __name__ == "__main__":
    harness.main(run)
