"""Reads Parquet files that tests wrote with pyarrow, DuckDB, Polars and DataFusion.

    read_parquet.py FOLDER

Every NAME.parquet in FOLDER has a NAME.expected beside it, lines of words:

    codec SNAPPY                                  of every column chunk
    row_groups 3 2 5                              rows of each
    column NAME TYPE value value ...              all rows; "-" is null; one column is named row
    encodings NAME PLAIN RLE ...                  optional: of that column, in every row group

Booleans are 0 or 1; integers, dates and times decimal; floats the decimal number of their bits;
strings and binary "x" and their bytes in hexadecimal. Prints every difference and exits with 1.
"""

import math
import os
import struct
import sys

import deltalake
import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq

faults = []
ARROW_TYPES = {
    "boolean": pa.bool_(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "binary": pa.binary(),
    "timestampMicros": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
}


def read_expected(path):
    expected = {"columns": {}, "types": {}, "encodings": {}, "row_groups": []}
    with open(path) as file:
        for line in file:
            words = line.split()
            if words[0] == "codec":
                expected["codec"] = words[1]
            elif words[0] == "row_groups":
                expected["row_groups"] = [int(word) for word in words[1:]]
            elif words[0] == "column":
                expected["columns"][words[1]] = words[3:]
                expected["types"][words[1]] = words[2]
            elif words[0] == "encodings":
                expected["encodings"][words[1]] = set(words[2:])
    return expected


def as_words(column, type_name):
    """A pyarrow column in the words of the expected file."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if type_name == "timestampMicros":
        column = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    elif type_name == "date":
        column = column.cast(pa.date32()).cast(pa.int32())
    elif type_name == "string":
        column = column.cast(pa.large_string()).cast(pa.large_binary())
    elif type_name == "binary":
        column = column.cast(pa.large_binary())
    values = column.to_pylist()
    convert = {
        "boolean": lambda value: str(int(value)),
        "float": lambda value: str(struct.unpack("<I", struct.pack("<f", value))[0]),
        "double": lambda value: str(struct.unpack("<Q", struct.pack("<d", value))[0]),
        "string": lambda value: "x" + value.hex(),
        "binary": lambda value: "x" + value.hex(),
    }.get(type_name, str)
    return ["-" if value is None else convert(value) for value in values]


def canonical(words, type_name):
    """NaNs lose their payload on the way through Python: all of them become one word."""
    if type_name not in ("float", "double"):
        return words
    code, bits = ("<f", "<I") if type_name == "float" else ("<d", "<Q")
    nan = lambda word: word != "-" and math.isnan(struct.unpack(code, struct.pack(bits, int(word)))[0])
    return ["nan" if nan(word) else word for word in words]


def compare(name, reader, table, expected):
    for column, words in expected["columns"].items():
        type_name = expected["types"][column]
        found = canonical(as_words(table[column], type_name), type_name)
        wanted = canonical(words, type_name)
        if found != wanted:
            row = next(
                (i for i, pair in enumerate(zip(found, wanted)) if pair[0] != pair[1]),
                min(len(found), len(wanted)))
            faults.append(
                f"{name}: {reader} reads {len(found)} rows of {column}, expected {len(wanted)}; "
                f"row {row} is {found[row:row + 1]}, expected {wanted[row:row + 1]}")


def arrow_table(result):
    """DuckDB hands out a reader or a table, by version."""
    return result.read_all() if hasattr(result, "read_all") else result


def plain_value(word, type_name):
    """A value in the order of its column's statistics."""
    if type_name == "float":
        return struct.unpack("<f", struct.pack("<I", int(word)))[0]
    if type_name == "double":
        return struct.unpack("<d", struct.pack("<Q", int(word)))[0]
    if type_name in ("string", "binary"):
        return bytes.fromhex(word[1:])
    return int(word)


def statistics_value(value, type_name):
    if type_name == "string":
        return value.encode() if isinstance(value, str) else value
    if type_name == "timestampMicros":
        return pa.scalar(value, pa.timestamp("us", tz="UTC")).cast(pa.int64()).as_py()
    if type_name == "date":
        return pa.scalar(value, pa.date32()).cast(pa.int32()).as_py()
    return value


def check_statistics(name, chunk, words, type_name):
    where = f"{name}: statistics of {chunk.path_in_schema}"
    statistics = chunk.statistics
    if not chunk.is_stats_set or not statistics.has_null_count:
        faults.append(f"{where} are missing")
        return
    if statistics.null_count != words.count("-"):
        faults.append(f"{where} count {statistics.null_count} nulls, not {words.count('-')}")
    values = [plain_value(word, type_name) for word in words if word != "-"]
    if type_name in ("float", "double"):
        # Readers that order NaN above every number would skip it (see check_nan).
        if not all(math.isfinite(value) for value in values):
            values = []
    if statistics.has_min_max != bool(values):
        faults.append(f"{where} have bounds: {statistics.has_min_max}, values: {len(values)}")
    if not statistics.has_min_max or not values:
        return
    low = statistics_value(statistics.min, type_name)
    high = statistics_value(statistics.max, type_name)
    exact = low == min(values) and high == max(values)
    is_cut = type_name in ("string", "binary") and max(map(len, values)) > 64
    if not exact and not (is_cut and low <= min(values) and max(values) <= high):
        faults.append(f"{where} are {low!r} … {high!r}, not {min(values)!r} … {max(values)!r}")
    if type_name in ("float", "double"):
        if low == 0 and math.copysign(1, low) > 0 or high == 0 and math.copysign(1, high) < 0:
            faults.append(f"{where}: a zero bound is {low} … {high}, not -0.0 … 0.0")


def check_metadata(name, path, expected):
    file = pq.ParquetFile(path)
    metadata = file.metadata
    counts = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    if counts != expected["row_groups"]:
        faults.append(f"{name}: row groups of {counts} rows, expected {expected['row_groups']}")
    for column, type_name in expected["types"].items():
        if file.schema_arrow.field(column).type != ARROW_TYPES[type_name]:
            faults.append(f"{name}: {column} is a {file.schema_arrow.field(column).type}")
    start = 0
    for group_index, count in enumerate(counts):
        group = metadata.row_group(group_index)
        for index in range(group.num_columns):
            chunk = group.column(index)
            column = chunk.path_in_schema
            if chunk.compression != expected["codec"]:
                faults.append(f"{name}: {column} is compressed with {chunk.compression}")
            wanted = expected["encodings"].get(column)
            if wanted is not None and set(chunk.encodings) != wanted:
                faults.append(f"{name}: {column} is encoded as {chunk.encodings}, not {wanted}")
            words = expected["columns"][column][start:start + count]
            check_statistics(name, chunk, words, expected["types"][column])
        start += count


def read_with_datafusion(folder, name):
    """Through a Delta table, since deltalake brings DataFusion and its Parquet reader along."""
    table_folder = os.path.join(folder, name + ".table")
    os.makedirs(table_folder)
    os.link(os.path.join(folder, name + ".parquet"), os.path.join(table_folder, "part.parquet"))
    schema = pq.read_schema(os.path.join(table_folder, "part.parquet"))
    deltalake.convert_to_deltalake(table_folder)
    builder = deltalake.QueryBuilder().register("t", deltalake.DeltaTable(table_folder))
    # DataFusion reads row groups side by side: the column "row" brings them back in order.
    result = pa.table(builder.execute('select * from t order by "row"'))
    return result.select(schema.names)


def check(folder, name):
    path = os.path.join(folder, name + ".parquet")
    expected = read_expected(os.path.join(folder, name + ".expected"))
    check_metadata(name, path, expected)
    readers = {
        "pyarrow": lambda: pq.read_table(path),
        "DuckDB": lambda: arrow_table(
            duckdb.sql(f"set timezone = 'UTC'; select * from read_parquet('{path}')").arrow()),
        "Polars": lambda: polars.read_parquet(path).to_arrow(),
        "DataFusion": lambda: read_with_datafusion(folder, name),
    }
    for reader, read in readers.items():
        try:
            compare(name, reader, read(), expected)
        except Exception as error:  # whatever a reader throws is a finding
            faults.append(f"{name}: {reader} cannot read it: {error!r}"[:600])


def check_pruning(folder, name):
    """Damages every row group but the first: a query that needs only the first still works."""
    path = os.path.join(folder, name + ".parquet")
    metadata = pq.ParquetFile(path).metadata
    with open(path, "rb") as file:
        content = bytearray(file.read())
    for group in range(1, metadata.num_row_groups):
        for index in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(index)
            start = chunk.dictionary_page_offset or chunk.data_page_offset
            for position in range(start, start + chunk.total_compressed_size):
                content[position] = 0xFF
    damaged = os.path.join(folder, name + ".damaged")
    with open(damaged, "wb") as file:
        file.write(content)
    query = f"select count(*), sum(key) from read_parquet('{damaged}')"
    for column in ("key", "time", "word", "metric"):
        high = metadata.row_group(0).column(metadata.schema.names.index(column)).statistics.max
        limit = f"'{high.isoformat()}'::timestamptz" if column == "time" else repr(high)
        count, total = duckdb.sql(f"{query} where {column} <= {limit}").fetchone()
        if count != metadata.row_group(0).num_rows:
            faults.append(f"{name}: {count} rows up to the first row group's last {column}")
    try:
        duckdb.sql(query).fetchall()
        faults.append(f"{name}: the damage does not damage")
    except duckdb.Error:
        pass


def check_nan(folder, name):
    """DuckDB, Polars and DataFusion order NaN above every number: a filter must find it."""
    path = os.path.join(folder, name + ".parquet")
    wanted = sum(math.isnan(value) for value in pq.read_table(path)["metric"].to_pylist())
    builder = deltalake.QueryBuilder().register(
        "t", deltalake.DeltaTable(os.path.join(folder, name + ".table")))
    counts = {
        "DuckDB": duckdb.sql(f"select * from '{path}' where metric > 1e9").fetchall(),
        "Polars": polars.scan_parquet(path).filter(polars.col("metric") > 1e9).collect().rows(),
    }
    # deltalake composes its own statistics, which ignore row groups without any.
    if pq.ParquetFile(path).num_row_groups == 1:
        result = builder.execute("select * from t where metric > 1e9")
        counts["DataFusion"] = pa.table(result).to_pylist()
    for reader, rows in counts.items():
        if len(rows) != wanted:
            faults.append(f"{name}: {reader} finds {len(rows)} of {wanted} NaN above 1e9")


def main():
    folder = sys.argv[1]
    names = sorted(name[:-8] for name in os.listdir(folder) if name.endswith(".parquet"))
    for name in names:
        check(folder, name)
        if name.startswith("pruning"):
            check_pruning(folder, name)
        if name.startswith("nan"):
            check_nan(folder, name)
    for fault in faults[:40]:
        print(fault)
    print(f"{len(names)} files, {len(faults)} faults")
    sys.exit(1 if faults or not names else 0)


main()
