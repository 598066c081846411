"""Readers that read the Delta log themselves: deltalake (two ways), DuckDB, Polars, ClickHouse.

A reader is opened on a table and answers with rows and with aggregates, computed by its own engine,
for a list of terms that must all hold: (column, =, <, >= or `is null`, value).
"""

import datetime

import deltalake
import duckdb
import polars
import pyarrow
import pyarrow.compute as pc

from delta_tables import connect, quoted, text_literal


class Reader:
    """What all have; a reader of files needs some, one of logs reads empty tables too."""

    reads_log = True
    # Whether a filter by date must open no file of another date.
    prunes_dates = True
    # Whether null and NaN cannot be told apart in what it gives.
    nan_is_null = False
    # Filters for which it is looked at which files it opens.
    looked_at = ["date", "date, device", "time", "no such device"]
    # Whether only its rows are of interest, since the rest is another reader's.
    is_second = False
    # {(table, name of a filter): sentence}: rows that it is known not to find.
    traps = {}
    # [(words of an error, sentence)]: filters that it is known to refuse.
    refusals = []

    def open(self, live):
        """`live` is what live_table.py found."""
        self.live = live

    def misread(self, due):
        """Columns of the table that it is known to read wrongly, and why; `due` is the truth."""
        return set(), ""

    def rows_of_each(self, filters):
        """The rows of each filter; an error stands for itself."""
        found = []
        for one in filters:
            try:
                found.append(self.rows(one.terms))
            except Exception as error:  # whatever an engine throws is its answer
                found.append(error)
        return found

    def close(self):
        """Frees what belongs to the process."""


def expression(terms):
    """The terms as one expression of pyarrow."""
    held = None
    for column, operator, value in terms:
        field = pc.field(column)
        if operator == "is null":
            found = field.is_null()
        else:
            found = {"=": field.__eq__, "<": field.__lt__, ">=": field.__ge__}[operator](value)
        held = found if held is None else held & found
    return held


def arrow_aggregates(rows, asked):
    """Of an Arrow table, by Arrow."""
    return [arrow_aggregate(rows, one) for one in asked]


def arrow_aggregate(rows, one):
    if one.column is None:
        return rows.num_rows
    values = rows[one.column]
    if one.function == "count":
        return pc.count(values).as_py()
    if one.function == "distinct":
        return pc.count_distinct(values).as_py()
    if one.function == "sum":
        return pc.sum(values).as_py()
    # Arrow has no order of texts in `min_max` before a cast from views.
    return pc.min_max(values)[one.function].as_py()


# pyarrow has no comparison of such a column in a dataset whose schema says otherwise.
VIEWS = (
    "string_view",
    "files that deltalake wrote say `string_view` of their texts; pyarrow refuses filters on those",
)


class DeltalakeArrow(Reader):
    name = "deltalake, pyarrow"
    version = deltalake.__version__
    SKIPS = (
        "a file has no bounds of a column where a value is NaN, infinite or in the last "
        "millisecond of 9999, and says nothing of a column that came later; `to_pyarrow_dataset` "
        "then finds nothing in it for a filter on that column"
    )
    refusals = [VIEWS]
    traps = {
        ("readings_reports", "double with NaN"): SKIPS, ("readings_samples", "metric"): SKIPS,
        ("readings_reports", "time before 1970"): SKIPS,
        ("readings_reports", "time, year 9999"): SKIPS,
        ("readings_reports", "new column, null"): SKIPS,
    }  # fmt: skip

    def open(self, live):
        super().open(live)
        self.table = deltalake.DeltaTable(str(live.path))

    def rows(self, terms):
        if not terms:
            return self.table.to_pyarrow_table()
        return self.table.to_pyarrow_dataset().to_table(filter=expression(terms))

    def aggregates(self, terms, asked):
        # By rows: a filter on finite values would meet its trap.
        rows = self.table.to_pyarrow_table()
        return arrow_aggregates(rows.filter(expression(terms)) if terms else rows, asked)


