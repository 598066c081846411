"""Tables whose logs our code wrote over Parquet files written here, read by three engines.

    delta_log.py write   < [{"path": …, "columns": [{"name", "type", "values"}, …]}, …]
    delta_log.py query   < {"table": …, "engines": […],
                            "predicates": [{"column", "type", "operator", "value"}, …]}
    delta_log.py describe TABLE
    delta_log.py optimize|delete|vacuum|checkpoint TABLE

`query` answers, for each engine, the ids of the rows that satisfy each predicate: "datafusion" (in
deltalake), "duckdb" (its delta extension), "polars", "pyarrow" (over the files that deltalake
finds). Times are integer microseconds, dates days.
"""

import datetime
import json
import os
import sys

import polars
import pyarrow
import pyarrow.dataset
import pyarrow.parquet
from deltalake import DeltaTable, QueryBuilder

from delta_tables import connect, quoted, text_literal

ARROW_TYPES = {
    "long": pyarrow.int64(),
    "integer": pyarrow.int32(),
    "double": pyarrow.float64(),
    "float": pyarrow.float32(),
    "string": pyarrow.string(),
    "boolean": pyarrow.bool_(),
    "timestamp": pyarrow.timestamp("us", tz="UTC"),
    "date": pyarrow.date32(),
}
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def write(files):
    for file in files:
        arrays = {}
        for column in file["columns"]:
            if column["type"] == "binary":
                values = [None if v is None else v.encode() for v in column["values"]]
                arrays[column["name"]] = pyarrow.array(values, pyarrow.binary())
            else:
                kind = ARROW_TYPES[column["type"]]
                values = [float(v) if isinstance(v, str) and column["type"] in ("double", "float")
                          else v for v in column["values"]]
                arrays[column["name"]] = pyarrow.array(values, kind)
        os.makedirs(os.path.dirname(file["path"]), exist_ok=True)
        # No statistics in the file: engines are to skip by those in the log, which are ours.
        pyarrow.parquet.write_table(pyarrow.table(arrays), file["path"], write_statistics=False)
    return {file["path"]: os.path.getsize(file["path"]) for file in files}


def python_value(predicate):
    value = predicate["value"]
    if predicate["type"] == "timestamp":
        return EPOCH + datetime.timedelta(microseconds=value)
    if predicate["type"] == "date":
        return (EPOCH + datetime.timedelta(days=value)).date()
    return value


def sql_literal(predicate, engine):
    value = python_value(predicate)
    kind = predicate["type"]
    if kind == "timestamp":
        text = value.strftime("%Y-%m-%dT%H:%M:%S.%f") + "+00:00"
        if engine == "duckdb":
            return f"TIMESTAMPTZ {text_literal(text)}"
        return f"arrow_cast({text_literal(text)}, 'Timestamp(Microsecond, Some(\"UTC\"))')"
    if kind == "date":
        return f"DATE {text_literal(value.isoformat())}"
    if kind == "string":
        return text_literal(value)
    return repr(value)


def condition(predicate, engine):
    literal = sql_literal(predicate, engine)
    return f'{quoted(predicate["column"])} {predicate["operator"]} {literal}'


def by_polars(table, predicate):
    column, value = polars.col(predicate["column"]), polars.lit(python_value(predicate))
    compared = {
        "=": column == value, "<": column < value, "<=": column <= value,
        ">": column > value, ">=": column >= value,
    }[predicate["operator"]]
    return polars.scan_delta(table).filter(compared).select("id").collect()["id"].to_list()


def by_pyarrow(table, predicate):
    column, value = pyarrow.dataset.field(predicate["column"]), python_value(predicate)
    compared = {
        "=": column == value, "<": column < value, "<=": column <= value,
        ">": column > value, ">=": column >= value,
    }[predicate["operator"]]
    rows = DeltaTable(table).to_pyarrow_dataset().to_table(filter=compared, columns=["id"])
    return rows["id"].to_pylist()


def query(request):
    table = request["table"]
    duck = connect()
    fusion = QueryBuilder().register("t", DeltaTable(table))

    def by_datafusion(predicate):
        rows = fusion.execute(f"SELECT id FROM t WHERE {condition(predicate, 'datafusion')}")
        return pyarrow.table(rows.read_all())["id"].to_pylist()

    def by_duckdb(predicate):
        rows = duck.execute(
            f"SELECT id FROM delta_scan({text_literal(table)}) "
            f"WHERE {condition(predicate, 'duckdb')}").fetchall()
        return [row[0] for row in rows]

    engines = {
        "datafusion": by_datafusion,
        "duckdb": by_duckdb,
        "polars": lambda predicate: by_polars(table, predicate),
        "pyarrow": lambda predicate: by_pyarrow(table, predicate),
    }
    return {
        name: [sorted(engines[name](predicate)) for predicate in request["predicates"]]
        for name in request["engines"]
    }


def describe(path):
    table = DeltaTable(path)
    duck = connect().execute(f"DESCRIBE SELECT * FROM delta_scan({text_literal(path)})").fetchall()
    polars_schema = polars.scan_delta(path).collect_schema()
    protocol = table.protocol()
    return {
        "version": table.version(),
        "fields": json.loads(table.schema().to_json())["fields"],
        "duckdb": {row[0]: row[1] for row in duck},
        "polars": {name: str(kind) for name, kind in polars_schema.items()},
        "protocol": [protocol.min_reader_version, protocol.min_writer_version],
        "partition_columns": table.metadata().partition_columns,
        "name": table.metadata().name,
        "txn": table.transaction_version("solar/ledger-1"),
        "operation": table.history(1)[0]["operation"],
        "paths": sorted(table.file_uris()),
    }


def act(command, path):
    table = DeltaTable(path)
    if command == "optimize":
        table.optimize.compact()
    elif command == "delete":
        table.delete("id = 1")
    elif command == "vacuum":
        table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    elif command == "checkpoint":
        table.create_checkpoint()
    else:
        raise SystemExit(f"unknown command {command}")
    return {"version": DeltaTable(path).version()}


def main():
    command = sys.argv[1]
    if command == "write":
        answer = write(json.load(sys.stdin))
    elif command == "query":
        answer = query(json.load(sys.stdin))
    elif command == "describe":
        answer = describe(sys.argv[2])
    else:
        answer = act(command, sys.argv[2])
    json.dump(answer, sys.stdout)
    # Threads of the engines do not all end before the interpreter tears them down: an abort then
    # ("terminate called without an active exception") would hide an answer that is whole.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
