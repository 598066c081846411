"""Columns of text, enums, bytes, times and booleans of a wide source, from the wire to the reader.

    wide_columns.py make FOLDER          writes a descriptor set, records and what must come of them
    wide_columns.py check FOLDER ROOT    reads the tables with pyarrow, DuckDB and deltalake

Records are encoded by Protobuf for Python. Every chunk of them is a data file, most with values of
a range of its own, so that filters can skip files; the last has what is odd. Every reader must give
the same values, and the same rows for every filter as a look at all of them would. Exit codes: 0
all is well, 1 a finding, said on standard output.
"""

import datetime
import json
import struct
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

from delta_tables import Table, connect
from deltalake import QueryBuilder

START_MS = 1_790_000_400_000  # 2026-09-21T13:20:00Z
TABLE = "readings_reports"
MIB = 1 << 20
MODES = ["OFF", "SUN", "SAFE"]
CHUNKS, CHUNK_ROWS = 6, 40
FAR = 253_402_300_799  # 9999-12-31T23:59:59Z
NULL = None


# ---- the messages ------------------------------------------------------------------------------


def descriptor_set():
    file = descriptor_pb2.FileDescriptorProto(
        name="reports.proto", package="fleet", syntax="proto3",
        dependency=["google/protobuf/timestamp.proto"],
    )  # fmt: skip
    mode = file.enum_type.add(name="Mode")
    for number, name in enumerate(MODES):
        mode.value.add(name=name, number=number)
    message = file.message_type.add(name="Report")
    kinds = descriptor_pb2.FieldDescriptorProto
    fields = [
        ("id", kinds.TYPE_STRING, ""), ("at_ms", kinds.TYPE_INT64, ""),
        ("note", kinds.TYPE_STRING, ""), ("raw", kinds.TYPE_BYTES, ""),
        ("mode", kinds.TYPE_ENUM, ".fleet.Mode"),
        ("fixed_at", kinds.TYPE_MESSAGE, ".google.protobuf.Timestamp"),
        ("ok", kinds.TYPE_BOOL, ""), ("level", kinds.TYPE_DOUBLE, ""),
    ]  # fmt: skip
    for number, (name, kind, of) in enumerate(fields, 1):
        field = message.field.add(
            name=name, number=number, type=kind, label=kinds.LABEL_OPTIONAL, type_name=of or None
        )
        if kind != kinds.TYPE_MESSAGE:  # `optional`: what is absent is known to be
            field.proto3_optional = True
            field.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{name}")
    stamp = descriptor_pb2.FileDescriptorProto()
    timestamp_pb2.DESCRIPTOR.CopyToProto(stamp)
    return descriptor_pb2.FileDescriptorSet(file=[stamp, file])


def message_class(files):
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("fleet.Report"))


def varint(number):
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes(parts + bytes([number]))


def wire(field, payload):
    return varint(field << 3 | 2) + varint(len(payload)) + payload


# ---- the rows ----------------------------------------------------------------------------------


def regular_rows():
    """Chunks whose values lie apart: (values, nothing besides, no letter)."""
    for chunk in range(CHUNKS):
        for index in range(CHUNK_ROWS):
            row = {
                "note": f"{'kmosuw'[chunk]}-{index:03}-äöü",
                "raw": bytes([chunk * 10, index, 255]),
                "mode": MODES[chunk % 3],
                "fixed_at": (1_000_000_000 + chunk * 10_000_000 + index * 1000, index * 1_000_001),
                "ok": chunk % 2 == 0,
                "level": chunk * 100.0 + index,
            }
            yield {k: v for n, (k, v) in enumerate(row.items()) if (index + n) % 7 != 0}, b"", []


