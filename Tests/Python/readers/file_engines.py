"""Readers of plain Parquet over the live files that the log names: pyarrow, Spark, fastparquet."""

import functools
import logging
import os

import fastparquet
import pyarrow
import pyarrow.compute
import pyarrow.dataset
import pyspark

from engines import VIEWS, Reader, arrow_aggregates, expression


class Arrow(Reader):
    name = "pyarrow"
    version = pyarrow.__version__
    reads_log = False
    refusals = [VIEWS]

    def open(self, live):
        super().open(live)
        columns = [live.schema.field(name) for name in live.partition_columns]
        self.dataset = pyarrow.dataset.dataset(
            live.files(), schema=live.schema, format="parquet",
            partitioning=pyarrow.dataset.partitioning(pyarrow.schema(columns), flavor="hive"),
            partition_base_dir=str(live.path),
        )  # fmt: skip

    def rows(self, terms):
        return self.dataset.to_table(filter=expression(terms))

    def aggregates(self, terms, asked):
        names = sorted({one.column for one in asked} - {None}) or None
        rows = self.dataset.to_table(columns=names, filter=expression(terms))
        return arrow_aggregates(rows, asked)


NUMBER = "number of the filter"
# fastparquet unpacks wider differences wrongly, and says nothing.
FASTPARQUET_BITS = 28
DELTA_BINARY_PACKED, RLE_DICTIONARY = 5, 8
# Spark warns of much that is meant.
LOGGING = """rootLogger.level = error
rootLogger.appenderRef.out.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %p %c: %m%n
"""


class Spark(Reader):
    """One session for both readers that Spark has for Parquet: by columns and by rows."""

    reads_log = False
    session = None
    TYPES = {"long": "bigint", "integer": "int"}

    def __init__(self, vectorized, folder):
        self.vectorized = vectorized
        # A job takes long here. By rows it finds the same files, and adds up likewise.
        self.looked_at = ["date"] if vectorized else []
        self.is_second = not vectorized
        self.name = f"Spark, {'by columns' if vectorized else 'by rows'}"
        self.version = pyspark.__version__
        self.folder = folder

    @staticmethod
    def start(folder):
        logging.getLogger("py4j").setLevel(logging.ERROR)
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        from pyspark.sql import SparkSession

        log = folder / "log4j2.properties"
        log.write_text(LOGGING, encoding="utf-8")
        # Quick to start: nothing here runs for long enough to be worth more compiling.
        options = (
            "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC "
            f"-Duser.timezone=UTC -Dlog4j.configurationFile=file:{log}"
        )
        return (
            SparkSession.builder.master("local[2]").appName("readers")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            # A task costs more than a file here.
            .config("spark.sql.files.openCostInBytes", "1")
            .config("spark.sql.files.minPartitionNum", "1")
            .config("spark.driver.memory", "1g")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.extraJavaOptions", options)
            .config("spark.local.dir", str(folder / "spark"))
            .config("spark.sql.warehouse.dir", str(folder / "warehouse"))
            .config("spark.sql.shuffle.partitions", "1")
            .config("spark.sql.adaptive.enabled", "false")
            .config("spark.sql.session.timeZone", "UTC")
            .getOrCreate()
        )  # fmt: skip

    def open(self, live):
        super().open(live)
        if Spark.session is None:
            Spark.session = self.start(self.folder)
        by_columns = str(self.vectorized).lower()
        self.session.conf.set("spark.sql.parquet.enableVectorizedReader", by_columns)
        columns = [f"`{name}` {self.TYPES.get(kind, kind)}" for name, kind in live.types.items()]
        reader = self.session.read.schema(", ".join(columns)).option("basePath", str(live.path))
        self.frame = reader.parquet(*live.files())

    def filtered(self, terms):
        from pyspark.sql import functions

        frame = self.frame
        for column, operator, value in terms:
            field = functions.col(f"`{column}`")
            if operator == "is null":
                frame = frame.where(field.isNull())
            else:
                compared = {"=": field.__eq__, "<": field.__lt__, ">=": field.__ge__}[operator]
                frame = frame.where(compared(functions.lit(value)))
        return frame

    def rows(self, terms):
        return self.filtered(terms).toArrow()

    def rows_of_each(self, filters):
        """Each pushes its own terms down, and all are one job, which is much quicker here."""
        from pyspark.sql import functions

        if not filters:
            return []
        frames = [
            self.filtered(one.terms).withColumn(NUMBER, functions.lit(number))
            for number, one in enumerate(filters)
        ]
        rows = functools.reduce(lambda one, other: one.union(other), frames).toArrow()
        return [
            rows.filter(pyarrow.compute.field(NUMBER) == number).drop([NUMBER])
            for number in range(len(filters))
        ]

    def aggregates(self, terms, asked):
        from pyspark.sql import functions

        parts = []
        for index, one in enumerate(asked):
            field = functions.lit(1) if one.column is None else functions.col(f"`{one.column}`")
            name = {"distinct": "count_distinct"}.get(one.function, one.function)
            parts.append(getattr(functions, name)(field).alias(f"a{index}"))
        (row,) = self.filtered(terms).agg(*parts).toArrow().to_pylist()
        return [row[f"a{index}"] for index in range(len(asked))]

    def close(self):
        if Spark.session is not None:
            Spark.session.stop()
            Spark.session = None


