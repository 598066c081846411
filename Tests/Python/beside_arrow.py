"""ParquetBenchmark beside Arrow: the same rows, one thread, zstd 1, in turn.

    beside_arrow.py BENCHMARK [--rows N] [--pairs N] [--repeat N] [FILE.parquet ...]

BENCHMARK is the built program. Without files the tables are its own (`raw-rounded`, `raw-mixed`,
`windows`); with files, their rows, which must be flat and one row group. Each pair is one run of
ours (best of REPEAT in its process) and one of pyarrow (best of REPEAT here): user and system
processor time of writing rows that lie in memory into memory. Prints medians over the pairs, the
median of the ratios pair by pair, and bytes a row.

pyarrow writes with its settings as they come (`arrow`), and with what ours has besides, page
index and pages of 20,480 rows (`arrow, indexed`).
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

import pyarrow as pa
import pyarrow.parquet as pq

TABLES = ("raw-rounded", "raw-mixed", "windows")
FORMS = {
    "arrow": {},
    "arrow, indexed": {"write_page_index": True, "max_rows_per_page": 20_480},
}


def ours(arguments, selection, prefix):
    """CPU seconds a million rows, and bytes a row."""
    command = [arguments.benchmark, "--repeat", str(arguments.repeat), *selection]
    done = subprocess.run(
        [*command, "--write", prefix], check=True, capture_output=True, text=True
    )
    found = re.search(r"rows, ([\d.]+) CPU s a million rows, ([\d.]+) bytes a row", done.stdout)
    if not found:
        sys.exit(f"{command} printed {done.stdout}{done.stderr}")
    return float(found[1]), float(found[2])


def arrows(table, repeat, form):
    best = float("inf")
    for _ in range(repeat):
        sink = pa.BufferOutputStream()
        start = time.process_time()
        pq.write_table(
            table, sink, compression="zstd", compression_level=1, row_group_size=table.num_rows,
            **form,
        )  # fmt: skip
        best = min(best, time.process_time() - start)
        size = sink.getvalue().size
    return best / table.num_rows * 1e6, size / table.num_rows


def compare(arguments, name, selection):
    with tempfile.TemporaryDirectory() as folder:
        prefix = os.path.join(folder, "x-")
        figures = {"ours": []} | {form: [] for form in FORMS}
        table = None
        for _ in range(arguments.pairs):
            figures["ours"].append(ours(arguments, selection, prefix))
            if table is None:
                (path,) = (os.path.join(folder, file) for file in os.listdir(folder))
                table = pq.read_table(path, use_threads=False).combine_chunks()
            for form, options in FORMS.items():
                figures[form].append(arrows(table, arguments.repeat, options))
    print(f"{name}: {table.num_rows} rows, {arguments.pairs} pairs")
    for form, pairs in figures.items():
        ratios = [own[0] / pair[0] for own, pair in zip(figures["ours"], pairs)]
        seconds = [pair[0] for pair in pairs]
        print(
            f"  {form:15} {statistics.median(seconds):.3f} CPU s a million"
            f" ({min(seconds):.3f} to {max(seconds):.3f}), {pairs[0][1]:.2f} bytes a row,"
            f" ours takes {statistics.median(ratios):.2f} of its time"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("benchmark")
    parser.add_argument("files", nargs="*")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    for file in arguments.files:
        compare(arguments, os.path.basename(file), ["--read", file])
    if not arguments.files:
        for table in TABLES:
            compare(arguments, table, ["--table", table, "--rows", str(arguments.rows)])


if __name__ == "__main__":
    main()
