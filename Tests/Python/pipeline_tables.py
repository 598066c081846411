"""Reads the tables of data roots with pyarrow and a reader of Delta logs of its own.

    pipeline_tables.py rows ROOT                   prints every row, one JSON object a line
    pipeline_tables.py compare ROOT ROOT ...        exits with 1 where a root differs from the first

Rows are sorted, absent values left out, times are microseconds, doubles and floats the hexadecimal
digits of their bits, binary "x" and hexadecimal. Statistics and sizes in the log are checked.
"""

import json
import os
import struct
import sys
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq


def log_files(table_folder):
    """{path: add action} after all commits, in the order of the log."""
    log = os.path.join(table_folder, "_delta_log")
    adds, last_txn = {}, -1
    for name in sorted(os.listdir(log)):
        with open(os.path.join(log, name), encoding="utf-8") as file:
            for line in file:
                action = json.loads(line)
                if "txn" in action:
                    if action["txn"]["version"] <= last_txn:
                        raise ValueError(f"{table_folder}: txn goes back in {name}")
                    last_txn = action["txn"]["version"]
                if "add" in action:
                    path = unquote(action["add"]["path"])
                    if path in adds:
                        raise ValueError(f"{table_folder}: {path} is added twice")
                    adds[path] = action["add"]
    return adds


def words(column):
    """A column's values in the words of the comparison."""
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    values = column.to_pylist()
    if pa.types.is_float64(column.type):
        return [None if v is None else struct.pack(">d", v).hex() for v in values]
    if pa.types.is_float32(column.type):
        return [None if v is None else struct.pack(">f", v).hex() for v in values]
    if pa.types.is_binary(column.type):
        return [None if v is None else "x" + v.hex() for v in values]
    return values


def file_rows(table_folder, path, add):
    full = os.path.join(table_folder, path)
    if os.path.getsize(full) != add["size"]:
        raise ValueError(f"{path}: the log says {add['size']} bytes")
    table = pq.ParquetFile(full).read()
    statistics = json.loads(add["stats"])
    if statistics["numRecords"] != table.num_rows:
        raise ValueError(f"{path}: the log says {statistics['numRecords']} rows")
    columns = {name: words(table[name]) for name in table.column_names}
    for name, count in statistics["nullCount"].items():
        if count != columns[name].count(None):
            raise ValueError(f"{path}: the log says {count} nulls of {name}")
    date = add["partitionValues"].get("event_date")
    rows = []
    for index in range(table.num_rows):
        row = {name: column[index] for name, column in columns.items() if column[index] is not None}
        row["event_date"] = date
        rows.append(row)
    check_order(path, rows)
    return rows


def check_order(path, rows):
    """Rows of a file are sorted by device, and by time within a device and partition."""
    last = {}
    for before, after in zip(rows, rows[1:]):
        if before.get("device_id", "").encode() > after.get("device_id", "").encode():
            raise ValueError(f"{path}: devices are not in order")
    for row in rows:
        moment = row.get("event_time", row.get("window_start"))
        if moment is None:
            continue
        place = (row.get("device_id", ""), row["kafka_topic"], row["kafka_partition"])
        if moment < last.get(place, moment):
            raise ValueError(f"{path}: rows of {place} are not in order of time")
        last[place] = moment


def tables(root):
    """{table: sorted rows as canonical JSON}."""
    folder = os.path.join(root, "tables")
    found = {}
    for table in sorted(os.listdir(folder)):
        table_folder = os.path.join(folder, table)
        rows = []
        for path, add in log_files(table_folder).items():
            rows += file_rows(table_folder, path, add)
        found[table] = sorted(json.dumps(row, sort_keys=True) for row in rows)
    return found


def compare(roots):
    expected = tables(roots[0])
    print({table: len(rows) for table, rows in expected.items()})
    faults = 0
    for root in roots[1:]:
        found = tables(root)
        for table in sorted(set(expected) | set(found)):
            left, right = expected.get(table, []), found.get(table, [])
            if left == right:
                continue
            faults += 1
            missing, extra = list(left), []
            for row in right:
                if row in missing:
                    missing.remove(row)
                else:
                    extra.append(row)
            print(f"{root}: {table} has {len(right)} rows, not {len(left)}")
            for row in missing[:3]:
                print(f"  missing {row}")
            for row in extra[:3]:
                print(f"  extra   {row}")
    return 1 if faults else 0


def main():
    mode, arguments = sys.argv[1], sys.argv[2:]
    if mode == "compare":
        sys.exit(compare(arguments))
    for table, rows in tables(arguments[0]).items():
        for row in rows:
            print(json.dumps({"table": table, **json.loads(row)}, sort_keys=True))


main()