class FastParquet(Reader):
    """File by file: over a list it wants the same columns in each."""

    name = "fastparquet"
    version = fastparquet.__version__
    reads_log = False
    nan_is_null = True

    def misread(self, due):
        """Columns whose values may lie too far apart, in files that store differences; texts that
        one row group has in a dictionary and another of the same file has not."""
        wide, mixed = set(), set()
        for path in self.live.files():
            has_dictionary = {}
            for group in fastparquet.ParquetFile(path).row_groups:
                for chunk in group.columns:
                    name, encodings = chunk.meta_data.path_in_schema[0], chunk.meta_data.encodings
                    if DELTA_BINARY_PACKED in encodings and self.is_wide(due, name):
                        wide.add(name)
                    if self.live.types.get(name) == "string":
                        has_dictionary.setdefault(name, set()).add(RLE_DICTIONARY in encodings)
            mixed |= {name for name, found in has_dictionary.items() if len(found) > 1}
        sentences = []
        if wide:
            sentences.append(
                f"wrong in {', '.join(sorted(wide))}, silently: it misreads "
                f"DELTA_BINARY_PACKED where differences have more than {FASTPARQUET_BITS} bits"
            )
        if mixed:
            sentences.append(
                f"nulls in {', '.join(sorted(mixed))}, silently: it reads texts of a file with a "
                "dictionary or those without one"
            )
        return wide | mixed, "; ".join(sentences)

    @staticmethod
    def is_wide(due, name):
        if name not in due.schema.names:
            return True
        values = due[name].cast(pyarrow.int64())
        ends = pyarrow.compute.min_max(values)
        low, high = ends["min"].as_py(), ends["max"].as_py()
        return low is not None and high - low >= 1 << (FASTPARQUET_BITS - 1)

    def rows(self, terms):
        parts = [
            part
            for path, values in self.live.partition_values()
            if (part := self.of_file(path, values, terms)) is not None
        ]
        return pyarrow.concat_tables(parts) if parts else self.live.schema.empty_table()

    def of_file(self, path, values, terms):
        mine = [term for term in terms if term[0] not in values]
        if any(values[c] != str(value) for c, _, value in terms if c in values):
            return None
        file = fastparquet.ParquetFile(path)
        # Row groups by their statistics; the rows are judged below.
        known = [
            (column, {"=": "=="}.get(operator, operator), self.plain(value))
            for column, operator, value in mine
            if operator != "is null" and column in file.columns
        ]
        frame = file.to_pandas(filters=known or None)
        arrays = {
            field.name: self.array(frame, field, values) for field in self.live.schema
        }
        table = pyarrow.table(arrays, schema=self.live.schema)
        return table.filter(expression(mine)) if mine else table

    @staticmethod
    def plain(value):
        """Its times have no zone."""
        return value.replace(tzinfo=None) if getattr(value, "tzinfo", None) else value

    @staticmethod
    def array(frame, field, values):
        if field.name in values:
            value = pyarrow.scalar(values[field.name]).cast(field.type)
            return pyarrow.repeat(value, len(frame))
        if field.name not in frame:
            return pyarrow.nulls(len(frame), field.type)
        kind = field.type
        if pyarrow.types.is_timestamp(kind):
            found = pyarrow.array(frame[field.name], pyarrow.timestamp("us"), from_pandas=True)
            return found.cast(kind)
        return pyarrow.array(frame[field.name], kind, from_pandas=True)

    def aggregates(self, terms, asked):
        return arrow_aggregates(self.rows(terms), asked)
