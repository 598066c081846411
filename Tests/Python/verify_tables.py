"""Compares the tables under a data root with what was produced, row by row and value by value.

    verify_tables.py --root DATA --produced produced.jsonl --config options.json
        [--ledger] [--committed-only] [--open-windows-fired] [--windows-sample SHARE]

`options.json` is the configuration of the run, written as JSON. `produced.jsonl` has one line for
every record that Kafka acknowledged:

    {"topic": "telemetry", "partition": 0, "offset": 17, "timestamp_ms": 1700000000000,
     "device": "sat-1", "sequence": 5, "attributes": {"region": "eu"},
     "rows": [[1700000000000000, {"battery_voltage_v": 28.1}]]}

A row is [event time in microseconds, {metric: value}] or null where it cannot be read; a record
that is a dead letter has `"dead": true` and no rows, one that must be left out as a duplicate
`"duplicate": true` and no rows: it is in no table; `"append_time": true` where the broker stamped
it, `"incarnation": 1` where the topic was re-created before. `"replayed": {"device": "sat-1",
"rows": [[0, 1700000000000000, {"battery_voltage_v": 28.1}]]}` says what its dead letters hold for a
configuration that reads them: it is expected, with the flag 16, once `dead_letter_replays` says that
they came back, and in no window. With the ledger, what it says was passed over is not expected. Checked: every reading is there exactly once with equal values, or the record in `dead_letters`;
nothing else is there; `windows` is what reference.py expects; three other engines count the same;
statistics and file sizes are true; with --ledger the chain is whole and every offset accounted for.

Exit code 0 when everything holds, 1 when something does not, 2 for wrong usage.
"""

import argparse
import dataclasses
import json
import sys
import time
import zlib
from pathlib import Path

import duckdb
import pyarrow
from deltalake.exceptions import DeltaError

import ledger_chain
from delta_tables import Table, connect, quoted, rows_of
from pipeline_options import AGGREGATES, Source
from reference import IMPLAUSIBLE_TIME, PartitionReference, Record

# Up to so many readings every window is recomputed; above, those of a share of the devices.
FULL_WINDOWS_READINGS = 500_000
# Rows gathered in Python lists before they become an Arrow batch.
BATCH_ROWS = 50_000
EXAMPLES = 5

TIMESTAMP = pyarrow.timestamp("us", tz="UTC")
OWN_COLUMNS = [
    "device_id", "event_time", "sequence", "metric", "value", "flags", "kafka_topic",
    "topic_incarnation", "kafka_partition", "kafka_offset", "kafka_timestamp", "row_index",
    "event_date",
]  # fmt: skip
READING_KEY = [
    "kafka_topic", "topic_incarnation", "kafka_partition", "kafka_offset", "row_index",
]  # fmt: skip
WINDOW_KEY = [
    "source", "kafka_topic", "topic_incarnation", "kafka_partition", "device_id", "metric",
    "window_name", "window_start", "revision",
]  # fmt: skip


class Verdict:
    """Collects what was compared and what differed."""

    def __init__(self):
        self.fault_count = 0

    def note(self, sentence):
        print(f"  {sentence}")

    def fault(self, sentence, examples=()):
        self.fault_count += 1
        print(f"  DIFFERS: {sentence}")
        for example in list(examples)[:EXAMPLES]:
            print(f"      {example}")

    def faults(self, sentences):
        for sentence in sentences[:EXAMPLES]:
            self.fault(sentence)
        self.fault_count += max(0, len(sentences) - EXAMPLES)


# `ReadingFlags.replayed`.
REPLAYED = 16


class ReplayMarks:
    """What `dead_letter_replays` says came back: once for each letter, and only of letters."""

    def __init__(self, connection, verdict, root):
        # (topic, incarnation, partition, offset, row or -1) -> readings that came of it.
        self.readings = {}
        self.verdict = verdict
        path = root / "tables" / "dead_letter_replays"
        if not Table.exists(path):
            return
        table = Table(path)
        verdict.faults(table.faults(connection))
        table.create_view(connection, "marks")
        check_dates_of(connection, verdict, "dead_letter_replays", "marks", "kafka_timestamp")
        marks = connection.execute(
            "SELECT kafka_topic, topic_incarnation, kafka_partition, kafka_offset, "
            "coalesce(row_index, -1), readings FROM marks WHERE outcome IN ('read', 'empty')"
        ).fetchall()
        for *place, count in marks:
            if tuple(place) in self.readings:
                verdict.fault(f"dead_letter_replays: {place} came back twice")
            self.readings[tuple(place)] = count
        verdict.note(f"dead_letter_replays: {len(marks)} letters came back")

    def take(self, key, record, row):
        """The rows that came back of a letter, as the record's `replayed` has them."""
        count = self.readings.pop((*key, record.offset, row), None)
        if count is None:
            return []
        said = (record.replayed or {}).get("rows", [])
        rows = [found for found in said if row in (-1, found[0])]
        if len(rows) != count:
            self.verdict.fault(
                f"dead_letter_replays: {key} offset {record.offset} row {row} came back with "
                f"{count} readings, {len(rows)} are due"
            )
        return rows

    def finish(self):
        if self.readings:
            examples = sorted(self.readings)[:EXAMPLES]
            self.verdict.fault("dead_letter_replays: marks of what is no dead letter", examples)


