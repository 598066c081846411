"""The readers' matrix: every engine people point at the directory, on every table, after everything
that happens to tables; compared with what was produced.

    DOWNLINKD=.build/debug/downlinkd readers.py [--seed N] [--only READER…] [--write-docs]

Each reader gives all rows of each table, counts, sums and bounds by its own engine, and the rows of
a list of filters. `--write-docs` puts the matrix into docs/READERS.md. Exit code 0 when all is as
it must be.
"""

import datetime
import os
import re
import sys
import time
import traceback
from collections import defaultdict
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "blackbox")]

import harness  # noqa: E402  (its folder is not on the path before)
from comparison import difference_of_aggregates, difference_of_rows, without_nan  # noqa: E402
from engines import ClickHouse, DeltalakeArrow, DeltalakeSql, DuckDB, Polars, Reader  # noqa: E402
from file_engines import Arrow, FastParquet, Spark  # noqa: E402
from harness import require  # noqa: E402
from opened import OpenedFiles  # noqa: E402
from pipeline import Pipeline  # noqa: E402
from stages import STAGES  # noqa: E402
from truth import KEYS, LOOSE, aggregates_of, filters_of, mask  # noqa: E402

PAGE = harness.ORACLES.parent.parent / "docs/READERS.md"
OK, PART, NOTHING = "ok", "part", "·"


def all_readers(folder):
    return [
        DeltalakeArrow(), DeltalakeSql(), DuckDB(), Polars(), ClickHouse(folder / "clickhouse"),
        Arrow(), Spark(True, folder), Spark(False, folder), FastParquet(),
    ]  # fmt: skip


class Finding(Exception):
    """What a reader gave that is not due."""


class Matrix:
    def __init__(self):
        # (stage, table, reader) -> OK, NOTHING or a sentence.
        self.cells = {}
        self.seconds = defaultdict(float)
        # (reader, filter) -> files opened, files there; over all stages and tables.
        self.opened = defaultdict(lambda: [0, 0])
        self.met_traps = defaultdict(set)
        # Stage -> files of readings, their row groups, and those left by a filter on one device.
        self.groups = defaultdict(lambda: [0, 0, 0])

    def ask(self, stage, reader, live, due):
        """One reader on one table."""
        if not reader.reads_log and not live.files():
            self.cells[stage, live.name, reader.name] = NOTHING
            return
        started = time.monotonic()
        watch = OpenedFiles(live.path)
        try:
            known = self.judge(reader, live, due, watch)
            said = f"{PART}: {known}" if known else OK
        except Finding as finding:
            said = str(finding)
        except Exception as error:  # whatever an engine throws is its answer
            said = f"{type(error).__name__}: {str(error)[:300]}"
            traceback.print_exc(limit=3)
        finally:
            watch.close()
        self.seconds[reader.name] += time.monotonic() - started
        self.cells[stage, live.name, reader.name] = said
        if said != OK and not said.startswith(PART):
            print(f"  {stage} | {live.name} | {reader.name}: {said}", flush=True)

    def judge(self, reader, live, due, watch):
        """Raises what is not due; returns what is known to be wrong, in a sentence."""
        name = live.name
        reader.open(live)
        misread, why = reader.misread(due)
        due = due.drop(sorted(misread & set(due.schema.names)))
        if reader.nan_is_null:
            due = without_nan(due)
        found = reader.rows([])
        if set(found.schema.names) != set(live.schema.names):
            raise Finding(f"columns {found.schema.names}, due are {live.schema.names}")
        self.compare("all rows", reader, name, found, due)
        if reader.is_second:
            return None
        loose = LOOSE.get(name, [])
        for terms, asked in aggregates_of(due, UNFORETOLD.get(name, []), loose):
            if difference := difference_of_aggregates(reader.aggregates(terms, asked), asked):
                raise Finding(difference)
        filters = [
            one for one in filters_of(name, due) if not misread & {term[0] for term in one.terms}
        ]
        for one in [one for one in filters if one.name in reader.looked_at]:
            watch.taken()
            (found,) = reader.rows_of_each([one])
            self.judge_filter(reader, name, one, found, due)
            self.judge_opened(reader, live, one, watch.taken())
        others = [one for one in filters if one.name not in reader.looked_at]
        for one, found in zip(others, reader.rows_of_each(others), strict=True):
            self.judge_filter(reader, name, one, found, due)
        return why if misread else None

    def judge_filter(self, reader, name, one, found, due):
        wanted = due.filter(mask(due, one.terms))
        if isinstance(found, Exception):
            if not any(words in str(found) for words, _ in reader.refusals):
                raise found
            self.met_traps[reader.name].add(one.name)
        elif (name, one.name) in reader.traps and found.num_rows < wanted.num_rows:
            self.met_traps[reader.name].add(one.name)
        else:
            self.compare(f"filter `{one.name}`", reader, name, found, wanted)

    def count_groups(self, stage, live, due):
        """How many row groups hold a device by their bounds, which all but fastparquet go by."""
        device = due["device_id"][due.num_rows // 2].as_py()
        left, there = live.row_groups("device_id", device)
        counts = self.groups[stage]
        for place, count in enumerate((len(live.adds), there, left)):
            counts[place] += count

    @staticmethod
    def compare(what, reader, name, found, due):
        loose = LOOSE.get(name, [])
        difference = difference_of_rows(found, due, KEYS[name], loose)
        if difference:
            raise Finding(f"{what}: {difference}")

    def judge_opened(self, reader, live, one, opened):
        files = set(live.files())
        counts = self.opened[reader.name, one.name]
        counts[0] += len(opened & files)
        counts[1] += len(files)
        dates = [value for column, _, value in one.terms if column == "event_date"]
        if dates and reader.prunes_dates:
            other = opened - set(live.files(event_date=dates[0].isoformat()))
            if other:
                raise Finding(f"filter `{one.name}`: opens {len(other)} files of other dates")

    @property
    def faults(self):
        return {
            place: said for place, said in self.cells.items()
            if said not in (OK, NOTHING) and not said.startswith(PART)
        }  # fmt: skip

    def markdown(self, readers):
        """The matrix as people read it."""
        names = [reader.name for reader in readers]
        lines = [f"| after | table | {' | '.join(names)} |", "| --- " * (len(names) + 2) + "|"]
        notes = {}
        for stage, table in dict.fromkeys((stage, table) for stage, table, _ in self.cells):
            row = []
            for name in names:
                said = self.cells.get((stage, table, name), "")
                if said not in (OK, NOTHING, ""):
                    word, _, why = said.rpartition(f"{PART}: ")
                    number = notes.setdefault(f"{name}: {why}", len(notes) + 1)
                    said = f"{'no' if word or said == why else PART} ({number})"
                row.append(said)
            lines.append(f"| {stage} | `{table}` | {' | '.join(row)} |")
        numbered = [f"{number}. {note}" for note, number in notes.items()]
        return "\n".join([*lines, "", *numbered]).strip() + "\n"

    def pruning(self, readers):
        """Files opened of those there, by filter."""
        lines = [f"| files opened by a filter on | {' | '.join(Reader.looked_at)} |"]
        lines.append("| --- " * (len(Reader.looked_at) + 1) + "|")
        for reader in readers:
            row = []
            for name in Reader.looked_at:
                opened, there = self.opened[reader.name, name]
                row.append(f"{opened} of {there}" if there else "")
            lines.append(f"| {reader.name} {reader.version} | {' | '.join(row)} |")
        lines += ["", "| after | files of readings | row groups | left by one device |"]
        lines.append("| --- " * 4 + "|")
        lines += [f"| {stage} | {' | '.join(map(str, c))} |" for stage, c in self.groups.items()]
        return "\n".join(lines) + "\n"


# Columns that no reference foretells and that are never null.
UNFORETOLD = {
    "anomalies": ["anomaly_id", "evidence"], "dead_letters": ["detail"], "gaps": [],
    "dead_letter_replays": [],
}  # fmt: skip


def check(stage, matrix, readers, pipeline):
    """All readers on all tables."""
    started = time.monotonic()
    tables, faults = pipeline.settle()
    for name, live in tables.items():
        due = pipeline.truth.tables[name]
        if name.startswith("readings_"):
            matrix.count_groups(stage, live, due)
        for reader in readers:
            matrix.ask(stage, reader, live, due)
    counts = ", ".join(f"{live.row_count} in {len(live.adds)} files of {name}"
                       for name, live in tables.items() if live.adds)  # fmt: skip
    pipeline.scenario.note(f"{stage}: {counts} ({time.monotonic() - started:.0f} s)")
    return faults


def write_docs(matrix, readers):
    """Puts the tables between their marks in the page."""
    text = PAGE.read_text(encoding="utf-8")
    for mark, body in (("matrix", matrix.markdown(readers)), ("opened", matrix.pruning(readers))):
        pattern = rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)"
        require(re.search(pattern, text, re.S), f"{PAGE.name} has no marks for {mark}")
        text = re.sub(pattern, lambda m, body=body: f"{m[1]}\n{body}\n{m[2]}", text, flags=re.S)
    PAGE.write_text(text, encoding="utf-8")


