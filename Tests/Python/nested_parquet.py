"""Nested Parquet files between us and other programs.

    nested_parquet.py read FOLDER     every NAME.parquet of ours has a NAME.jsonl beside it
    nested_parquet.py write FOLDER    writes NAME.parquet with many writers, and NAME.parquet.jsonl

A line of JSON is a row: booleans and integers as such, floats the decimal number of their bits as
text, strings as text, binary in hexadecimal, times as integers; groups as objects, lists as
arrays, maps as arrays of pairs. Prints every difference and exits with 1.
"""

import datetime
import json
import os
import random
import struct
import sys

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
faults = []


def canonical(value, type_):
    """A Python value of pyarrow as the JSON lines have it."""
    if value is None:
        return None
    if pa.types.is_struct(type_):
        return {field.name: canonical(value[field.name], field.type) for field in type_}
    if pa.types.is_map(type_):
        return [
            [canonical(key, type_.key_type), canonical(item, type_.item_type)]
            for key, item in (value.items() if isinstance(value, dict) else value)
        ]
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return [canonical(item, type_.value_type) for item in value]
    if pa.types.is_float32(type_):
        return str(struct.unpack("<I", struct.pack("<f", value))[0])
    if pa.types.is_float64(type_):
        return str(struct.unpack("<Q", struct.pack("<d", value))[0])
    if pa.types.is_binary(type_):
        return value.hex()
    if pa.types.is_timestamp(type_):
        return (value - EPOCH) // datetime.timedelta(microseconds=1)
    if pa.types.is_date32(type_):
        return (value - EPOCH.date()).days
    return value


def lines(table):
    names = table.column_names
    columns = [table.column(name) for name in names]
    rows = zip(*(column.to_pylist() for column in columns))
    return [
        {name: canonical(value, column.type) for name, column, value in zip(names, columns, row)}
        for row in rows
    ]


def read(folder):
    count = 0
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".parquet"):
            continue
        path = os.path.join(folder, name)
        with open(path[: -len(".parquet")] + ".jsonl") as file:
            expected = [json.loads(line) for line in file]
        found = lines(pq.read_table(path))
        if found != expected:
            faults.append(f"{name}: pyarrow reads other rows")
        # How many rows, lists and elements others count.
        for reader in (read_polars, read_duckdb):
            problem = reader(path, expected)
            if problem:
                faults.append(f"{name}: {reader.__name__}: {problem}")
        count += 1
    if count == 0:
        faults.append("no files")


def shape_of_expected(value):
    if isinstance(value, dict):
        return [shape_of_expected(item) for item in value.values()]
    if isinstance(value, list):
        return [shape_of_expected(item) for item in value]
    return value is None


def read_polars(path, expected):
    frame = polars.read_parquet(path)
    # It has no maps of its own; rows and the absent ones of each column are what can be compared.
    if frame.height != len(expected):
        return f"{frame.height} rows, not {len(expected)}"
    for name in frame.columns:
        absent = sum(1 for row in expected if row[name] is None)
        if frame[name].null_count() != absent:
            return f"{frame[name].null_count()} rows without {name}, not {absent}"
    return None


def duck_shape(value, type_):
    if value is None:
        return True
    if pa.types.is_map(type_):
        return [
            [duck_shape(key, type_.key_type), duck_shape(item, type_.item_type)]
            for key, item in (value.items() if isinstance(value, dict) else value)
        ]
    if pa.types.is_list(type_):
        return [duck_shape(item, type_.value_type) for item in value]
    if pa.types.is_struct(type_):
        return [duck_shape(value[field.name], field.type) for field in type_]
    return False


def read_duckdb(path, expected):
    table = duckdb.sql(f"select * from read_parquet('{path}')").to_arrow_table()
    rows = table.to_pylist()
    if len(rows) != len(expected):
        return f"{len(rows)} rows, not {len(expected)}"
    for row, wanted in zip(rows, expected):
        found = [duck_shape(row[field.name], field.type) for field in table.schema]
        if found != shape_of_expected(wanted):
            return f"{row} is not {wanted}"
    return None