class ExpectedRows:
    """Rows that a table must hold, gathered column by column into Arrow batches."""

    def __init__(self, columns):
        """`columns` is a list of (name, Arrow type)."""
        self.schema = pyarrow.schema([pyarrow.field(name, kind) for name, kind in columns])
        self.pending = []
        self.batches = []
        self.count = 0

    def append(self, row):
        self.pending.append(row)
        self.count += 1
        if len(self.pending) >= BATCH_ROWS:
            self.flush()

    def flush(self):
        if not self.pending:
            return
        columns = zip(*self.pending)
        arrays = [
            pyarrow.array(column, field.type) for column, field in zip(columns, self.schema)
        ]
        self.batches.append(pyarrow.RecordBatch.from_arrays(arrays, schema=self.schema))
        self.pending = []

    def table(self):
        self.flush()
        return pyarrow.Table.from_batches(self.batches, self.schema)


class SourceCheck:
    """One source: its expected readings, and the window reference of each of its partitions."""

    def __init__(self, source, root, takes_device):
        self.source = source
        self.takes_device = takes_device
        self.partitions = {}
        path = root / "tables" / f"readings_{source.name}"
        self.table = Table(path) if Table.exists(path) else None
        self.unknown_metrics = set()
        names = [] if self.table is None else self.table.columns
        own = OWN_COLUMNS + source.attributes
        self.metrics = [name for name in names if name not in own]
        self.has_sequence = "sequence" in names
        kinds = {} if self.table is None else {f.name: f.type for f in self.table.schema}
        columns = [
            ("kafka_topic", pyarrow.string()),
            ("topic_incarnation", pyarrow.int64()),
            ("kafka_partition", pyarrow.int64()),
            ("kafka_offset", pyarrow.int64()),
            ("row_index", pyarrow.int64()),
            ("device_id", pyarrow.string()),
            ("event_time", TIMESTAMP),
            ("kafka_timestamp", TIMESTAMP),
            ("flags", pyarrow.int64()),
        ]
        columns += [("sequence", pyarrow.int64())] if self.has_sequence else []
        columns += [(name, pyarrow.string()) for name in source.attributes]
        if source.is_narrow:
            columns += [("metric", pyarrow.string()), ("value", kinds.get("value"))]
        else:
            columns += [(name, kinds[name]) for name in self.metrics]
        self.readings = ExpectedRows(columns if self.table is not None else columns[:9])

    def feed(self, key, record, decisions):
        if key not in self.partitions:
            reference = PartitionReference(self.source, self.takes_device)
            self.partitions[key] = (reference, sorted(decisions.get(key, [])))
        reference, pending = self.partitions[key]
        while pending and pending[0] <= record.offset:
            pending.pop(0)
            reference.finish(fires_open_windows=True)
        flags = reference.feed(record)
        for index, row in enumerate(record.rows):
            if row is not None:
                self.append(key, record, index, row, flags[index])

    def bring_back(self, key, record, row, marks):
        """What came back of a dead letter: its readings are flagged, and in no window."""
        said = record.replayed or {}
        back = dataclasses.replace(
            record,
            device=said.get("device", record.device),
            sequence=said.get("sequence", record.sequence),
            attributes=said.get("attributes", record.attributes),
        )
        for index, event_time, values in marks.take(key, record, row):
            self.append(key, back, index, [event_time, values], REPLAYED)

    def append(self, key, record, index, row, flags):
        event_time, values = row
        out = [*key, record.offset, index, record.device, event_time, record.timestamp, flags]
        if self.table is not None:
            out += [record.sequence] if self.has_sequence else []
            out += [record.attributes.get(name) for name in self.source.attributes]
            if self.source.is_narrow:
                ((metric, value),) = values.items()
                out += [metric, value]
            else:
                if values.keys() - set(self.metrics):
                    self.unknown_metrics |= values.keys() - set(self.metrics)
                out += [fitting(values.get(name)) for name in self.metrics]
        self.readings.append(out)

    def finish(self, fires_open_windows, ended):
        """`ended` are partitions of incarnations that another one has followed."""
        for key, (reference, pending) in self.partitions.items():
            reference.finish(fires_open_windows and key not in ended or bool(pending))


