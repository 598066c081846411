"""What page and row-group sizes cost and bring: the same rows in several layouts, asked by readers.

    parquet_layout.py BENCHMARK [--rows N] [--runs N]

Writes the raw rows of ParquetBenchmark (2,000 devices, sorted by device and time) in every layout
and asks DuckDB and pyarrow, one thread each: the sum of a column, all of one device, one hour of all
devices. Prints bytes a row and the median processor time of each answer in milliseconds.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

PAGES = (5_120, 20_480, 122_880, 1_000_000)
ROW_GROUPS = (122_880, 491_520, 2_000_000)
COLUMNS = ["event_time", "metric_0", "metric_1"]


def timed(runs, ask):
    answers = set()
    seconds = []
    for _ in range(runs + 1):
        start = time.process_time()
        answers.add(ask())
        seconds.append(time.process_time() - start)
    assert len(answers) == 1, answers
    return statistics.median(seconds[1:]) * 1000, answers.pop()


def questions(path, bounds):
    device, low, high = bounds
    connection = duckdb.connect()
    connection.execute("set threads = 1")
    rows = f"read_parquet('{path}')"
    hour = f"event_time >= make_timestamptz({low}) and event_time < make_timestamptz({high})"

    def duck(condition):
        query = f"select count(*), round(sum(metric_0), 3), round(sum(metric_1), 3) from {rows}"
        return lambda: connection.execute(query + condition).fetchone()

    def arrow(condition):
        def ask():
            table = ds.dataset(path).to_table(
                columns=COLUMNS[1:], filter=condition, use_threads=False
            )
            sums = (round(pc.sum(column).as_py(), 3) for column in table.columns)
            return (table.num_rows, *sums)

        return ask

    time_of = pc.field("event_time")
    stamp = pa.timestamp("us", tz="UTC")
    in_hour = (time_of >= pa.scalar(low, stamp)) & (time_of < pa.scalar(high, stamp))
    return {
        "DuckDB scan": duck(""),
        "DuckDB device": duck(f" where device_id = '{device}'"),
        "DuckDB hour": duck(f" where {hour}"),
        "pyarrow scan": arrow(None),
        "pyarrow device": arrow(pc.field("device_id") == device),
        "pyarrow hour": arrow(in_hour),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("benchmark")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    known = {}
    print("row group | page | bytes a row | " + " | ".join(questions("", ("", 0, 0))))
    with tempfile.TemporaryDirectory() as folder:
        for row_group in ROW_GROUPS:
            for page in PAGES:
                if page > row_group:
                    continue
                subprocess.run(
                    [
                        arguments.benchmark, "--rows", str(arguments.rows), "--table",
                        "raw-mixed", "--row-group", str(row_group), "--page", str(page),
                        "--write", os.path.join(folder, "x-"),
                    ],
                    check=True, capture_output=True,
                )  # fmt: skip
                path = os.path.join(folder, "x-raw-mixed.parquet")
                start = 1_790_000_000_000_000
                span = 1_000_000 * arguments.rows // 2000
                bounds = ("device-000777", start + span // 2, start + span // 2 + span // 24)
                cells = []
                for name, ask in questions(path, bounds).items():
                    milliseconds, answer = timed(arguments.runs, ask)
                    # The sums of two programs differ in their last digit.
                    kind = name.split()[1]
                    count = known.setdefault(kind, answer[0])
                    assert count == answer[0], (name, answer, known)
                    cells.append(f"{milliseconds:.1f}")
                size = os.path.getsize(path) / arguments.rows
                print(f"{row_group} | {page} | {size:.2f} | " + " | ".join(cells), flush=True)


if __name__ == "__main__":
    main()
