"""Compares the tables made from the La Haute Borne wind farm with its CSV: every reading, every
window, in one DuckDB query each.

    wind_farm.py --root DATA --csv la-haute-borne-data-2014-2015.csv --source NAME
        --window 1h:1h:10m [--window NAME:SIZE:SLIDE …] [--metric Ba_avg=pitch_angle_deg …]
        [--out-of-orderness 5s]

The CSV: Wind_turbine_name (the device), Date_time (ISO with offset), then seven metrics; empty
values are absent. Around the two March changes 48 pairs of records of one turbine carry the same
instant and different values, so readings are compared as multisets and the ties of first and last
go by the order of the lines.

The window side is computed from the CSV by SQL and shares nothing with reference.py. Of each
window the newest revision is compared. With --out-of-orderness only windows that end at or before
a turbine's newest time minus it are expected; without, open windows were fired at the end.

Exit code 0 when everything holds, 1 when something does not.
"""

import argparse
import re
import sys
import time
from pathlib import Path

from delta_tables import Table, connect, quoted, rows_of, text_literal
from pipeline_options import duration_micros

FIXED_COLUMNS = ["Wind_turbine_name", "Date_time"]
EXAMPLES = 5


def load_csv(connection, path, names):
    """Makes the table `csv`: device, event_time (µs), metric, value, line. `names` maps a column
    of the CSV to the metric's name where they differ."""
    source = f"read_csv({text_literal(path)}, parallel = false)"
    header = connection.execute(f"SELECT * FROM {source} LIMIT 0").description
    columns = [column[0] for column in header if column[0] not in FIXED_COLUMNS]
    renamed = ", ".join(
        f"{quoted(column)}::DOUBLE AS {quoted(names.get(column, column))}" for column in columns
    )
    connection.execute(
        "CREATE OR REPLACE TABLE csv AS UNPIVOT ("
        "SELECT Wind_turbine_name AS device, epoch_us(Date_time::TIMESTAMPTZ) AS event_time, "
        f"row_number() OVER () AS line, {renamed} FROM {source}"
        ") ON COLUMNS(* EXCLUDE (device, event_time, line)) INTO NAME metric VALUE value"
    )
    return [names.get(column, column) for column in columns]


def load_readings(connection, table, metrics):
    """Makes the view `readings` in the shape of `csv`, from a narrow table or a wide one."""
    table.create_view(connection, "stored")
    fixed = "device_id AS device, epoch_us(event_time) AS event_time"
    if "metric" in table.columns:
        query = f"SELECT {fixed}, metric, value FROM stored WHERE value IS NOT NULL"
    else:
        columns = ", ".join(quoted(metric) for metric in metrics)
        query = (
            f"UNPIVOT (SELECT {fixed}, {columns} FROM stored) "
            f"ON {columns} INTO NAME metric VALUE value"
        )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE readings AS {query}")


READINGS_QUERY = """
WITH
  wanted AS (SELECT device, event_time, metric, value, count(*) AS n FROM csv GROUP BY ALL),
  found AS (SELECT device, event_time, metric, value, count(*) AS n FROM readings GROUP BY ALL)
SELECT
  device, event_time, metric, value,
  coalesce(wanted.n, 0) AS in_csv, coalesce(found.n, 0) AS in_table
FROM wanted FULL OUTER JOIN found USING (device, event_time, metric, value)
WHERE in_csv <> in_table
ORDER BY ALL
"""

# One window shape over the CSV. `place` orders a series by event time, then line.
WINDOWS_QUERY = """
CREATE OR REPLACE TEMP TABLE wanted_windows AS
WITH
  placed AS (
    SELECT *, row_number() OVER (PARTITION BY device, metric ORDER BY event_time, line) AS place
    FROM csv WHERE isfinite(value)
  ),
  spread AS (
    SELECT *, unnest(range(
      event_time - event_time % {slide} - {size} + {slide},
      event_time + 1, {slide})) AS window_start
    FROM placed
  ),
  ends AS (
    SELECT device, max(event_time) - {out_of_orderness} AS watermark FROM csv GROUP BY device)
SELECT
  device, metric, window_start, count(*) AS count, sum(value) AS sum, avg(value) AS mean,
  min(value) AS min, max(value) AS max, stddev_samp(value) AS stddev,
  arg_min(value, place) AS first, arg_max(value, place) AS last
FROM spread JOIN ends USING (device)
WHERE {fires_open} OR window_start + {size} <= watermark
GROUP BY device, metric, window_start
"""

FOUND_WINDOWS_QUERY = """
CREATE OR REPLACE TEMP TABLE found_windows AS
SELECT
  device_id AS device, metric, epoch_us(window_start) AS window_start,
  epoch_us(window_end) AS window_end, revision, {columns}
FROM windows
WHERE source = {source} AND window_name = {name}
QUALIFY revision = max(revision) OVER (PARTITION BY device_id, metric, window_start)
"""

WINDOW_DIFFERENCES = """
SELECT
  device, metric, window_start, found.revision,
  {reason} AS reason, {shown}
FROM wanted_windows wanted FULL OUTER JOIN found_windows found
  USING (device, metric, window_start)
WHERE reason IS NOT NULL
ORDER BY ALL
"""