def fitting(value):
    """None where an unsigned value does not fit its column."""
    return None if isinstance(value, int) and value > 2**63 - 1 else value


def produced_records(path):
    """((topic, incarnation, partition), record) in offset order of each partition."""

    def parsed(line):
        topic, partition, record = Record.parse(line)
        return (topic, record.incarnation, partition), record

    newest = {}
    with open(path, encoding="utf-8") as lines:
        is_ordered = True
        for line in lines:
            key, record = parsed(line)
            if record.offset <= newest.get(key, -1):
                is_ordered = False
                break
            newest[key] = record.offset
    with open(path, encoding="utf-8") as lines:
        records = (parsed(line) for line in lines)
        if not is_ordered:
            records = sorted(records, key=lambda entry: (entry[0], entry[1].offset))
        yield from records


class Expectation:
    """Which of the produced records the tables must have, by what the ledger says."""

    def __init__(self, chain, committed_only):
        self.chain = chain
        self.ends = {} if chain is None else dict(chain.ends)
        if committed_only:
            self.ends.update({key: at.to for key, at in chain.positions.items()})
        self.committed_only = committed_only
        # Offsets that were never read; a gap in the state had been read before.
        self.skipped = {} if chain is None else {
            key: [gap[:2] for gap in gaps if gap[2] != "state"] for key, gaps in chain.gaps.items()
        }  # fmt: skip

    def takes(self, key, offset):
        end = self.ends.get(key, 0 if self.committed_only else None)
        if end is not None and offset >= end:
            return False
        return not any(low <= offset < high for low, high in self.skipped.get(key, ()))

    @property
    def unjudged(self):
        """Partitions whose state went on without records: their windows follow no reference."""
        gaps = {} if self.chain is None else self.chain.gaps
        return {key for key, found in gaps.items() if any(gap[2] == "state" for gap in found)}


def attempt(verdict, check, *arguments):
    """Runs a check; a table that an engine cannot read is a fault, not the end of the run."""
    try:
        check(*arguments)
    except (duckdb.Error, DeltaError, OSError) as error:
        verdict.fault(f"{check.__name__}: a table cannot be read: {error}")


def check_rows(connection, verdict, name, key, compared, extra_where=""):
    """Compares the DuckDB relations `expected` and `found`: rows on one side only, keys that occur
    twice, and values. `compared` maps a column to the SQL condition under which it differs."""
    keys = ", ".join(quoted(column) for column in key)
    wanted, there = (
        connection.execute(f"SELECT count(*) FROM {relation}").fetchone()[0]
        for relation in ("expected", "found")
    )
    verdict.note(f"{name}: {wanted} rows expected, {there} found")
    for relation, what in (("found", "rows occur more than once"), ("expected", "BUG: not a key")):
        twice = f"SELECT {keys}, count(*) FROM {relation} GROUP BY {keys} HAVING count(*) > 1"
        report(connection, verdict, f"{name}: {what}", twice)
    for side, other, what in (("e", "f", "rows are missing"), ("f", "e", "rows nobody produced")):
        from_, against = ("expected", "found") if side == "e" else ("found", "expected")
        query = (
            f"SELECT {keys} FROM {from_} {side} WHERE NOT EXISTS (SELECT 1 FROM {against} {other} "
            f"WHERE {on(key)})"
        )
        report(connection, verdict, f"{name}: {what}", query)
    conditions = " OR ".join(f"({condition})" for condition in compared.values())
    shown = ", ".join(
        f"CASE WHEN {condition} THEN {text(column, 'e')} || ' <> ' || {text(column, 'f')} END "
        f"AS {quoted('differs: ' + column)}"
        for column, condition in compared.items()
    )
    query = (
        f"SELECT {', '.join('e.' + quoted(column) for column in key)}, {shown} "
        f"FROM expected e JOIN found f ON {on(key)} WHERE {conditions or 'false'}"
    )
    report(connection, verdict, f"{name}: rows differ in a value", query)
    return wanted


