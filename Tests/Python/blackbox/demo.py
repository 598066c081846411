"""The demonstration as somebody sees it who has never seen the program: it runs to its end, shows a
kill and the recovery, survives a kill from outside, ends in order on control-C at a terminal and
leaves no process behind even when it is killed itself; what it says it wrote is what others read.
"""

import collections
import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import subprocess
import termios
import threading
import time
from pathlib import Path

import harness
from deltalake import DeltaTable
from harness import EXIT_OK, require, wait_for

import delta_tables  # beside the oracles, where harness looks

SECONDS, SECONDS_QUICK = 25, 14
DEVICES = 40
# Twelve hours of a reading a minute.
RECORDS_MIN = DEVICES * 600
TABLES = [
    "anomalies",
    "dead_letter_replays",
    "dead_letters",
    "devices",
    "gaps",
    "readings_satellites",
    "windows",
]


def number(text):
    return int(text.replace(",", ""))


def children(pid):
    """Process ids of the children of a process."""
    with contextlib.suppress(OSError):
        found = []
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            found += [int(word) for word in path.read_text().split()]
        return found
    return []


def is_running(pid):
    """Whether a process is there and not merely waited for."""
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state != "Z"
    return False


class Demo:
    """One run of the demonstration, its output in a file."""

    def __init__(self, scenario, name, *flags):
        self.scenario, self.name = scenario, name
        self.folder = scenario.folder / f"{name}-folder"
        self.flags = ["demo", "--folder", self.folder, "--devices", DEVICES, "--seed",
                      scenario.random.randrange(1, 10_000), *flags]  # fmt: skip
        self.pipelines = set()
        self.process = self.start()

    def start(self):
        return self.scenario.start(self.name, *self.flags)

    @property
    def pid(self):
        return self.process.popen.pid

    def output(self):
        return self.process.log()

    def pipeline(self):
        """The process id of the pipeline that runs now; None while there is none."""
        for pid in children(self.pid):
            self.pipelines.add(pid)
            if is_running(pid):
                return pid
        return None

    def wait_for_pipeline(self):
        return wait_for("the pipeline runs", self.pipeline)

    def wait_for_commits(self, count):
        def committed():
            require(self.process.is_running, f"the demo ended early:\n{self.output()}")
            log = self.folder / "pipeline.log"
            return log.exists() and log.read_text().count('"committed"') >= count

        wait_for(f"{count} commits", committed)

    def end(self, code=EXIT_OK):
        """Waits for its end and checks that nothing of it is left."""
        self.pipeline()
        found = self.process.wait(240)
        require(found == code, f"{self.name} ended with {found}, not {code}:\n{self.output()}")
        wait_for("the pipeline's processes are gone", self.is_alone, 5)

    def is_alone(self):
        return not any(is_running(pid) for pid in self.pipelines)

    # ---- what it says

    def said(self, pattern):
        match = re.search(pattern, self.output(), re.M)
        require(match, f"{self.name} did not say {pattern!r}:\n{self.output()}")
        return match

    def table_rows(self):
        """{table: rows} as printed."""
        rows = re.findall(r"^  (\w+) +([\d,]+) rows? +[\d,]+ files? ", self.output(), re.M)
        return {table: number(count) for table, count in rows}


class TerminalDemo(Demo):
    """The same at a terminal, where it redraws its figures and control-C is a key."""

    def start(self):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, b"\x28\x00\x64\x00\x00\x00\x00\x00")
        self.master, self.text = master, b""
        process = TerminalProcess(self, slave)
        os.close(slave)
        threading.Thread(target=self.read, daemon=True).start()
        self.scenario.processes.append(process)
        return process

    def read(self):
        # The end of a terminal is an error on Linux.
        with contextlib.suppress(OSError):
            while True:
                piece = os.read(self.master, 65_536)
                if not piece:
                    return
                self.text += piece

    def output(self):
        return self.text.decode("utf-8", "replace").replace("\r\n", "\n")

    def press(self, key):
        os.write(self.master, key)