EXACT = ["count", "min", "max", "first", "last"]
ROUNDED = ["sum", "mean", "stddev"]


def rounded_differs(name):
    """Rounding is judged against the size of the values that were added up."""
    wanted, found = f"wanted.{quoted(name)}", f"found.{quoted(name)}"
    scale = "greatest(abs(wanted.min), abs(wanted.max))" + (
        " * wanted.count" if name == "sum" else ""
    )
    return (
        f"({wanted} IS NULL) <> ({found} IS NULL) OR "
        f"abs({wanted} - {found}) > 1e-9 * abs({wanted}) + 1e-12 * {scale}"
    )


def differences_query(columns, size):
    reasons = [
        ("missing", "found.window_end IS NULL"),
        ("nobody asked for it", "wanted.count IS NULL"),
        ("window_end", f"found.window_end <> window_start + {size}"),
    ]
    reasons += [
        (name, f"wanted.{quoted(name)} IS DISTINCT FROM found.{quoted(name)}")
        for name in EXACT
        if name in columns
    ]
    reasons += [(name, rounded_differs(name)) for name in ROUNDED if name in columns]
    cases = " ".join(f"WHEN {condition} THEN '{name}'" for name, condition in reasons)
    shown = ", ".join(
        f"wanted.{quoted(name)} AS {quoted('csv ' + name)}, "
        f"found.{quoted(name)} AS {quoted('table ' + name)}"
        for name in columns
    )
    return WINDOW_DIFFERENCES.format(reason=f"CASE {cases} END", shown=shown)


def report(connection, sentence, query):
    """Prints how many rows the query of differences has, and the first; returns the number."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE differing AS {query}")
    count, examples = rows_of(connection, "SELECT * FROM differing", EXAMPLES)
    print(f"  {sentence}: {count} differ")
    for example in examples:
        print("     ", example)
    return count


def count_of(connection, relation):
    return connection.execute(f"SELECT count(*) FROM {relation}").fetchone()[0]


def compare_windows(connection, table, arguments, window):
    name, size, slide = window
    columns = [column for column in EXACT + ROUNDED if column in table.columns]
    open_fired = arguments.out_of_orderness is None
    connection.execute(
        WINDOWS_QUERY.format(
            size=size,
            slide=slide,
            fires_open="true" if open_fired else "false",
            out_of_orderness=0 if open_fired else duration_micros(arguments.out_of_orderness),
        )
    )
    connection.execute(
        FOUND_WINDOWS_QUERY.format(
            source=text_literal(arguments.source),
            name=text_literal(name),
            columns=", ".join(quoted(column) for column in columns),
        )
    )
    sentence = (
        f"windows {name}: {count_of(connection, 'wanted_windows')} from the CSV, "
        f"{count_of(connection, 'found_windows')} in the table"
    )
    return report(connection, sentence, differences_query(columns, size))


def compare(arguments):
    started = time.monotonic()
    connection = connect()
    names = dict(pair.split("=", 1) for pair in arguments.metric)
    metrics = load_csv(connection, arguments.csv, names)
    tables = Path(arguments.root) / "tables"
    readings = Table(tables / f"readings_{arguments.source}")
    windows = Table(tables / "windows")
    faults = readings.faults(connection) + windows.faults(connection)
    for fault in faults:
        print(f"  {fault}")
    load_readings(connection, readings, metrics)
    sentence = (
        f"readings: {count_of(connection, 'csv')} values in the CSV, "
        f"{count_of(connection, 'readings')} in the table"
    )
    wrong = len(faults) + report(connection, sentence, READINGS_QUERY)
    windows.create_view(connection, "windows")
    again = "SELECT count(*) FROM windows WHERE revision > 0 AND source = "
    revisions = connection.execute(again + text_literal(arguments.source)).fetchone()[0]
    print(f"  windows: {revisions} firings are revisions")
    twice = (
        "SELECT device_id, metric, window_name, window_start, revision, count(*) AS n FROM windows "
        f"WHERE source = {text_literal(arguments.source)} GROUP BY ALL HAVING n > 1"
    )
    wrong += report(connection, "windows: firings that occur twice", twice)
    for window in arguments.window:
        wrong += compare_windows(connection, windows, arguments, window)
    seconds = time.monotonic() - started
    print(f"wind farm: {'everything holds' if wrong == 0 else 'FAILED'} ({seconds:.1f} s)")
    return 0 if wrong == 0 else 1


def window_argument(text):
    match = re.fullmatch(r"([^:]+):([^:]+):([^:]+)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME:SIZE:SLIDE")
    return match.group(1), duration_micros(match.group(2)), duration_micros(match.group(3))


def main(words):
    if words == ["--self-test"]:
        import wind_farm_self_test

        wind_farm_self_test.self_test()
        return 0
    parser = argparse.ArgumentParser(description="Compares tables with the wind farm's CSV.")
    parser.add_argument("--root", required=True)
    parser.add_argument("--csv", required=True)
    parser.add_argument("--source", required=True, help="name of the source, as in readings_NAME")
    parser.add_argument("--window", type=window_argument, action="append", default=[])
    parser.add_argument("--metric", action="append", default=[], help="CSV column=metric name")
    parser.add_argument("--out-of-orderness", help="open windows were not fired at the end")
    return compare(parser.parse_args(words))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