def text(column, side):
    return f"coalesce({side}.{quoted(column)}::VARCHAR, 'null')"


def on(key):
    return " AND ".join(f"e.{quoted(column)} = f.{quoted(column)}" for column in key)


def report(connection, verdict, sentence, query):
    """A fault when the query has rows; the first are shown."""
    count, examples = rows_of(connection, query, EXAMPLES)
    if count:
        verdict.fault(f"{sentence}: {count}", examples)


def check_readings(connection, verdict, check):
    name = f"readings_{check.source.name}"
    if check.table is None:
        if check.readings.count:
            verdict.fault(f"{name}: {check.readings.count} rows expected, no such table")
        return
    if check.unknown_metrics:
        verdict.fault(f"{name}: no columns for {sorted(check.unknown_metrics)}")
    verdict.faults(check.table.faults(connection))
    check.table.create_view(connection, "found")
    connection.register("expected", check.readings.table())
    compared = {
        column: f"e.{quoted(column)} IS DISTINCT FROM f.{quoted(column)}"
        for column in check.readings.schema.names
        if column not in READING_KEY
    }
    check_rows(connection, verdict, name, READING_KEY, compared)
    filed_by = f"CASE WHEN flags & {IMPLAUSIBLE_TIME} <> 0 THEN kafka_timestamp ELSE event_time END"
    check_dates(connection, verdict, name, filed_by)


def check_dates(connection, verdict, name, filed_by):
    """`event_date` must be the UTC date of the time the row is filed by."""
    check_dates_of(connection, verdict, name, "found", filed_by)


def check_dates_of(connection, verdict, name, view, filed_by):
    wrong = f"SELECT * FROM {view} WHERE event_date IS DISTINCT FROM ({filed_by})::DATE"
    report(connection, verdict, f"{name}: rows lie in a folder of another date", wrong)


def check_dead_letters(connection, verdict, root, dead):
    path = root / "tables" / "dead_letters"
    if not Table.exists(path):
        if dead.count:
            verdict.fault(f"dead_letters: {dead.count} rows expected, no such table")
        return
    table = Table(path)
    verdict.faults(table.faults(connection))
    table.create_view(connection, "letters")
    # A whole record has no row index; the key needs a value to compare.
    connection.execute(
        "CREATE OR REPLACE VIEW found AS "
        "SELECT * REPLACE (coalesce(row_index, -1)::BIGINT AS row_index) FROM letters"
    )
    connection.register("expected", dead.table())
    differs = "e.kafka_timestamp IS DISTINCT FROM f.kafka_timestamp"
    check_rows(connection, verdict, "dead_letters", READING_KEY, {"kafka_timestamp": differs})
    check_dates(connection, verdict, "dead_letters", "kafka_timestamp")


def expected_windows(checks, attributes, unjudged):
    columns = [
        ("source", pyarrow.string()),
        ("kafka_topic", pyarrow.string()),
        ("topic_incarnation", pyarrow.int64()),
        ("kafka_partition", pyarrow.int64()),
        ("device_id", pyarrow.string()),
        ("metric", pyarrow.string()),
        ("window_name", pyarrow.string()),
        ("window_start", TIMESTAMP),
        ("revision", pyarrow.int64()),
        ("window_end", TIMESTAMP),
    ]
    columns += [(name, pyarrow.string()) for name in attributes]
    columns += [
        (name, pyarrow.int64() if name == "count" else pyarrow.float64()) for name in AGGREGATES
    ]
    # What an error of the sums is measured against.
    columns += [("mean_scale", pyarrow.float64()), ("sum_scale", pyarrow.float64())]
    rows = ExpectedRows(columns)
    for check in checks:
        for key, (reference, _) in check.partitions.items():
            for firing in reference.firings if key not in unjudged else ():
                largest = max(abs(firing.min), abs(firing.max))
                asked = firing.window.aggregates
                rows.append(
                    [check.source.name, *key, firing.device, firing.metric]
                    + [firing.window.name, firing.start, firing.revision, firing.end]
                    + [firing.attributes.get(name) for name in attributes]
                    + [getattr(firing, name) if name in asked else None for name in AGGREGATES]
                    + [largest, largest * firing.count]
                )
    return rows


