"""Tables are maintained while a fleet produces, with everything far too small: files are merged, a
date expires, log checkpoints are written, logs cleaned up, files deleted. The program is killed at
every crash point of that, and at random. After every kill the disk shows what that point leaves,
`downlinkd verify` finds no fault and neither do other engines; in the end the rows are those that
were produced, but for the expired date.

    maintenance.py [--seed N] [--quick]
"""

import collections
import datetime
import json
import re
import signal
import time
from urllib.parse import unquote

from deltalake import DeltaTable

import fleet
import harness
from audit import Auditor
from delta_tables import Table, connect
from harness import ORACLES, require, wait_for
from undisturbed import compare_with_undisturbed

PARTITIONS = {fleet.SNAPSHOTS: 2, fleet.SAMPLES: 2}
# Eight minutes of it: without records there are no commits, and nothing to maintain.
RATE, RECORD_LIMIT = 100, 50_000
# The fleet's midnight comes with the 40,000th record.
FIRST_RECORDS = 42_000
# A pass is made every half minute. A log is cleaned up by the fourth at the soonest: the ledger's
# newest two summaries, one every 32 commits, must both be newer than a log checkpoint that is old.
CRASH_SECONDS = 300
EXPIRED = "2025-12-31"
# Rows of these are kept so long that the fleet's first date is too old and its second is not.
EXPIRING = ["readings_snapshots", "windows"]
OPERATIONS = ("OPTIMIZE", "DELETE")
# A log and removed files are kept for an hour at least, unless the table says otherwise.
SHORT = {
    "delta.logRetentionDuration": "interval 1 seconds",
    "delta.deletedFileRetentionDuration": "interval 1 seconds",
}


def crash_points():
    source = ORACLES.parents[1] / "Sources/Base/CrashPoint.swift"
    names = re.findall(r'^  case \w+ = "(maintenance_\w+)"$', source.read_text("utf-8"), re.M)
    require(len(names) > 4, f"no crash points of maintenance in {source}")
    return names


def keep_text():
    """How long rows are kept: the expired date ended one hour earlier."""
    end = datetime.datetime.fromisoformat(EXPIRED).replace(tzinfo=datetime.timezone.utc)
    age = datetime.datetime.now(datetime.timezone.utc) - end - datetime.timedelta(days=1)
    return f"{int(age.total_seconds() // 3600) - 1}h"


def write_config(scenario, brokers, root):
    keep = keep_text()
    return scenario.write_config(
        harness.base_config(
            brokers, root, **fleet.fleet_sections(), detectors=fleet.DETECTORS,
            tables={name: {"keep": keep} for name in EXPIRING},
            maintenance={"settle": "0s", "log_checkpoint": 5, "file_size": "1MiB"},
        )
    )  # fmt: skip


def tables(root):
    """The logs of all tables, by name."""
    return {path.name: path / "_delta_log" for path in sorted((root / "tables").iterdir())}


def be_short(root):
    """Lets another engine set what lets logs and files go at once."""
    for name in tables(root):
        DeltaTable(str(root / "tables" / name)).alter.set_table_properties(SHORT)


class Watch:
    """What maintenance has been seen to do: of what is cleaned up, nothing is left to count."""

    def __init__(self, root):
        self.root = root
        self.operations = collections.Counter()
        self.seen, self.cleaned, self.checkpoints = {}, set(), set()

    def look(self):
        for name, log in tables(self.root).items():
            names = {path.name for path in log.iterdir()}
            self.checkpoints |= {(name, file) for file in names if ".checkpoint." in file}
            commits = {file for file in names if re.fullmatch(r"\d{20}\.json", file)}
            self.cleaned |= {(name, file) for file in self.seen.get(name, set()) - commits}
            for file in commits - self.seen.get(name, set()):
                self.take(log / file)
            self.seen[name] = self.seen.get(name, set()) | commits

    def take(self, path):
        try:
            lines = path.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            info = json.loads(line).get("commitInfo")
            if info and "txn" not in line:
                self.operations[info.get("operation")] += 1


def has_expired(root):
    """Whether no live file of the tables that expire is of the expired date."""
    return all(
        f"event_date={EXPIRED}" not in path
        for name in EXPIRING
        for path, _, _ in Table(root / "tables" / name).files()
    )


def data_files(root):
    """What stands in a table, whatever its partition columns are: `devices` has three."""
    found = (root / "tables").rglob("*.parquet")
    return {path for path in found if path.parent.name != "_delta_log"}


def missing_files(root):
    """Data files that a commit has added or removed and that are not there."""
    named = set()
    for log in tables(root).values():
        for commit in log.glob("*.json"):
            for line in commit.read_text("utf-8").splitlines():
                action = json.loads(line)
                if file := action.get("add") or action.get("remove"):
                    named.add(log.parent / unquote(file["path"]))
    return named - data_files(root)


def is_done(root, watch):
    watch.look()
    return has_expired(root) and all(watch.operations[name] for name in OPERATIONS)


def newest_output(root):
    """The file that maintenance made last, and whether its table has it; it makes one at a time."""
    outputs = list((root / "tables").glob("*/*/blackbox-m*.parquet"))
    if not outputs:
        return None, False
    newest = max(outputs, key=lambda path: path.stat().st_mtime_ns)
    table = newest.parents[1]
    live = {path for path, _, _ in Table(table).files()}
    return newest, str(newest.relative_to(table)) in live


def unfinished_files(root, process_id):
    """Data files that the process had begun: rows are in them, and no footer."""
    return [
        path for path in (root / "tables").glob(f"*/event_date=*/.tmp-{process_id}-*")
        if (data := path.read_bytes())[:4] == b"PAR1" and data[-4:] != b"PAR1"
    ]  # fmt: skip


