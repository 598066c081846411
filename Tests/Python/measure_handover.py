"""Measures how long partitions stand still when instances come and go: 1 → 3 → 1 under load.

    DOWNLINKD=… measure_handover.py [--rate 1000] [--partitions 12] [--repeats 3] [--noida]

Two instances join one after the other, one leaves in order (SIGTERM), one is killed; again and
again. A partition stands still from its last commit by one owner to the first commit by the next,
by the entries' own times; only commits that cover new records count. The time divides at the
moment the broker's SyncGroup answer arrives at the new owner:

    broker's part   last commit (a crash: the kill) → SyncGroup answer. The session's time-out, and
                    the embedded broker's waits of about session.timeout.ms − 1 s a rebalance.
    own part        SyncGroup answer → first commit: offsets asked, chain and state read, records
                    fetched, replayed, decoded, and the commit's interval.

A crash adds what had been read since the last commit: `before`. Kept partitions are those that
stayed where they were: the longest time between two commits of them while the others moved. It
verifies the tables at the end. The last lines are Markdown, for docs/PERFORMANCE.md.

With --noida the broker is noida-db, whose group answers at once; it forgets no dead member, so that
nobody is killed there.
"""

import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "blackbox"))

import fleet
import group_log
import harness
from brokers import KeptBroker
from chain_watch import ChainWatch
from harness import EXIT_OK, require, wait_for
from undisturbed import compare_with_undisturbed

SETTLE_SECONDS = 4
# A broker keeps 5 MiB of a partition, a record is below 300 bytes.
RECORDS_A_PARTITION = 12_000


@dataclass
class Handover:
    """One partition's way from one owner to the next."""

    before: float
    broker: float
    own: float

    @property
    def total(self):
        return self.before + self.broker + self.own


class Measurement:
    def __init__(self, scenario):
        arguments = scenario.arguments
        self.scenario = scenario
        partitions = {fleet.SNAPSHOTS: arguments.partitions}
        if arguments.noida:
            broker = KeptBroker(scenario)
            broker.create(partitions)
            brokers = broker.address
            arguments.session_ms = max(6_000, arguments.session_ms)
        else:
            brokers = scenario.broker(**partitions)
        self.root = scenario.folder / "data"
        windows = [{"name": "1m", "size": "1m", "slide": "20s", "metrics": ["*_c", "*_v"]}]
        config = harness.base_config(
            brokers, self.root, [fleet.SOURCES[0]], windows=windows, event_time=fleet.EVENT_TIME,
            detectors=fleet.DETECTORS_OF_SNAPSHOTS,
            log={"level": group_log.LOG_LEVEL, "format": "json"},
        )  # fmt: skip
        config["kafka"]["properties"] |= group_log.PROPERTIES
        config["kafka"]["properties"]["session.timeout.ms"] = arguments.session_ms
        self.config = scenario.write_config(config)
        self.produced = scenario.folder / "produced.jsonl"
        producer = fleet.Producer(brokers, self.produced, partitions)
        made = fleet.Fleet(arguments.seed, device_count=200, step_ms=10, snapshots_only=True)
        limit = RECORDS_A_PARTITION * arguments.partitions
        self.steady = fleet.SteadyProducer(producer, made, arguments.rate, limit)
        self.watch = ChainWatch(self.root)
        self.instances = []
        self.logs = {}
        # event -> (handovers, longest stand-still of kept partitions)
        self.found = {}

    def start(self):
        daemon = self.scenario.daemon(self.config)
        self.instances.append(daemon)
        self.logs[daemon.name] = daemon.log_path
        return daemon

    def taken_up(self):
        """{partition: everybody who was given it, in order}."""
        found = {}
        for name, path in self.logs.items():
            for one in group_log.taken_up(name, path):
                found.setdefault(one.partition, []).append(one)
        for every in found.values():
            every.sort(key=lambda one: one.at)
        return found

    def is_settled(self, begun):
        """Every partition has had two commits of new records since its last change of owner, and
        every instance holds some."""
        given = self.taken_up()
        if len(given) < self.scenario.arguments.partitions:
            return False
        holders = {every[-1].instance for every in given.values()}
        if holders != {daemon.name for daemon in self.instances}:
            return False
        return all(
            sum(move.at > max(begun, every[-1].at) for move in self.progress(name)) >= 2
            for name, every in given.items()
        )

    def progress(self, partition):
        """The commits of a partition that cover new records."""
        topic, _, number = partition.rstrip("]").partition("[")
        moves = self.watch.moves.get((topic, int(number)), [])
        return [move for move in list(moves) if move.to > move.start]

    def measure(self, event, act, is_crash=False):
        """Brings the event about, waits until all is quiet again, and notes what moved."""
        before = {name: every[-1] for name, every in self.taken_up().items()}
        begun = time.time()
        act()
        wait_for(f"{event} is over", lambda: self.is_settled(begun), pause=0.3)
        handovers, longest = self.found.setdefault(event, ([], []))
        for name, every in self.taken_up().items():
            new = every[-1]
            if new.instance == before[name].instance:
                longest.append(self.longest_gap(name, begun))
            else:
                handovers.append(self.handover(name, new, begun if is_crash else None))
        time.sleep(SETTLE_SECONDS / 2)

    def handover(self, name, new, killed_at):
        progress = self.progress(name)
        left = max(move.at for move in progress if move.at < new.at)
        back = min(move.at for move in progress if move.at > new.at)
        gone = left if killed_at is None else max(left, killed_at)
        return Handover(gone - left, max(0.0, new.synced_at - gone), back - new.synced_at)

    def longest_gap(self, name, begun):
        times = [move.at for move in self.progress(name) if move.at > begun - 3]
        return max((b - a for a, b in zip(times, times[1:])), default=0.0)

    def leave(self):
        daemon = self.instances.pop(0)
        code = daemon.stop()
        require(code == EXIT_OK, f"SIGTERM ended with {code}:\n{daemon.last_lines()}")

    def crash(self):
        daemon = self.instances.pop(0)
        require(daemon.kill(), f"{daemon.name} had ended with {daemon.code}")

    def run(self):
        self.start()
        wait_for("the first instance works", lambda: self.is_settled(0), pause=0.3)
        for _ in range(self.scenario.arguments.repeats):
            self.measure("1 → 2, joins", self.start)
            self.measure("2 → 3, joins", self.start)
            self.measure("3 → 2, leaves", self.leave)
            if self.scenario.arguments.noida:
                self.measure("2 → 1, leaves", self.leave)
            else:
                self.measure("2 → 1, killed", self.crash, is_crash=True)
        self.steady.stop()
        self.leave()
        self.watch.stop()