def check_windows(connection, verdict, root, checks, sample, sampled_devices, unjudged):
    attributes = sorted({name for check in checks for name in check.source.attributes})
    rows = expected_windows(checks, attributes, unjudged)
    path = root / "tables" / "windows"
    if not Table.exists(path):
        if rows.count:
            verdict.fault(f"windows: {rows.count} rows expected, no such table")
        return
    table = Table(path)
    verdict.faults(table.faults(connection))
    table.create_view(connection, "all_windows")
    connection.register("sampled", pyarrow.table({"device_id": sorted(sampled_devices)}))
    only = " WHERE true" if sample >= 1 else " WHERE device_id IN (SELECT device_id FROM sampled)"
    for topic, incarnation, partition in sorted(unjudged):
        verdict.note(f"windows: {topic}[{partition}] is not judged, its state has a gap")
        only += (
            f" AND NOT (kafka_topic = '{topic}' AND topic_incarnation = {incarnation} "
            f"AND kafka_partition = {partition})"
        )
    connection.execute(f"CREATE OR REPLACE VIEW found AS SELECT * FROM all_windows{only}")
    connection.register("expected", rows.table())
    exact = ["window_end"] + attributes + ["count", "min", "max", "first", "last"]
    compared = {
        column: f"e.{quoted(column)} IS DISTINCT FROM f.{quoted(column)}" for column in exact
    }
    for column, scale in (("sum", "sum_scale"), ("mean", "mean_scale"), ("stddev", "mean_scale")):
        e, f = f"e.{quoted(column)}", f"f.{quoted(column)}"
        compared[column] = (
            f"({e} IS NULL) <> ({f} IS NULL) OR "
            f"NOT (abs({e} - {f}) <= 1e-9 * abs({e}) + 1e-12 * e.{scale} OR {e} = {f})"
        )
    asked = {name for c in checks for window in c.source.windows for name in window.aggregates}
    for column in [name for name in compared if name not in table.columns]:
        del compared[column]
        if column in asked or column not in AGGREGATES:
            verdict.fault(f"windows: no column {column}")
    name = "windows" if sample >= 1 else f"windows ({sample:.1%} of the devices)"
    check_rows(connection, verdict, name, WINDOW_KEY, compared)
    check_dates(connection, verdict, "windows", "window_start")
    late = sum(f.revision > 0 for c in checks for r, _ in c.partitions.values() for f in r.firings)
    open_count = sum(len(r.open_windows()) for c in checks for r, _ in c.partitions.values())
    verdict.note(f"windows: {late} firings are revisions; {open_count} windows are still open")


def check_ledger(verdict, chain, checks, offsets, root):
    """The chain itself, the files of every table, and each partition's offsets."""
    retired = "" if chain.is_whole else ", older ones are retired"
    verdict.note(f"ledger: {chain.entry_count} entries{retired}")
    verdict.faults(chain.faults)
    for name in chain.adds:
        path = root / "tables" / name
        if not Table.exists(path):
            verdict.fault(f"the ledger has files for {name}, but there is no such table")
            continue
        verdict.faults(ledger_chain.check_against_log(chain, Table(path)))
    topics = {topic for check in checks for topic in check.source.topics}
    for (topic, incarnation, partition), position in sorted(chain.positions.items()):
        if topic not in topics:
            verdict.fault(f"the ledger moves {topic}, which the configuration does not name")
        key = (topic, incarnation, partition)
        produced, newest = offsets.get(key, (0, position.to - 1))
        covered = position.to - position.start - position.not_delivered - position.skipped
        if newest >= position.to:
            verdict.fault(f"{topic}[{partition}]: committed to {position.to}, produced to {newest}")
        elif covered != produced:
            verdict.fault(
                f"{topic}[{partition}]: {position.start} … {position.to} without "
                f"{position.not_delivered} not delivered are {covered} records, not {produced}"
            )
    for key in sorted(offsets.keys() - chain.positions.keys()):
        verdict.fault(f"{key} was produced to, but no entry opens it")


def check_gaps(connection, verdict, root, chain):
    """`gaps` must say what the ledger says: what was passed over, and where incarnations ended."""
    path = root / "tables" / "gaps"
    if not chain.is_whole or not Table.exists(path):
        return
    table = Table(path)
    verdict.faults(table.faults(connection))
    table.create_view(connection, "found")
    said = sorted(
        [(*key, *gap) for key, gaps in chain.gaps.items() for gap in gaps]
        + [(*key, to, None, "ended", "operator") for key, to in chain.ends.items()],
        key=str,
    )
    found = connection.execute(
        "SELECT kafka_topic, topic_incarnation, kafka_partition, from_offset, to_offset, "
        "CASE WHEN to_offset IS NULL THEN 'ended' ELSE reason END, decided_by FROM found"
    ).fetchall()
    verdict.note(f"gaps: {len(said)} rows expected, {len(found)} found")
    if sorted(found, key=str) != said:
        verdict.fault("gaps: the table and the ledger differ", [f"table {found}", f"ledger {said}"])