def unnamed_checkpoints(root):
    """Tables with a log checkpoint that `_last_checkpoint` does not name."""
    found = []
    for name, log in tables(root).items():
        written = max((int(path.name[:20]) for path in log.glob("*.checkpoint.parquet")), default=-1)
        hint = log / "_last_checkpoint"
        if written > (json.loads(hint.read_text("utf-8"))["version"] if hint.exists() else -1):
            found.append(name)
    return found


class Evidence:
    """What the disk shows of the point at which a process was killed, by what it was before."""

    def __init__(self, root, watch):
        self.root, self.watch = root, watch
        watch.look()
        self.data, self.missing = data_files(root), missing_files(root)
        self.operations = self.maintained()
        self.logs = self.log_files()

    def maintained(self):
        return sum(self.watch.operations[name] for name in OPERATIONS)

    def log_files(self):
        return {path for log in tables(self.root).values() for path in log.iterdir()}

    def of(self, point, process_id):
        """Whether it is there; the watch has looked."""
        match point:
            case "maintenance_file_open":
                return unfinished_files(self.root, process_id)
            case "maintenance_files_closed":
                path, is_live = newest_output(self.root)
                return path and path not in self.data and not is_live
            case "maintenance_commit_after":
                return self.maintained() > self.operations
            case "maintenance_checkpoint_written":
                return unnamed_checkpoints(self.root)
            case "maintenance_deleting":
                # It may be a file that the killed process itself had made.
                return self.data - data_files(self.root) or missing_files(self.root) - self.missing
            case "maintenance_log_cleaning":
                return self.logs - self.log_files()
        raise harness.Failure(f"nobody says here what {point} leaves")


def kill_at(scenario, config, point, watch):
    evidence = Evidence(watch.root, watch)
    daemon = scenario.daemon(config, crash_point=f"{point}:{scenario.random.randrange(1, 3)}")
    code = daemon.wait(CRASH_SECONDS)
    require(
        code == -signal.SIGKILL, f"{daemon.name} ended with {code}, not at {point}:\n"
        f"{daemon.last_lines()}")  # fmt: skip
    for event in daemon.events():
        require(event.get("level") != "critical", f"{daemon.name} said {event}")
    watch.look()
    is_shown = evidence.of(point, daemon.popen.pid)
    require(is_shown, f"{daemon.name} was killed, and the disk shows nothing of {point}")


def kill_at_random(scenario, config, watch):
    daemon = scenario.daemon(config)
    daemon.wait_for_log('"committed"', 60)
    time.sleep(scenario.random.uniform(0, 3))
    require(daemon.kill(), f"{daemon.name} ended with {daemon.code} before it was killed")
    watch.look()


def run(scenario):
    brokers = scenario.broker(**PARTITIONS)
    root = scenario.folder / "data"
    config = write_config(scenario, brokers, root)
    produced = scenario.folder / "produced.jsonl"
    producer = fleet.Producer(brokers, produced, PARTITIONS)
    made = fleet.Fleet(scenario.arguments.seed)
    producer.send_all(made, FIRST_RECORDS)
    scenario.catch_up(config)
    be_short(root)
    watch = Watch(root)
    watch.look()
    steady = fleet.SteadyProducer(producer, made, RATE, RECORD_LIMIT)
    points = crash_points()
    plan = points * (1 if scenario.is_quick else 2) + [None] * 3
    scenario.random.shuffle(plan)
    for point in plan:
        if point is None:
            kill_at_random(scenario, config, watch)
        else:
            kill_at(scenario, config, point, watch)
        check_whole(scenario, root, config, f"after a kill at {point or 'random'}")
    steady.stop()
    scenario.catch_up(config, "--fire-open-windows")
    daemon = scenario.daemon(config)
    wait_for("the date has expired, and files were merged", lambda: is_done(root, watch), 150, 1)
    require(daemon.stop() == harness.EXIT_OK, f"{daemon.name}:\n{daemon.last_lines()}")
    watch.look()
    check(scenario, root, config, produced, watch, len(plan))


def check_whole(scenario, root, config, when):
    """Our verifier and the others' readers; the report of the first."""
    report = Auditor(scenario, config).holds(when)
    connection = connect()
    for name in tables(root):
        found = Table(root / "tables" / name).faults(connection)
        require(not found, f"{when} readers find faults: {found}")
    return report


def check(scenario, root, config, produced, watch, kills):
    scenario.note(
        f"{kills} kills; {dict(watch.operations)}; {len(watch.checkpoints)} log checkpoints, "
        f"{len(watch.cleaned)} commits cleaned up"
    )
    for operation in OPERATIONS:
        require(watch.operations[operation] > 0, f"nobody has seen an {operation}")
    require(watch.checkpoints, "nobody has seen a log checkpoint")
    require(watch.cleaned, "no commit was cleaned up")
    report = check_whole(scenario, root, config, "after maintenance and kills")
    for name in EXPIRING:
        require(Table(root / "tables" / name).files(), f"of {name} no date is left to compare")
    scenario.note(f"verify holds after each kill and now: {report['notes']} notes")
    undisturbed = compare_with_undisturbed(
        scenario, root, config, without=("tables", "maintenance"),
        where={name: f"event_date <> DATE '{EXPIRED}'" for name in EXPIRING},
    )  # fmt: skip
    config = scenario.folder / "undisturbed.yaml"
    scenario.verify(undisturbed, produced, config, "--ledger", "--open-windows-fired")


if __name__ == "__main__":
    harness.main(run)