def cell(values):
    """Median and largest, in seconds."""
    if not values:
        return "–"
    return f"{statistics.median(values):.2f} / {max(values):.2f}"


def report(found):
    heads = ["event", "partitions moved", "stands still", "before", "broker's part", "own part",
        "kept: longest"]  # fmt: skip
    yield f"| {' | '.join(heads)} |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for event, (handovers, longest) in found.items():
        columns = [
            event, str(len(handovers)), cell([one.total for one in handovers]),
            cell([one.before for one in handovers]), cell([one.broker for one in handovers]),
            cell([one.own for one in handovers]), cell(longest),
        ]  # fmt: skip
        yield f"| {' | '.join(columns)} |"


def run(scenario):
    arguments = scenario.arguments
    if scenario.is_quick:
        arguments.repeats = 1
    measurement = Measurement(scenario)
    measurement.run()
    scenario.catch_up(measurement.config, "--fire-open-windows")
    if not arguments.no_verify:
        scenario.verify(
            measurement.root, measurement.produced, measurement.config, "--ledger",
            "--open-windows-fired",
        )  # fmt: skip
        compare_with_undisturbed(scenario, measurement.root, measurement.config)
    print(
        f"\nHand-over, median / largest in seconds; {arguments.rate} records/s, commit interval 1 s, "
        f"session.timeout.ms {arguments.session_ms}, {arguments.repeats} times:\n"
    )
    for line in report(measurement.found):
        print(line)


def add_arguments(parser):
    parser.add_argument("--rate", type=int, default=1_000, help="records a second (1000)")
    parser.add_argument("--partitions", type=int, default=12, help="of the topic (12)")
    parser.add_argument("--repeats", type=int, default=3, help="of the whole round (3)")
    parser.add_argument(
        "--session-ms", type=int, default=harness.SESSION_TIMEOUT_MS,
        help="session.timeout.ms; the embedded broker needs more than 3000",
    )  # fmt: skip
    parser.add_argument("--noida", action="store_true", help="noida-db as the broker")
    parser.add_argument("--no-verify", action="store_true", help="measure only")


if __name__ == "__main__":
    harness.main(run, add_arguments)
