"""Looks at page indexes and bloom filters of our files with other readers.

    page_index.py FOLDER

Every NAME.parquet has 60 devices, device-1000 … device-1059, in 3 row groups of 20, 40 rows each:
every tenth without a value, times 0 … 39 s. Prints every difference and exits with 1.
"""

import os
import sys

import duckdb
import polars
import pyarrow.dataset as ds
import pyarrow.parquet as pq

faults = []


def check(condition, sentence):
    if not condition:
        faults.append(sentence)


def check_file(path):
    metadata = pq.ParquetFile(path).metadata
    check(metadata.num_row_groups == 3, "row groups")
    for group in range(3):
        for column in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(column)
            check(chunk.has_column_index, f"{chunk.path_in_schema} has no column index")
            check(chunk.has_offset_index, f"{chunk.path_in_schema} has no offset index")
    for group in range(3):
        for device in (1000, 1019, 1020, 1037, 1059):
            name = f"device-{device}"
            row = duckdb.sql(
                f"select bloom_filter_excludes from parquet_bloom_probe('{path}', 'device_id', "
                f"'{name}') where row_group_id = {group}"
            ).fetchone()
            is_there = (device - 1000) // 20 == group
            check(row is not None, f"no bloom filter in row group {group}")
            # A filter may say yes of another's device, but hardly of every one.
            if row is not None and is_there:
                check(not row[0], f"the filter of row group {group} excludes {name}, which is there")
    excluded = duckdb.sql(
        f"select count(*) from parquet_bloom_probe('{path}', 'device_id', 'device-1010') "
        "where bloom_filter_excludes"
    ).fetchone()[0]
    check(excluded >= 1, "the filters exclude nothing")
    for device in range(995, 1065):
        name = f"device-{device}"
        wanted = 40 if 1000 <= device < 1060 else 0
        for reader, count in (
            ("duckdb", duckdb.sql(
                f"select count(*) from '{path}' where device_id = '{name}'").fetchone()[0]),
            ("pyarrow", ds.dataset(path).count_rows(filter=ds.field("device_id") == name)),
            ("polars", polars.scan_parquet(path).filter(polars.col("device_id") == name)
                .select(polars.len()).collect().item()),
        ):
            check(count == wanted, f"{reader}: {count} rows of {name}, not {wanted}")
    found = duckdb.sql(
        f"select count(*), count(value) from '{path}' "
        "where time >= timestamptz '1970-01-01 00:00:30Z'"
    ).fetchone()
    check(found == (600, 540), f"duckdb: {found} rows of the last ten seconds")


if __name__ == "__main__":
    folder = sys.argv[1]
    for name in sorted(os.listdir(folder)):
        before = len(faults)
        check_file(os.path.join(folder, name))
        faults[before:] = [f"{name}: {fault}" for fault in faults[before:]]
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)
