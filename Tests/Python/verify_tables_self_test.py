"""Self-test of verify_tables.py: right tables pass; each single fault put into them is found.

The tables are written by deltalake, so the checks are known to work whatever downlink does.
"""

import contextlib
import dataclasses
import datetime
import io
import json
import math
import random
import tempfile
from pathlib import Path

import pyarrow
from deltalake import DeltaTable, write_deltalake

import verify_tables
from pipeline_options import AGGREGATES, MICROS, Source
from reference import IMPLAUSIBLE_TIME, Record, expected

START = 1_600_000_020 * MICROS
TIMESTAMP = pyarrow.timestamp("us", tz="UTC")
CONFIG = {
    "pipeline": "test",
    "sources": [
        {"name": "wide", "topics": ["a"], "attributes": ["region"], "sequence": "n"},
        {"name": "narrow", "topics": ["b"], "metric": {"name": "x", "value": "y"}},
    ],
    "event_time": {"out_of_orderness": "5s", "allowed_lateness": "1m", "device_idle": "1h"},
    "windows": [
        {"name": "1m", "size": "1m", "slide": "20s"},
        {"name": "5m", "size": "5m", "slide": "1m", "sources": ["wi*"], "metrics": ["volt*"],
         "aggregates": ["count", "max"]},
    ],
}  # fmt: skip


def produce(seed):
    """Lines of produced.jsonl, partitions interleaved, with everything odd that may come."""
    generator = random.Random(seed)
    lines, offsets, at = [], {}, START
    for index in range(600):
        at += generator.randrange(0, 2 * MICROS)
        device = generator.randrange(5)
        topic, partition = generator.choice([("a", device % 2), ("b", 0)])
        offset = offsets[(topic, partition)] = offsets.get((topic, partition), -1) + 1
        rows = []
        for _ in range(generator.randrange(1, 4)):
            time = at - generator.randrange(0, 150 * MICROS) * (generator.randrange(4) == 0)
            value = generator.choice([generator.random(), 1e9, math.nan, float(index)])
            if topic == "a":
                values = {"voltage": value}
                if generator.randrange(2):
                    values["count_total"] = index
            else:
                values = {generator.choice(["m", "n"]): value}
            rows.append([time, values])
        record = {
            "topic": topic, "partition": partition, "offset": offset, "timestamp_ms": at // 1000,
            "device": f"dev-{device}", "rows": rows,
        }  # fmt: skip
        if topic == "a":
            record |= {"sequence": index, "attributes": {"region": "eu" if device else None}}
        if index == 100:
            rows[0][0] = 12345  # 1970: flagged, filed under the Kafka date
        if index == 101:
            # With the configuration mended, a replay brings it back.
            back = [[index, *row] for index, row in enumerate(rows)]
            record |= {"dead": True, "rows": [], "device": None}
            record |= {"replayed": {"device": f"dev-{device}", "rows": back}}
        if index == 102:
            record["replayed"] = {"rows": [[len(rows), *rows[0]]]}
            rows.append(None)
        lines.append(json.dumps(record))
    return lines


def tables_of(lines):
    """{table: rows as dictionaries}, as the reference wants them."""
    tables = {
        "readings_wide": [], "readings_narrow": [], "windows": [], "dead_letters": [],
        "dead_letter_replays": [],
    }  # fmt: skip
    by_partition = {}
    for line in lines:
        topic, partition, record = Record.parse(line)
        by_partition.setdefault((topic, partition), []).append(record)
    for source in Source.all_of(CONFIG):
        for (topic, partition), records in by_partition.items():
            if topic not in source.topics:
                continue
            place = {"kafka_topic": topic, "topic_incarnation": 0, "kafka_partition": partition}
            reference, flagged = expected(source, records, fires_open_windows=True)
            for record, flags in flagged:
                for row in letters_of(record):
                    tables["dead_letters"].append(place | {"source": source.name} | row)
                    tables["dead_letter_replays"].append(
                        place | row | {"outcome": "read", "readings": len(record.replayed["rows"])}
                    )
                    back = dataclasses.replace(
                        record, device=record.replayed.get("device", record.device)
                    )
                    for index, *found in record.replayed["rows"]:
                        tables[f"readings_{source.name}"].append(
                            place | reading(source, back, index, found, verify_tables.REPLAYED)
                        )
                for index, row in enumerate(record.rows):
                    if row is not None:
                        tables[f"readings_{source.name}"].append(
                            place | reading(source, record, index, row, flags[index])
                        )
            for firing in reference.firings:
                tables["windows"].append(place | window_row(source, firing))
    return tables