def run(scenario):
    arguments = scenario.arguments
    # ClickHouse reads below the working folder only, and Spark leaves things there.
    os.chdir(scenario.folder)
    today = datetime.datetime.now(datetime.timezone.utc).date()
    pipeline = Pipeline(scenario, arguments.devices, today - datetime.timedelta(days=12))
    readers = all_readers(scenario.folder)
    if arguments.only:
        readers = [one for one in readers if any(word in one.name for word in arguments.only)]
    matrix, faults = Matrix(), []
    for stage, act in STAGES:
        started = time.monotonic()
        act(pipeline)
        scenario.note(f"{stage}: done in {time.monotonic() - started:.0f} s")
        faults += check(stage, matrix, readers, pipeline)
    for reader in readers:
        reader.close()
        traps = sorted(matrix.met_traps[reader.name])
        note = f", met its trap: {', '.join(traps)}" if traps else ""
        scenario.note(f"{reader.name} {reader.version}: {matrix.seconds[reader.name]:.0f} s{note}")
    print(matrix.markdown(readers) + "\n" + matrix.pruning(readers), flush=True)
    if arguments.write_docs:
        write_docs(matrix, readers)
    found = faults + [f"{' | '.join(place)}: {said}" for place, said in matrix.faults.items()]
    require(not found, f"{len(found)} findings:\n" + "\n".join(found))
    pipeline.stop()
    scenario.note(f"{len(matrix.cells)} cells")


def add_arguments(parser):
    parser.add_argument("--only", nargs="*", help="words in the names of readers")
    parser.add_argument("--devices", type=int, default=200, help="of each source")
    parser.add_argument("--write-docs", action="store_true", help="put the matrix into the page")


if __name__ == "__main__":
    harness.main(run, add_arguments)