def odd_rows():
    """(values that the message has, bytes behind it, reasons of dead letters)."""
    long = "long " * (MIB // 5) + "x"
    assert len(long) == MIB
    notes = [
        "", "\x01", "plain", 'quo"te\\ \n\t', "e\u0301 is not é", "\U0001f6f0" * 40, "z" * 200,
        "\U0010ffff" * 7 + "\ud7ff" * 20, "ÿÿÿ", "\x7f" * 64, long,
    ]  # fmt: skip
    for note in notes:
        yield {"note": note}, b"", []
    for reason, note in [
        ("nul_in_string", b"a\x00b"), ("nul_in_string", b"\x00"), ("invalid_utf8", b"\xff"),
        ("invalid_utf8", b"ok until \xc3"), ("invalid_utf8", b"\xed\xa0\x80"),
        ("invalid_utf8", b"\xf4\x90\x80\x80"), ("string_too_long", b"y" * (MIB + 1)),
    ]:  # fmt: skip
        # The rest of the record is kept, whatever comes first.
        yield {"ok": True, "mode": "SUN"}, wire(3, note), [reason]
    for raw in [b"", b"\xff", b"\xff" * 64, b"\x00" * 3, bytes(range(256)), b"\xfe" * MIB]:
        yield {"raw": raw}, b"", []
    yield {"level": 1.0}, wire(4, b"\xff" * (MIB + 1)), ["string_too_long"]
    # Seconds and nanoseconds, years of more than four digits among them. A microsecond more than
    # the largest is DuckDB's infinity.
    for seconds, nanos in [
        (0, 0), (-1, 999_999_999), (-62_135_596_800, 0), (FAR, 999_999_999), (FAR, 999_999_000),
        (2**31, 1), (FAR + 1, 0), (2**40, 5_000), (-2**40, 0), (9_223_372_036_854, 775_806_999),
        (-9_223_372_036_854, 0),
    ]:  # fmt: skip
        yield {"fixed_at": (seconds, nanos)}, b"", []
    # More than 64 bits of microseconds: null and flagged.
    for seconds in (9_223_372_036_855, -9_223_372_036_856, 2**63 - 1, -(2**63)):
        yield {"fixed_at": (seconds, 0), "note": "beyond"}, b"", []
    yield {"ok": False}, b"", []
    yield {"ok": True}, b"", []
    yield {"mode": "42"}, wire_enum(42), []
    yield {"mode": "-1"}, wire_enum(2**64 - 1), []
    yield {}, b"", []


def wire_enum(number):
    return varint(5 << 3) + varint(number)


def micros(seconds, nanos):
    """Rounded down; nil where 64 bits do not hold it."""
    value = seconds * 1_000_000 + nanos // 1000
    return value if -(2**63) <= value < 2**63 else NULL


def make(folder):
    folder.mkdir(parents=True, exist_ok=True)
    files = descriptor_set()
    report = message_class(files)
    (folder / "set.binpb").write_bytes(files.SerializeToString())
    chunks = [list(regular_rows())[i * CHUNK_ROWS :][:CHUNK_ROWS] for i in range(CHUNKS)]
    chunks += [list(odd_rows()), [({"note": "\U0010ffff" * 50}, b"", []), ({}, b"", [])]]
    records, expected, letters, offset = bytearray(), [], [], 0
    for chunk in chunks:
        for values, tail, reasons in chunk:
            message = report(id=f"dev-{offset % 5}", at_ms=START_MS + offset * 1000)
            for name, value in values.items():
                if name == "fixed_at":
                    message.fixed_at.seconds, message.fixed_at.nanos = value
                elif name != "mode" or value in MODES:
                    setattr(message, name, MODES.index(value) if name == "mode" else value)
            payload = message.SerializeToString() + tail
            records += struct.pack("<I", len(payload)) + payload
            row = {name: values.get(name) for name in ("note", "raw", "mode", "ok", "level")}
            row["raw"] = None if row["raw"] is None else row["raw"].hex()
            row["fixed_at"] = micros(*values["fixed_at"]) if "fixed_at" in values else NULL
            row["flags"] = 8 if "fixed_at" in values and row["fixed_at"] is NULL else 0
            expected.append(row)
            letters += [[offset, reason] for reason in reasons]
            offset += 1
    (folder / "records.bin").write_bytes(records)
    facts = {"chunks": [len(chunk) for chunk in chunks], "rows": expected, "letters": letters}
    (folder / "facts.json").write_text(json.dumps(facts))


# ---- reading back ------------------------------------------------------------------------------


class Found(Exception):
    pass


def agree(what, found, expected):
    if found == expected:
        return
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in sorted(set(found) | set(expected)):
            agree(f"{what} of {key}", found.get(key), expected.get(key))
    raise Found(f"{what}: {str(found)[:300]}, due is {str(expected)[:300]}")


COLUMNS = ["note", "raw", "mode", "fixed_at", "ok", "level", "flags"]
TYPES = {
    "note": pa.string(), "raw": pa.binary(), "mode": pa.string(), "ok": pa.bool_(),
    "fixed_at": pa.timestamp("us", tz="UTC"), "level": pa.float64(),
}  # fmt: skip


def by_offset(table):
    """{offset: values} of an Arrow table, times as microseconds, bytes in hexadecimal."""
    columns = {"kafka_offset": table["kafka_offset"].to_pylist()}
    for name in COLUMNS:
        column = table[name]
        if pa.types.is_timestamp(column.type):
            column = pc.cast(column, pa.int64())
        values = column.to_pylist()
        columns[name] = [v.hex() if isinstance(v, bytes) else v for v in values]
    offsets = columns.pop("kafka_offset")
    if len(set(offsets)) != len(offsets):
        raise Found("an offset is there twice")
    return {
        offset: {name: columns[name][index] for name in COLUMNS}
        for index, offset in enumerate(offsets)
    }


def check_values(table, connection, expected):
    for path, _, _ in table.files():
        schema = pq.read_schema(table.path / path)
        found = {name: schema.field(name).type for name in TYPES}
        agree(f"types in {path}", found, TYPES)
    parts = [pq.ParquetFile(table.path / path).read() for path, _, _ in table.files()]
    agree("pyarrow", by_offset(pa.concat_tables(parts)), expected)
    agree("deltalake", by_offset(table.delta.to_pyarrow_table()), expected)
    times = "CASE WHEN fixed_at IS NULL THEN NULL ELSE epoch_us(fixed_at) END"
    names = ", ".join(times if name == "fixed_at" else name for name in COLUMNS)
    scan = f"delta_scan('{table.path}')"
    rows = connection.execute(f"SELECT kafka_offset, {names} FROM {scan}").fetchall()
    found = {
        row[0]: {
            name: value.hex() if isinstance(value, bytes) else value
            for name, value in zip(COLUMNS, row[1:])
        }
        for row in rows
    }
    agree("DuckDB", found, expected)
    kinds = connection.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()
    agree(
        "DuckDB's types",
        {row[0]: row[1] for row in kinds if row[0] in TYPES},
        {
            "note": "VARCHAR", "raw": "BLOB", "mode": "VARCHAR", "ok": "BOOLEAN",
            "fixed_at": "TIMESTAMP WITH TIME ZONE", "level": "DOUBLE",
        },
    )  # fmt: skip


def moment(micros_since_1970):
    return datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(
        microseconds=micros_since_1970
    )


def filters(expected):
    """(column, operator, value): values of every chunk, of what is odd, and between all of them."""
    chosen = {
        "note": {"k-003-äöü", "w-039-äöü", "", "\x01", "plain", "ÿÿÿ", "\x7f" * 64, "z", "~~~"},
        "mode": {"OFF", "SUN", "SAFE", "42", "-1", "never"},
        "ok": {True, False},
        "raw": {b"", b"\xff", b"\xff" * 64, b"\x00", bytes([20, 5, 255])},
        "fixed_at": {0, -1, 2**31 * 1_000_000, 1_020_005_000_005_000, FAR * 1_000_000 + 999_999},
        "level": {205.0, 0.0, 1e300},
    }
    # Long ones, the odd plane of Unicode among them; not a literal of a megabyte.
    notes = [row["note"] or "" for row in expected.values()]
    chosen["note"] |= {note for note in notes if 30 < len(note) < 999}
    for column, values in chosen.items():
        for value in sorted(values):
            for operator in ["=", "<", ">="] if column != "ok" else ["="]:
                yield column, operator, value
        yield column, "is null", NULL


def matching(expected, column, operator, value):
    def key(found):
        if isinstance(found, str):
            return bytes.fromhex(found) if column == "raw" else found.encode()
        return found

    value = value.encode() if isinstance(value, str) else value
    offsets = set()
    for offset, row in expected.items():
        found = key(row[column])
        if operator == "is null":
            hit = found is None
        elif found is None:
            hit = False
        else:
            hit = {"=": found == value, "<": found < value, ">=": found >= value}[operator]
        if hit:
            offsets.add(offset)
    return offsets


def literal_text(column, operator, value):
    """The rest of a condition in DataFusion's SQL."""
    if operator == "is null":
        return "IS NULL"
    if column == "raw":
        return f"{operator} X'{value.hex()}'" if value else f"{operator} CAST('' AS BYTEA)"
    if column == "fixed_at":
        return f"{operator} arrow_cast({value}, 'Timestamp(Microsecond, Some(\"UTC\"))')"
    if isinstance(value, str):
        return f"{operator} '{value}'"
    return f"{operator} {str(value).lower()}"


def query(builder, condition):
    table = pa.table(builder.execute(f"SELECT kafka_offset FROM reports WHERE {condition}"))
    return table["kafka_offset"].to_pylist()


def unbounded(table, column):
    """Offsets of the files that have values of the column and no bounds: years of more than four
    digits, texts that cannot be cut, bytes."""
    offsets = set()
    for add in table.adds:
        if add.get(f"min.{column}") is None and add[f"null_count.{column}"] < add["num_records"]:
            offsets |= set(range(add["min.kafka_offset"], add["max.kafka_offset"] + 1))
    return offsets


def check_filters(table, connection, expected):
    """Whatever an engine skips, it gives the rows that match; and it does skip."""
    dataset = table.delta.to_pyarrow_dataset()
    fragment_count = len(list(dataset.get_fragments()))
    builder = QueryBuilder().register("reports", table.delta)
    skipped = set()
    for column, operator, value in filters(expected):
        due = matching(expected, column, operator, value)
        name = f"{column} {operator} {str(value)[:40]!r}"
        scan = f"SELECT kafka_offset FROM delta_scan('{table.path}') WHERE {column}"
        typed = moment(value) if column == "fixed_at" and value is not None else value
        if operator == "is null":
            rows = connection.execute(f"{scan} IS NULL").fetchall()
            condition = pc.field(column).is_null()
        else:
            rows = connection.execute(f"{scan} {operator} ?", [typed]).fetchall()
            literal = pa.scalar(typed, TYPES[column])
            field = pc.field(column)
            condition = {
                "=": field == literal, "<": field < literal, ">=": field >= literal,
            }[operator]  # fmt: skip
        agree(f"DuckDB, {name}", sorted(row[0] for row in rows), sorted(due))
        found = query(builder, f"{column} {literal_text(column, operator, value)}")
        agree(f"deltalake's DataFusion, {name}", sorted(found), sorted(due))
        # deltalake (1.6.6) takes a file without bounds to match nothing.
        table_found = dataset.to_table(filter=condition, columns=["kafka_offset"])
        found = set(table_found["kafka_offset"].to_pylist())
        agree(f"deltalake, {name}", sorted(found - due), [])
        agree(f"deltalake, {name}", sorted(due - found - unbounded(table, column)), [])
        if len(list(dataset.get_fragments(filter=condition))) < fragment_count:
            skipped.add(column)
    # By others too, where it passes over files without bounds.
    missed = {"note", "mode", "ok", "level"} - skipped
    agree("columns by which deltalake skips no file", missed, set())


def check_skipping(table, connection):
    """DuckDB reads one file of seven where the statistics of the others say no."""
    plan = connection.execute(
        f"EXPLAIN ANALYZE SELECT * FROM delta_scan('{table.path}') WHERE level = 205.0"
    ).fetchall()
    text = " ".join(str(part) for row in plan for part in row)
    if f"1/{len(table.adds)}" not in text:
        raise Found(f"DuckDB skips no file by a number: {text[-1500:]}")


def check_letters(root, connection, expected):
    path = f"{root}/tables/dead_letters"
    rows = connection.execute(
        f"SELECT kafka_offset, reason, stage, row_index, octet_length(payload) > 0 "
        f"FROM delta_scan('{path}') ORDER BY 1"
    ).fetchall()
    due = [[*letter, "salvage", 0, True] for letter in expected]
    agree("letters", [list(row) for row in rows], due)


def check(folder, root):
    facts = json.loads((folder / "facts.json").read_text())
    expected = dict(enumerate(facts["rows"]))
    connection = connect()
    table = Table(root / "tables" / TABLE)
    agree("files", len(table.adds), len(facts["chunks"]))
    faults = table.faults(connection)
    if faults:
        raise Found("; ".join(faults))
    check_values(table, connection, expected)
    check_filters(table, connection, expected)
    check_skipping(table, connection)
    check_letters(root, connection, facts["letters"])


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "make":
        make(Path(arguments[1]))
    elif len(arguments) == 3 and arguments[0] == "check":
        try:
            check(Path(arguments[1]), Path(arguments[2]))
        except Found as found:
            print(found)
            return 1
    else:
        print(__doc__)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