def letters_of(record):
    indexes = [None] if record.is_dead else []
    indexes += [index for index, row in enumerate(record.rows) if row is None]
    return [
        {"kafka_offset": record.offset, "kafka_timestamp": record.timestamp, "row_index": index,
         "event_date": record.timestamp}
        for index in indexes
    ]  # fmt: skip


def reading(source, record, index, row, flags):
    time, values = row
    out = {
        "device_id": record.device, "event_time": time, "flags": flags,
        "kafka_offset": record.offset, "kafka_timestamp": record.timestamp, "row_index": index,
        "event_date": record.timestamp if flags & IMPLAUSIBLE_TIME else time,
    }  # fmt: skip
    if source.is_narrow:
        ((metric, value),) = values.items()
        return out | {"metric": metric, "value": value}
    metrics = {name: values.get(name) for name in ("voltage", "count_total")}
    return out | metrics | {"sequence": record.sequence, "region": record.attributes.get("region")}


def window_row(source, firing):
    return {
        "source": source.name, "device_id": firing.device, "metric": firing.metric,
        "region": firing.attributes.get("region"), "window_name": firing.window.name,
        "window_start": firing.start, "window_end": firing.end, "revision": firing.revision,
        "event_date": firing.start,
    } | {
        name: getattr(firing, name) if name in firing.window.aggregates else None
        for name in AGGREGATES
    }  # fmt: skip


def write(root, tables):
    for name, rows in tables.items():
        kinds = {
            "event_time": TIMESTAMP, "kafka_timestamp": TIMESTAMP, "window_start": TIMESTAMP,
            "window_end": TIMESTAMP, "kafka_partition": pyarrow.int32(), "flags": pyarrow.int32(),
            "topic_incarnation": pyarrow.int32(), "row_index": pyarrow.int32(),
            "revision": pyarrow.int32(), "region": pyarrow.string(), "count": pyarrow.int64(),
            "sequence": pyarrow.int64(), "count_total": pyarrow.int64(),
        }  # fmt: skip
        columns = {}
        for column in rows[0]:
            values = [row[column] for row in rows]
            if column == "event_date":
                values = [date_of(value) for value in values]
            floating = pyarrow.float64() if column in AGGREGATES else None
            columns[column] = pyarrow.array(values, kinds.get(column, floating))
        path = root / "tables" / name
        write_deltalake(str(path), pyarrow.table(columns), partition_by=["event_date"])


def date_of(micros):
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return (epoch + datetime.timedelta(microseconds=micros)).date()


