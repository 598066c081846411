"""Measures the time from SIGKILL to the first new commit, with much state.

    DOWNLINKD=… measure_recovery.py [--devices 10000] [--rate 2000] [--kills 5] [--noida]

A fleet of `devices` with ten metrics each (10,000: 100,000 series) reports at `rate`; one instance
works, is killed at a random moment, and the next is started at once, as often as asked. The time
divides at what the new instance's log says:

    start      kill → the new instance begins to join: the process, configuration, chain, tables
    group      join → SyncGroup answer: the dead member's session and the broker's own waits
    own        SyncGroup answer → first commit of new records: state loaded, records replayed and
               read, files written, and the commit's interval
    of these   replayed: records read again to bring the state from its cut to the chain's end

`start` + `own` is ours. The last lines are Markdown, for docs/PERFORMANCE.md.
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
import messages
from brokers import KeptBroker
from chain_watch import ChainWatch
from harness import EXIT_OK, require, wait_for

METRICS = 10


@dataclass
class Recovery:
    start: float
    group: float
    own: float
    replayed: int
    state_bytes: int


class Measurement:
    def __init__(self, scenario):
        arguments = scenario.arguments
        self.scenario = scenario
        topic = {fleet.SNAPSHOTS: arguments.partitions}
        session_ms = harness.SESSION_TIMEOUT_MS
        if arguments.noida:
            broker = KeptBroker(scenario)
            broker.create(topic)
            brokers, session_ms = broker.address, 6_000
        else:
            brokers = scenario.broker(**topic)
        self.brokers = brokers
        self.root = scenario.folder / "data"
        config = harness.base_config(
            brokers, self.root, [messages.wide_source()],
            windows=[{"name": "5m", "size": "5m", "slide": "1m"}],
            log={"level": group_log.LOG_LEVEL, "format": "json"},
        )  # fmt: skip
        config["kafka"]["properties"] |= group_log.PROPERTIES
        config["kafka"]["properties"]["session.timeout.ms"] = session_ms
        config["storage"]["state_interval"] = arguments.state_interval
        self.config = scenario.write_config(config)
        self.watch = ChainWatch(self.root)

    def produce(self, *flags):
        return self.scenario.start(
            f"produce-{len(self.scenario.processes)}", "produce", "--brokers", self.brokers,
            "--topic", fleet.SNAPSHOTS, "--message", "wide", "--fleet",
            self.scenario.arguments.devices, *flags,
        )  # fmt: skip

    def run(self):
        """Every device is heard twice before anybody is killed."""
        arguments = self.scenario.arguments
        require(self.produce("--count", 2 * arguments.devices).wait(300) == EXIT_OK, "produce")
        seconds = 3_600 * arguments.rate // arguments.devices + 1
        self.produce("--seconds", seconds, "--rate", arguments.rate, "--seed", 2)
        daemon = self.scenario.daemon(self.config)
        wait_for("everything so far is committed", self.is_warm, 300)
        found = []
        for _ in range(arguments.kills):
            wait_for("new commits", self.commits(3))
            time.sleep(self.scenario.random.uniform(0, 3))
            require(daemon.kill(), f"it had ended with {daemon.code}:\n{daemon.last_lines()}")
            killed_at, newest = time.time(), self.watch.newest
            self.watch.look()
            newest = max(newest, self.watch.newest)
            state_bytes = sum(path.stat().st_size for path in self.newest_states())
            daemon = self.scenario.daemon(self.config)
            wait_for("a new commit", lambda: self.first_progress(newest), 300)
            found.append(self.recovery(daemon, killed_at, newest, state_bytes))
            self.scenario.note(f"{found[-1]}")
        require(daemon.stop() == EXIT_OK, f"the last stop:\n{daemon.last_lines()}")
        return found

    def is_warm(self):
        return self.watch.records() >= 2 * self.scenario.arguments.devices

    def commits(self, count):
        """Whether so many entries have come since now, and every partition has a snapshot."""
        start = self.watch.newest
        partitions = self.scenario.arguments.partitions
        return lambda: (
            self.watch.newest >= start + count and len(self.newest_states()) == partitions
        )

    def newest_states(self):
        named = {}
        for entry in harness.ledger_entries(self.root):
            for move in entry.get("partitions", []):
                if "state" in move:
                    named[move["topic"], move["partition"]] = self.root / move["state"]["path"]
        return [path for path in named.values() if path.exists()]

    def first_progress(self, newest):
        """The first commit of new records behind that version; None while there is none."""
        every = [move for moves in list(self.watch.moves.values()) for move in list(moves)]
        new = [move.at for move in every if move.version > newest and move.to > move.start]
        return min(new, default=None)

    def recovery(self, daemon, killed_at, newest, state_bytes):
        given = list(group_log.taken_up(daemon.name, daemon.log_path))
        synced_at = min(one.synced_at for one in given)
        joined_at = group_log.first(daemon.log_path, "Joining group")
        return Recovery(
            start=joined_at - killed_at,
            group=synced_at - joined_at,
            own=self.first_progress(newest) - synced_at,
            replayed=sum(max(0, one.offset - one.fetch_from - 1) for one in given),
            state_bytes=state_bytes,
        )


def cell(values):
    return f"{statistics.median(values):.2f} / {max(values):.2f}"


def run(scenario):
    arguments = scenario.arguments
    if scenario.is_quick:
        arguments.kills = 1
    measurement = Measurement(scenario)
    found = measurement.run()
    measurement.watch.stop()
    print(
        f"\nSIGKILL to the first new commit, median / largest in seconds; "
        f"{METRICS * arguments.devices} series in {arguments.partitions} partitions, state of "
        f"{found[-1].state_bytes / 1e6:.0f} MB every {arguments.state_interval}, {arguments.rate} "
        f"records/s, commit interval 1 s, {len(found)} kills:\n"
    )
    print("| start | group | own | start + own | everything | records replayed |")
    print("| --- | --- | --- | --- | --- | --- |")
    columns = [
        cell([one.start for one in found]), cell([one.group for one in found]),
        cell([one.own for one in found]), cell([one.start + one.own for one in found]),
        cell([one.start + one.group + one.own for one in found]),
        f"{statistics.median([one.replayed for one in found]):.0f}",
    ]  # fmt: skip
    print(f"| {' | '.join(columns)} |")


def add_arguments(parser):
    parser.add_argument("--devices", type=int, default=10_000, help="of ten metrics (10000)")
    parser.add_argument("--partitions", type=int, default=8, help="of the topic (8)")
    parser.add_argument("--rate", type=int, default=2_000, help="records a second (2000)")
    parser.add_argument("--kills", type=int, default=5, help="how often (5)")
    parser.add_argument("--state-interval", default="20s", help="storage.state_interval (20s)")
    parser.add_argument("--noida", action="store_true", help="noida-db as the broker")


if __name__ == "__main__":
    harness.main(run, add_arguments)
