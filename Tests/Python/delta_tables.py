"""A Delta table as other people's engines see it: deltalake, DuckDB's delta extension, Polars.

None of our code is involved. What the engines disagree about, or what a file's statistics say
wrongly, is a fault of the table even where one engine reads it right.
"""

import datetime
import importlib.util
import os
from pathlib import Path
from urllib.parse import unquote

import duckdb
import polars
import pyarrow
from deltalake import DeltaTable


def connect():
    """A DuckDB with the delta extension of the Python package: nothing is downloaded."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    package = Path(importlib.util.find_spec("duckdb_extension_delta").origin).parent
    (extension,) = package.glob(f"extensions/v{duckdb.__version__}/delta.duckdb_extension")
    connection.execute(f"LOAD '{extension}'")
    return connection


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def text_literal(text):
    return "'" + str(text).replace("'", "''") + "'"


def rows_of(connection, query, limit):
    """(how many rows the query has, the first of them as {column: text} without nulls)."""
    count = connection.execute(f"SELECT count(*) FROM ({query})").fetchone()[0]
    if count == 0:
        return 0, []
    result = connection.execute(f"SELECT COLUMNS(*)::VARCHAR FROM ({query}) LIMIT {limit}")
    names = [column[0] for column in result.description]
    return count, [
        {name: value for name, value in zip(names, row) if value is not None}
        for row in result.fetchall()
    ]


def micros_of(moment):
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return (moment - epoch) // datetime.timedelta(microseconds=1)


class Table:
    """One Delta table at its newest version."""

    def __init__(self, path):
        self.path = Path(path)
        self.name = self.path.name
        self.delta = DeltaTable(str(path))
        self.version = self.delta.version()
        self.partition_columns = self.delta.metadata().partition_columns
        self.schema = pyarrow.schema(self.delta.schema().to_arrow())
        self.adds = pyarrow.table(self.delta.get_add_actions(flatten=True)).to_pylist()

    @staticmethod
    def exists(path):
        return DeltaTable.is_deltatable(str(path))

    @property
    def columns(self):
        return self.schema.names

    def files(self):
        """(path below the table, size by the log, rows by the log's statistics)."""
        return [(unquote(add["path"]), add["size_bytes"], add["num_records"]) for add in self.adds]

    def create_view(self, connection, view):
        """Makes a DuckDB view of the active files, read as plain Parquet with Hive folders."""
        files = [text_literal(self.path / path) for path, _, _ in self.files()]
        columns = ", ".join(quoted(name) for name in self.columns)
        if files:
            connection.execute(
                f"CREATE OR REPLACE VIEW {quoted(view)} AS SELECT {columns}, filename FROM "
                f"read_parquet([{', '.join(files)}], hive_partitioning = true, filename = true, "
                "union_by_name = true)"
            )
            return
        empty = self.schema.append(pyarrow.field("filename", pyarrow.string())).empty_table()
        # A registered relation would hide every later view of that name.
        name = f"{view} without rows"
        connection.register(name, empty)
        connection.execute(
            f"CREATE OR REPLACE VIEW {quoted(view)} AS SELECT * FROM {quoted(name)}"
        )

    def counts(self, connection):
        """Row counts by reader, to be all the same."""
        path = text_literal(self.path)
        by_delta = f"SELECT count(*) FROM delta_scan({path})"
        counts = {
            "log statistics": sum(rows or 0 for _, _, rows in self.files()),
            "duckdb delta_scan": connection.execute(by_delta).fetchone()[0],
            "polars": polars.scan_delta(str(self.path)).select(polars.len()).collect().item(),
        }
        self.create_view(connection, "counted")
        rows = connection.execute("SELECT count(*) FROM counted").fetchone()[0]
        counts["parquet of the active files"] = rows
        return counts

    def faults(self, connection, limit=5):
        """What is wrong with the files and their statistics, in sentences."""
        found = self.file_faults()
        if found:
            return found[:limit]  # the engines would only stumble over the same files
        counts = self.counts(connection)
        if len(set(counts.values())) != 1:
            found.append(f"{self.name}: readers count differently: {counts}")
        return found + self.statistics_faults(connection)[:limit]

    def file_faults(self):
        found = []
        for path, size, _ in self.files():
            try:
                actual = os.stat(self.path / path).st_size
            except FileNotFoundError:
                found.append(f"{self.name}: {path} is in the log but does not exist")
                continue
            if actual != size:
                found.append(f"{self.name}: {path} has {actual} bytes, the log says {size}")
        return found

    def statistics_faults(self, connection):
        """Statistics that would make an engine skip rows it must read: a minimum above, a maximum
        below, or a null count other than the file's own."""
        if not self.adds:
            return []
        names = [name for name in self.columns if name not in self.partition_columns]
        names = [name for name in names if any(f"null_count.{name}" in add for add in self.adds)]
        if not names:
            return [f"{self.name}: the files have no statistics"]
        actual = self.actual_statistics(connection, names)
        found = []
        for add in self.adds:
            path = unquote(add["path"])
            count, of_column = actual.get(str(self.path / path), (0, {}))
            if add["num_records"] != count:
                found.append(f"{self.name}: {path}: {add['num_records']} rows said, {count} there")
                continue
            for name in names:
                said = [add.get(f"{what}.{name}") for what in ("null_count", "min", "max")]
                nulls, low, high = of_column[name]
                if self.contradicts(name, said, nulls, low, high):
                    found.append(
                        f"{self.name}: {path}: {name}: null count, minimum and maximum are "
                        f"{nulls}, {low!r}, {high!r}; the log says {said}"
                    )
        return found

    def actual_statistics(self, connection, names):
        """{file: (rows, {column: (nulls, smallest, largest)})}; NaN and infinities do not count,
        times are microseconds."""
        self.create_view(connection, "judged")
        parts = ["count(*)"]
        for name in names:
            column, kind = quoted(name), self.schema.field(name).type
            value = f"epoch_us({column})" if pyarrow.types.is_timestamp(kind) else column
            kept = f" FILTER (isfinite({column}))" if pyarrow.types.is_floating(kind) else ""
            parts += [f"count(*) - count({column})", f"min({value}){kept}", f"max({value}){kept}"]
        query = f"SELECT filename, {', '.join(parts)} FROM judged GROUP BY filename"
        return {
            row[0]: (row[1], {name: row[2 + 3 * i : 5 + 3 * i] for i, name in enumerate(names)})
            for row in connection.execute(query).fetchall()
        }

    @staticmethod
    def contradicts(name, said, nulls, low, high):
        said_nulls, said_low, said_high = said
        if said_nulls is not None and said_nulls != nulls:
            return True
        # Delta: timestamps in statistics may be cut to milliseconds, always downwards.
        if isinstance(said_low, datetime.datetime):
            said_low = micros_of(said_low)
            said_high = micros_of(said_high) + (999 if micros_of(said_high) % 1_000 == 0 else 0)
        if low is None or isinstance(low, bytes):
            return False
        return (said_low is not None and said_low > low) or (
            said_high is not None and said_high < high
        )