def write_ledger(root, lines):
    """A chain over what `write` made: create, open, then two commits that share the files."""
    folder = root / "_ledger"
    folder.mkdir()
    ends = {}
    for line in lines:
        topic, partition, record = Record.parse(line)
        ends[(topic, partition)] = record.offset + 1
    entries = [{"kind": "create"}, {"kind": "open", "openings": []}, {"kind": "commit"}]
    for topic in ("a", "b"):
        count = sum(1 for key in ends if key[0] == topic)
        entries[1]["openings"].append(
            {"topic": topic, "incarnation": 0, "partition_count": count, "first_partition": 0,
             "start_offsets": [0] * count}
        )  # fmt: skip
    move = {"incarnation": 0, "not_delivered": 0}
    entries[2]["partitions"] = [
        move | {"topic": topic, "partition": partition, "prev": 1, "from": 0, "to": 50}
        for topic, partition in ends
    ]
    entries.append({"kind": "commit", "tables": []})
    entries.append({"kind": "replay", "replay": {"previous": -1}})
    entries.append({"kind": "replay", "replay": {"previous": 4}})
    entries[3]["partitions"] = [
        move | {"topic": topic, "partition": partition, "prev": 2, "from": 50, "to": end}
        for (topic, partition), end in ends.items()
    ]
    for table in sorted((root / "tables").iterdir()):
        actions = []
        for log in sorted((table / "_delta_log").glob("*.json")):
            for action in map(json.loads, log.read_text().splitlines()):
                if "add" in action:
                    actions.append(action)
        entries[3]["tables"].append({"table": table.name, "actions": actions})
    for version, entry in enumerate(entries):
        entry |= {
            "format": 1, "version": version, "ledger_id": "l", "pipeline": "test",
            "commit_id": {"incarnation": "i", "counter": version},
        }  # fmt: skip
        (folder / f"{version:020}.json").write_text(json.dumps(entry))


def run(root, *options):
    """(exit code, what was printed)."""
    printed = io.StringIO()
    arguments = ["verify_tables.py", "--root", str(root), "--open-windows-fired", *options]
    arguments += ["--produced", str(root / "produced.jsonl"), "--config", str(root / "config.json")]
    with contextlib.redirect_stdout(printed):
        saved, verify_tables.sys.argv = verify_tables.sys.argv, arguments
        try:
            code = verify_tables.main()
        finally:
            verify_tables.sys.argv = saved
    return code, printed.getvalue()


def change_entry(root, version, change):
    path = root / "_ledger" / f"{version:020}.json"
    entry = json.loads(path.read_text())
    change(entry)
    path.write_text(json.dumps(entry))


def delta(root, name):
    return DeltaTable(str(root / "tables" / name))


def append_copy(root, name, **changes):
    """Appends a copy of the table's first row, changed or not."""
    table = delta(root, name).to_pyarrow_table().slice(0, 1)
    for column, value in changes.items():
        index = table.schema.get_field_index(column)
        array = pyarrow.array([value], table.schema.field(column).type)
        table = table.set_column(index, table.schema.field(column), array)
    write_deltalake(str(root / "tables" / name), table, mode="append")


def update(root, name, values, where):
    delta(root, name).update(updates=values, predicate=where)


def delete_some_file(root):
    first = sorted((root / "tables" / "windows").glob("event_date=*/*.parquet"))[0]
    first.write_bytes(first.read_bytes() + b"x")


# Each fault: what it does to a root, and the words the verdict must contain.
FAULTS = [
    (lambda r: delta(r, "readings_wide").delete("kafka_offset = 7"), "rows are missing"),
    (lambda r: append_copy(r, "readings_wide"), "rows occur more than once"),
    (lambda r: append_copy(r, "readings_narrow", kafka_offset=9999), "rows nobody produced"),
    (lambda r: update(r, "readings_wide", {"count_total": "-5"}, "kafka_offset = 9"),
     "differs: count_total"),
    (lambda r: update(r, "readings_wide", {"region": "'us'"}, "kafka_offset = 9"),
     "differs: region"),
    (lambda r: update(r, "readings_narrow", {"flags": "8"}, "kafka_offset = 9"), "differs: flags"),
    (lambda r: update(r, "readings_narrow", {"event_date": "date '2020-01-01'"},
                      "kafka_offset = 9"), "another date"),
    (lambda r: delta(r, "dead_letters").delete("row_index is null"), "dead_letters: rows are miss"),
    (lambda r: delta(r, "windows").delete("window_name = '5m'"), "windows: rows are missing"),
    (lambda r: append_copy(r, "windows", revision=7), "windows: rows nobody produced"),
    (lambda r: append_copy(r, "windows"), "windows: rows occur more than once"),
    (lambda r: update(r, "windows", {"max": "max + 1"}, "revision = 0"), "differs: max"),
    (lambda r: update(r, "windows", {"mean": "mean * 1.00001"}, "mean > 1"), "differs: mean"),
    (lambda r: update(r, "windows", {"stddev": "0"}, "stddev is null"), "differs: stddev"),
    (delete_some_file, "bytes, the log says"),
    (lambda r: append_copy(r, "dead_letter_replays"), "came back twice"),
    (lambda r: append_copy(r, "dead_letter_replays", kafka_offset=9999), "what is no dead letter"),
    (lambda r: update(r, "dead_letter_replays", {"readings": "9"}, "readings > 0"), "are due"),
    (lambda r: delta(r, "dead_letter_replays").delete("readings > 0"), "rows nobody produced"),
    (lambda r: delta(r, "readings_narrow").delete("flags = 16"), "rows are missing"),
    (lambda r: update(r, "dead_letter_replays", {"event_date": "date '2020-01-01'"}, "true"),
     "another date"),
]  # fmt: skip