class SqlReader(Reader):
    """An engine with SQL: `query` gives an Arrow table."""

    relation = "t"
    functions = {
        "count": "count({})", "distinct": "count(DISTINCT {})", "sum": "sum({})", "min": "min({})",
        "max": "max({})",
    }  # fmt: skip

    def name_of(self, column):
        return quoted(column)

    def literal(self, column, value):
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, datetime.datetime):
            return self.timestamp(value)
        if isinstance(value, datetime.date):
            return f"DATE '{value.isoformat()}'"
        return repr(value)

    def text(self, value):
        return text_literal(value)

    def condition(self, terms):
        parts = []
        for column, operator, value in terms:
            if operator == "is null":
                parts.append(f"{self.name_of(column)} IS NULL")
            else:
                literal = self.literal(column, value)
                parts.append(f"{self.name_of(column)} {operator} {literal}")
        return f" WHERE {' AND '.join(parts)}" if parts else ""

    def rows(self, terms):
        return self.query(f"SELECT * FROM {self.relation}{self.condition(terms)}")

    def aggregates(self, terms, asked):
        names = ["*" if one.column is None else self.name_of(one.column) for one in asked]
        parts = [
            f"{self.functions[one.function].format(name)} AS a{index}"
            for index, (one, name) in enumerate(zip(asked, names, strict=True))
        ]
        found = self.query(f"SELECT {', '.join(parts)} FROM {self.relation}{self.condition(terms)}")
        (row,) = found.to_pylist()
        return [row[f"a{index}"] for index in range(len(asked))]


class DeltalakeSql(SqlReader):
    name = "deltalake, DataFusion"
    version = deltalake.__version__

    def open(self, live):
        super().open(live)
        table = deltalake.DeltaTable(str(live.path))
        self.builder = deltalake.QueryBuilder().register("t", table)

    def query(self, text):
        return pyarrow.table(self.builder.execute(text).read_all())

    def timestamp(self, value):
        text = value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return f"arrow_cast('{text}', 'Timestamp(Microsecond, Some(\"UTC\"))')"


class DuckDB(SqlReader):
    name = "DuckDB"
    version = duckdb.__version__

    def __init__(self):
        self.connection = connect()

    def open(self, live):
        super().open(live)
        self.relation = f"delta_scan({text_literal(live.path)})"

    def query(self, text):
        return self.connection.execute(text).to_arrow_table()

    def timestamp(self, value):
        return f"TIMESTAMPTZ '{value.strftime('%Y-%m-%d %H:%M:%S.%f')}+00'"


class Polars(Reader):
    name = "Polars"
    version = polars.__version__

    def frame(self, terms):
        frame = polars.scan_delta(str(self.live.path))
        for column, operator, value in terms:
            field = polars.col(column)
            if operator == "is null":
                frame = frame.filter(field.is_null())
            else:
                compared = {"=": field.__eq__, "<": field.__lt__, ">=": field.__ge__}[operator]
                frame = frame.filter(compared(polars.lit(value)))
        return frame

    def rows(self, terms):
        return self.frame(terms).collect().to_arrow()

    def aggregates(self, terms, asked):
        parts = [self.part(one).alias(f"a{index}") for index, one in enumerate(asked)]
        (row,) = self.frame(terms).select(parts).collect().to_dicts()
        return [row[f"a{index}"] for index in range(len(asked))]

    @staticmethod
    def part(one):
        if one.column is None:
            return polars.len()
        field = polars.col(one.column)
        if one.function == "distinct":
            return field.drop_nulls().n_unique()
        if one.function == "sum" and isinstance(one.due, int):
            field = field.cast(polars.Int64)  # it adds up 32 bits in 32 bits
        return getattr(field, one.function)()


class ClickHouse(SqlReader):
    name = "ClickHouse (chdb)"

    def __init__(self, folder):
        # Late: it takes a second, and memory.
        import chdb.session

        # `deltaLakeLocal` wants a session: without one no path is allowed.
        self.session = chdb.session.Session(str(folder))
        self.version = self.query("SELECT version() AS v")["v"][0].as_py()

    def close(self):
        self.session.close()

    def open(self, live):
        super().open(live)
        self.relation = f"deltaLakeLocal({self.text(live.path)})"

    def query(self, text):
        return self.session.query(text, "ArrowTable")

    def rows(self, terms):
        """It has one type for texts and bytes."""
        found = super().rows(terms)
        for name, kind in self.live.types.items():
            if kind == "binary":
                index = found.schema.names.index(name)
                found = found.set_column(index, name, found[name].cast(pyarrow.binary()))
        return found

    def name_of(self, column):
        return f"`{column}`"

    def text(self, value):
        return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"

    def literal(self, column, value):
        if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
            return f"toDate32('{value.isoformat()}')"
        return super().literal(column, value)

    def timestamp(self, value):
        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        micros = (value - epoch) // datetime.timedelta(microseconds=1)
        return f"fromUnixTimestamp64Micro({micros}, 'UTC')"