def checkpoint_like(count, seed):
    """What a log checkpoint looks like, and columns of every type beside it."""
    rng = random.Random(seed)

    def maybe(value, share=0.2):
        return None if rng.random() < share else value

    add = pa.struct(
        [
            pa.field("path", pa.string()),
            pa.field("partitionValues", pa.map_(pa.string(), pa.string())),
            pa.field("size", pa.int64()),
            pa.field("dataChange", pa.bool_()),
            pa.field("stats", pa.string()),
        ]
    )
    protocol = pa.struct(
        [
            pa.field("minReaderVersion", pa.int32()),
            pa.field("readerFeatures", pa.list_(pa.string())),
        ]
    )
    deep = pa.list_(pa.struct([pa.field("a", pa.list_(pa.int32())), pa.field("b", pa.float64())]))
    schema = pa.schema(
        [
            pa.field("row", pa.int64(), nullable=False),
            pa.field("add", add),
            pa.field("protocol", protocol),
            pa.field("deep", deep),
            pa.field("flag", pa.bool_()),
            pa.field("number", pa.float32()),
            pa.field("time", pa.timestamp("us", tz="UTC")),
            pa.field("day", pa.date32()),
            pa.field("bytes", pa.binary()),
            pa.field("text", pa.string()),
            pa.field("nothing", pa.string()),
            pa.field("ordered", pa.int64()),
        ]
    )
    rows = []
    for row in range(count):
        rows.append(
            {
                "row": row,
                "add": maybe(
                    {
                        "path": f"event_date=2026-01-{row % 28 + 1:02}/part-{row:05}.parquet",
                        "partitionValues": maybe(
                            [(f"k{n}", maybe("v" * n)) for n in range(rng.randrange(3))]
                        ),
                        "size": rng.randrange(1 << 40),
                        "dataChange": rng.random() < 0.5,
                        "stats": maybe('{"numRecords":%d}' % row),
                    }
                ),
                "protocol": maybe(
                    {
                        "minReaderVersion": rng.randrange(3),
                        "readerFeatures": maybe(
                            [maybe(f"feature{n}") for n in range(rng.randrange(4))]
                        ),
                    },
                    0.5,
                ),
                "deep": maybe(
                    [
                        maybe(
                            {
                                "a": maybe([maybe(n) for n in range(rng.randrange(3))]),
                                "b": maybe(rng.random()),
                            }
                        )
                        for _ in range(rng.randrange(4))
                    ]
                ),
                "flag": maybe(rng.random() < 0.5),
                "number": maybe(struct.unpack("<f", struct.pack("<f", rng.random()))[0]),
                "time": maybe(EPOCH + datetime.timedelta(microseconds=rng.randrange(1 << 50))),
                "day": maybe(EPOCH.date() + datetime.timedelta(days=rng.randrange(30000))),
                "bytes": maybe(rng.randbytes(rng.randrange(6))),
                "text": maybe(rng.choice(["a", "bb", "", "straße"])),
                "nothing": None,
                "ordered": 1_000_000 + row * 1000 + rng.randrange(9),
            }
        )
    return pa.Table.from_pylist(rows, schema=schema)


def write_one(folder, name, table, writer):
    path = os.path.join(folder, name + ".parquet")
    writer(path)
    with open(path + ".jsonl", "w") as file:
        for line in lines(table):
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def write(folder):
    table = checkpoint_like(700, 1)
    flat = table.select(
        ["row", "flag", "number", "time", "day", "bytes", "text", "nothing", "ordered"]
    )
    empty = table.slice(0, 0)
    for version in ("1.0", "2.0"):
        for codec in ("none", "snappy", "zstd", "lz4"):
            for dictionary in (True, False):
                name = f"pyarrow-{version}-{codec}-{'dictionary' if dictionary else 'plain'}"
                write_one(
                    folder,
                    name,
                    table,
                    lambda path: pq.write_table(
                        table,
                        path,
                        data_page_version=version,
                        compression=codec,
                        use_dictionary=dictionary,
                        data_page_size=512,
                        row_group_size=300,
                        write_page_checksum=True,
                    ),
                )
        encodings = {
            "row": "DELTA_BINARY_PACKED",
            "ordered": "DELTA_BINARY_PACKED",
            "day": "DELTA_BINARY_PACKED",
            "text": "DELTA_BYTE_ARRAY",
            "bytes": "DELTA_LENGTH_BYTE_ARRAY",
            "number": "BYTE_STREAM_SPLIT",
            "time": "BYTE_STREAM_SPLIT",
            "flag": "RLE",
        }
        write_one(
            folder,
            f"pyarrow-{version}-encodings",
            flat,
            lambda path: pq.write_table(
                flat,
                path,
                data_page_version=version,
                use_dictionary=False,
                column_encoding=encodings,
                data_page_size=300,
            ),
        )
    write_one(
        folder,
        "pyarrow-items",
        table,
        lambda path: pq.write_table(table, path, use_compliant_nested_type=False),
    )
    write_one(
        folder,
        "pyarrow-no-statistics",
        table,
        lambda path: pq.write_table(table, path, write_statistics=False),
    )
    write_one(folder, "pyarrow-empty", empty, lambda path: pq.write_table(empty, path))
    # A dictionary that is given up midway.
    write_one(
        folder,
        "pyarrow-dictionary-cut",
        table,
        lambda path: pq.write_table(table, path, dictionary_pagesize_limit=256, data_page_size=300),
    )
    write_one(
        folder,
        "polars",
        flat,
        lambda path: polars.from_arrow(flat).write_parquet(path, compression="snappy"),
    )
    for codec in ("snappy", "zstd", "uncompressed"):
        for version in ("V1", "V2"):
            write_one(
                folder,
                f"duckdb-{codec}-{version}",
                table,
                lambda path: write_duckdb(path, table, codec, version),
            )


def write_duckdb(path, table, codec, version):
    connection = duckdb.connect()
    connection.register("rows_of_table", table)
    connection.sql(
        f"copy (select * from rows_of_table order by row) to '{path}' "
        f"(format parquet, codec '{codec}', parquet_version '{version}')"
    )


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("read", "write"):
        sys.exit(__doc__)
    (read if sys.argv[1] == "read" else write)(sys.argv[2])
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)