LEDGER_FAULTS = [
    (lambda e: e["partitions"][0].update({"from": 51}), 3, "a hole"),
    (lambda e: e["partitions"][0].update({"from": 49}), 3, "an overlap"),
    (lambda e: e["partitions"][0].update(prev=1), 3, "prev is 1"),
    (lambda e: e["partitions"][0].update(to=e["partitions"][0]["to"] - 1), 3, "produced to"),
    (lambda e: e["partitions"][0].update(not_delivered=1), 3, "not delivered are"),
    (lambda e: e["tables"][0]["actions"].pop(), 3, "no entry names"),
    (lambda e: e["tables"][0]["actions"][0]["add"].update(path="x=1/none.parquet"), 3,
     "does not exist"),
    (lambda e: e.update(ledger_id="other"), 2, "another ledger"),
    (lambda e: e["openings"].pop(), 1, "which no entry has opened"),
    (lambda e: e["replay"].update(previous=-1), 5, "4 was the last"),
    (lambda e: e.update(openings=[{"topic": "c", "incarnation": 0, "partition_count": 0,
                                   "first_partition": 0, "start_offsets": []}]),
     5, "is a replay and has openings"),
]  # fmt: skip


def prepared_root(folder, lines):
    root = Path(folder)
    (root / "produced.jsonl").write_text("\n".join(lines) + "\n")
    (root / "config.json").write_text(json.dumps(CONFIG))
    write(root, tables_of(lines))
    write_ledger(root, lines)
    return root


def self_test():
    seed = 7
    lines = produce(seed)
    with tempfile.TemporaryDirectory() as folder:
        root = prepared_root(folder, lines)
        for options in (["--ledger"], ["--windows-sample", "0.5"]):
            code, printed = run(root, *options)
            assert code == 0, printed
        shuffled = random.Random(seed).sample(lines, len(lines))
        (root / "produced.jsonl").write_text("\n".join(shuffled) + "\n")
        code, printed = run(root, "--ledger")
        assert code == 0, f"lines in another order are the same records\n{printed}"
    for change, words in FAULTS:
        with tempfile.TemporaryDirectory() as folder:
            root = prepared_root(folder, lines)
            change(root)
            code, printed = run(root)
            assert code == 1 and words in printed, f"not found: {words}\n{printed}"
    with tempfile.TemporaryDirectory() as folder:
        root = prepared_root(folder, lines)
        for change, version, words in LEDGER_FAULTS:
            path = root / "_ledger" / f"{version:020}.json"
            original = path.read_text()
            change_entry(root, version, change)
            code, printed = run(root, "--ledger")
            assert code == 1 and words in printed, f"not found: {words}\n{printed}"
            path.write_text(original)
    print(
        f"verify_tables.py: self-test passed: right tables pass, "
        f"{len(FAULTS)} faults in tables and {len(LEDGER_FAULTS)} in the ledger are found"
    )