class TerminalProcess(harness.Process):
    """A process with a terminal of its own for all three of its streams."""

    def __init__(self, demo, slave):
        self.name = demo.name

        def take_terminal():
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.popen = subprocess.Popen(
            [harness.binary(), *map(str, demo.flags)], stdin=slave, stdout=slave, stderr=slave,
            cwd=demo.scenario.folder, start_new_session=True, preexec_fn=take_terminal,
        )  # fmt: skip
        self.demo = demo

    def log(self):
        return self.demo.output()


# ---- checks


def check_tables(demo):
    """What was printed against what deltalake and pyarrow read; every record there once."""
    printed = demo.table_rows()
    require(sorted(printed) == TABLES, f"printed tables: {sorted(printed)}")
    tables = {}
    for name in TABLES:
        table = DeltaTable(str(demo.folder / "data/tables" / name)).to_pyarrow_table()
        require(
            table.num_rows == printed[name],
            f"{name}: {table.num_rows} rows are read, {printed[name]} were printed",
        )
        tables[name] = table
    acknowledged = number(demo.said(r"^  ([\d,]+) records? acknowledged = ")[1])
    records = collections.Counter()
    for name in ("readings_satellites", "dead_letters"):
        columns = ["kafka_topic", "kafka_partition", "kafka_offset"]
        records.update(zip(*(tables[name][column].to_pylist() for column in columns)))
    doubled = [record for record, count in records.items() if count > 1]
    require(not doubled, f"{len(doubled)} records are there twice, such as {doubled[:3]}")
    require(
        len(records) == acknowledged,
        f"{len(records)} records are in the tables, {acknowledged} were acknowledged",
    )
    ends = collections.Counter()
    for _, partition, offset in records:
        ends[partition] = max(ends[partition], offset + 1)
    require(sum(ends.values()) == acknowledged, f"offsets with holes: {dict(ends)}")
    return tables, acknowledged


def check_queries(demo, tables):
    """The queries to paste, pasted."""
    text = demo.said(r"LOAD delta;$((?:\n(?:  .*)?)+)")[1]
    text = re.sub(r"--.*", "", text)
    connection = delta_tables.connect()
    queries = [query for query in text.split(";") if query.strip()]
    counts = [delta_tables.rows_of(connection, query, 1)[0] for query in queries]
    expected = [tables["anomalies"].num_rows, 10]
    require(counts == expected, f"the queries answer with {counts} rows, not {expected}:\n{text}")


def check_findings(demo, tables):
    """The tally counts as the table does: an independent look for the faults of `faults.json`."""
    faults = json.loads((demo.folder / "faults.json").read_text())
    opened = {
        (row["device_id"], row["metric"])
        for row in tables["anomalies"].to_pylist()
        if row["state"] == "opened"
    }
    found = int(demo.said(r"^Faults found: (\d+) of (\d+)")[1])
    expected = sum((fault["device"], fault["metric"]) in opened for fault in faults)
    require(found == expected, f"{found} faults were said to be found, the table has {expected}")
    demo.said(r"^False alarms: \d+ in [\d.,]+ series-days")
    return found, len(faults)


def check_whole(demo):
    demo.said(r"every record is there, once\.$")
    tables, acknowledged = check_tables(demo)
    check_queries(demo, tables)
    require(acknowledged >= RECORDS_MIN, f"only {acknowledged} records in twelve hours")
    found, count = check_findings(demo, tables)
    require(found >= count - 1, f"{found} of {count} faults were found:\n{demo.output()}")
    return found, count


# ---- scenarios