def verify(arguments):
    started = time.monotonic()
    verdict = Verdict()
    root = Path(arguments.root)
    config = json.loads(Path(arguments.config).read_text(encoding="utf-8"))
    chain = None
    if arguments.ledger or arguments.committed_only:
        chain = ledger_chain.read(root)
    decisions = {} if chain is None else chain.decisions
    expectation = Expectation(chain, arguments.committed_only)

    sources = Source.all_of(config)
    sample = arguments.windows_sample or default_sample(root, sources)
    sampled = set()

    def takes_device(device):
        if zlib.crc32(device.encode()) >= sample * 2**32:
            return False
        sampled.add(device)
        return True

    checks = [SourceCheck(source, root, takes_device) for source in sources]
    by_topic = {topic: check for check in checks for topic in check.source.topics}
    dead = ExpectedRows(
        [
            ("kafka_topic", pyarrow.string()),
            ("topic_incarnation", pyarrow.int64()),
            ("kafka_partition", pyarrow.int64()),
            ("kafka_offset", pyarrow.int64()),
            ("row_index", pyarrow.int64()),
            ("kafka_timestamp", TIMESTAMP),
        ]
    )
    offsets = {}
    connection = connect()
    marks = ReplayMarks(connection, verdict, root)
    for key, record in produced_records(arguments.produced):
        topic = key[0]
        if topic not in by_topic or not expectation.takes(key, record.offset):
            continue
        count, newest = offsets.get(key, (0, -1))
        offsets[key] = (count + 1, max(newest, record.offset))
        by_topic[topic].feed(key, record, decisions)
        where = [*key, record.offset]
        if record.is_dead:
            dead.append(where + [-1, record.timestamp])
            by_topic[topic].bring_back(key, record, -1, marks)
        for index, row in enumerate(record.rows):
            if row is None:
                dead.append(where + [index, record.timestamp])
                by_topic[topic].bring_back(key, record, index, marks)
    marks.finish()
    for check in checks:
        check.finish(arguments.open_windows_fired, {} if chain is None else chain.ends)

    verdict.note(f"produced: {sum(count for count, _ in offsets.values())} records")
    for check in checks:
        attempt(verdict, check_readings, connection, verdict, check)
    attempt(verdict, check_dead_letters, connection, verdict, root, dead)
    attempt(
        verdict, check_windows, connection, verdict, root, checks, sample, sampled,
        expectation.unjudged,
    )  # fmt: skip
    if chain is not None:
        check_ledger(verdict, chain, checks, offsets, root)
        attempt(verdict, check_gaps, connection, verdict, root, chain)
    seconds = time.monotonic() - started
    if verdict.fault_count:
        print(f"verify: FAILED, {verdict.fault_count} differences ({seconds:.1f} s)")
        return 1
    print(f"verify: everything holds ({seconds:.1f} s)")
    return 0


def default_sample(root, sources):
    """The share of devices whose windows are recomputed: all, unless there are very many rows."""
    rows = 0
    for source in sources:
        path = root / "tables" / f"readings_{source.name}"
        if Table.exists(path):
            rows += sum(count or 0 for _, _, count in Table(path).files())
    return min(1.0, FULL_WINDOWS_READINGS / max(rows, 1))


def main():
    if sys.argv[1:] == ["--self-test"]:
        import verify_tables_self_test

        verify_tables_self_test.self_test()
        return 0
    parser = argparse.ArgumentParser(description="Compares tables with what was produced.")
    parser.add_argument("--root", required=True, help="the data root")
    parser.add_argument("--produced", required=True, help="produced.jsonl")
    parser.add_argument("--config", required=True, help="the configuration, as JSON")
    parser.add_argument("--ledger", action="store_true", help="check the chain too")
    parser.add_argument(
        "--committed-only",
        action="store_true",
        help="expect only records below what the ledger says is committed",
    )
    parser.add_argument(
        "--open-windows-fired", action="store_true", help="open windows were fired at the end"
    )
    parser.add_argument("--windows-sample", type=float, help="share of devices, above 0 to 1")
    return verify(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