def plain(scenario, seconds):
    demo = Demo(scenario, "plain", "--seconds", seconds)
    demo.wait_for_pipeline()
    demo.end()
    require(demo.said(r"^folder +(\S+)")[1] == str(demo.folder), "it names another folder")
    found, count = check_whole(demo)
    require("restart" not in demo.output(), "it speaks of restarts")
    # The figures come from /status, but for what the log tells.
    demo.said(r"/s committed, lag [\d,]+; [\d,]+ windows fired, .* watermarks \d+ .*min behind")
    scenario.note(f"to its end: {found} of {count} faults found, rows as printed")


def with_kill(scenario, seconds):
    demo = Demo(scenario, "with-kill", "--seconds", seconds, "--kill")
    first = demo.wait_for_pipeline()
    wait_for("another pipeline runs", lambda: demo.pipeline() not in (None, first), 120)
    demo.end()
    demo.said(rf"^Half is sent. Now the pipeline's process {first} is killed")
    back = demo.said(r"^The pipeline is back, ([\d.]+) s after ")
    demo.said(r"^8 partitions where the last commit ended, at [\d,]+ records,$")
    demo.said(r"again, to rebuild its state, and committed version \d+\.$")
    demo.said(r"^Exactly once, over 1 restart of the pipeline:$")
    check_whole(demo)
    scenario.note(f"--kill: back after {back[1]} s, nothing lost, nothing doubled")


def killed_from_outside(scenario, seconds):
    demo = Demo(scenario, "killed-from-outside", "--seconds", seconds)
    for number_of_kill in range(2):
        pipeline = demo.wait_for_pipeline()
        demo.wait_for_commits(2 + number_of_kill)
        os.kill(pipeline, signal.SIGKILL)
        wait_for("another pipeline runs", lambda: demo.pipeline() not in (None, pipeline))
        demo.process.wait_for_log(f"The pipeline's process {pipeline} was killed (SIGKILL).")
    demo.end()
    demo.said(r"^Exactly once, over 2 restarts of the pipeline:$")
    check_whole(demo)
    scenario.note("kill -9 from outside, twice: nothing lost, nothing doubled")


def control_c(scenario, seconds):
    demo = TerminalDemo(scenario, "control-c", "--seconds", seconds * 4)
    demo.wait_for_pipeline()
    demo.wait_for_commits(2)
    wait_for("the figures are drawn over", lambda: "\x1b[J" in demo.output())
    demo.press(b"\x03")
    demo.end()
    demo.said(r"Stopping: the fleet is silent")
    demo.said(r"every record is there, once\.$")
    demo.said(r"the run ended too early")
    check_tables(demo)
    scenario.note("control-C at a terminal: ended in order, tally and tables whole")


def killed_itself(scenario, seconds):
    demo = Demo(scenario, "killed-itself", "--seconds", seconds * 4)
    demo.wait_for_pipeline()
    demo.wait_for_commits(1)
    require(demo.process.kill(), "it ended before it was killed")
    started = time.monotonic()
    wait_for("the pipeline ends with its demo", demo.is_alone, 20)
    scenario.note(f"killed itself: the pipeline was gone {time.monotonic() - started:.1f} s later")


def wrong_use(scenario):
    """Said at once, with nothing started."""
    full = scenario.folder / "full"
    full.mkdir()
    (full / "something").touch()
    for flags, code in [(["--folder", full], harness.EXIT_UNAVAILABLE), (["--seconds", "1"], 64)]:
        process = scenario.start(f"wrong-{code}", "demo", *flags)
        found = process.wait(30)
        require(found == code, f"demo {flags} ended with {found}:\n{process.last_lines()}")
    require(list(full.iterdir()) == [full / "something"], "it wrote into a folder with files")


def run(scenario):
    seconds = SECONDS_QUICK if scenario.is_quick else SECONDS
    wrong_use(scenario)
    plain(scenario, seconds)
    with_kill(scenario, seconds)
    killed_from_outside(scenario, seconds)
    control_c(scenario, seconds)
    killed_itself(scenario, seconds)


if __name__ == "__main__":
    harness.main(run)
