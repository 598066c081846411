"""What chaos.py does to one root: one to three instances, a producer, faults of every kind that
must pass without a trace, and the verdict.
"""

import contextlib
import os
import re
import shutil
import signal
import time

import fleet
import group_log
import harness
import ledger_chain
import restart_state
from brokers import EmbeddedBroker
from chain_watch import ChainWatch
from disk_full import SmallDisk
from harness import EXIT_OK, Failure, require, wait_for
from kill_loop import STOPPING_POINTS, crash_points
from leftovers import plant_decoys, unnamed_files
from undisturbed import compare_with_undisturbed

PARTITIONS = {fleet.SNAPSHOTS: 4, fleet.SAMPLES: 4}
BROKERS, INSTANCES_MAX = 3, 3
GROUP = "chaos"
# A broker keeps 5 MiB of a partition, and the undisturbed run reads all of it again.
RECORD_LIMIT = 80_000
SECONDS_A_FAULT = 8
SESSION_SECONDS = harness.SESSION_TIMEOUT_MS / 1_000
WAITING = "commit waits for space"
TAKEN_UP = '"partition taken up"'
RECOVERING = '"message":"recovering: '
# The embedded broker names members by the addresses of their structures, so that two may have one
# name in a while. One of them is then told that it leads a group without members, which librdkafka
# 2.0.2 does not survive: a null pointer in its sticky assignor. No real broker does that; such an
# end is met by a new start, as a service manager would.
MIXED_UP = re.compile(r"JoinGroup response: .*\(me\), my MemberId [^ ]+ member metadata count 0:")

FETCH_CODES = [
    "not_leader", "leader_not_available", "offset_not_available", "transport", "broker_storage",
    "request_timed_out",
]  # fmt: skip
GROUP_CODES = {
    "join_group": ["coordinator_not_available", "not_coordinator", "coordinator_loading"],
    "sync_group": ["rebalance_in_progress", "unknown_member", "not_coordinator"],
    "heartbeat": ["rebalance_in_progress", "illegal_generation", "unknown_member",
        "not_coordinator"],
}  # fmt: skip
COMMIT_CODES = ["rebalance_in_progress", "illegal_generation", "not_coordinator"]
REQUESTS = ["fetch", "produce", "metadata", "list_offsets", "offset_commit", *GROUP_CODES]
OFFSET_CODES = ["not_leader", "leader_not_available", "request_timed_out", "transport"]


class BrokerGone(Exception):
    """The embedded broker has died of a fault of its own: librdkafka's mock cluster asserts that no
    connection breaks while a member waits for its SyncGroup answer. Nobody can go on."""


class Troupe:
    """Instances that come and go on one root, and what is done to them."""

    def __init__(self, scenario, matrix, fault_count):
        self.scenario, self.matrix, self.random = scenario, matrix, scenario.random
        self.disk = SmallDisk(scenario) if os.geteuid() == 0 else None
        self.root = (self.disk.path if self.disk else scenario.folder) / "data"
        self.broker = EmbeddedBroker(scenario, PARTITIONS, BROKERS)
        # The points of the table devices are met as often as the others.
        sections = {
            **fleet.fleet_sections(), "detectors": fleet.DETECTORS,
            "tables": {"devices": {"every": "1s"}},
        }  # fmt: skip
        config = harness.base_config(self.broker.address, self.root, **sections)
        config["kafka"]["group"] = GROUP
        config["kafka"]["properties"] |= group_log.PROPERTIES
        config["log"]["level"] = group_log.LOG_LEVEL
        config["storage"]["state_interval"] = "2s"
        self.config = scenario.write_config(config)
        self.produced = scenario.folder / "produced.jsonl"
        self.producer = fleet.Producer(self.broker.address, self.produced, PARTITIONS)
        rate = min(150, RECORD_LIMIT / (fault_count * SECONDS_A_FAULT))
        made = fleet.Fleet(scenario.random.randrange(1 << 30))
        self.steady = fleet.SteadyProducer(self.producer, made, rate, RECORD_LIMIT)
        self.watch = ChainWatch(self.root)
        self.instances, self.started = [], []
        self.deleted_orphans = 0
        self.mixups = 0
        # Snapshots that this has damaged.
        self.damaged = set()

    # ---- instances

    def start(self, crash_point=None):
        daemon = self.scenario.daemon(
            self.config, name=f"i{len(self.started):03}", crash_point=crash_point)
        self.started.append(daemon)
        if crash_point is None:
            self.instances.append(daemon)
        return daemon

    def start_and_wait(self):
        daemon = self.start()
        wait_for(f"{daemon.name} takes partitions up", lambda: self.holds(daemon))
        return daemon

    def holds(self, daemon):
        self.check_alive()
        return TAKEN_UP in daemon.log()

    def take_one(self):
        """An instance that is no longer counted on."""
        self.check_alive()
        return self.instances.pop(self.random.randrange(len(self.instances)))

    def kill_one(self):
        victim = self.take_one()
        require(victim.kill(), f"{victim.name} ended with {victim.code} before it was killed")
        return victim

    def kill_all(self):
        """How many there were."""
        count = len(self.instances)
        while self.instances:
            self.kill_one()
        return count

    def check_alive(self):
        if not self.broker.process.is_running:
            log = self.broker.process.log()
            require('"rdk:mock" crashed' in log, f"the broker ended:\n{log[-2_000:]}")
            raise BrokerGone
        for daemon in list(self.instances):
            if self.is_mixed_up(daemon):
                self.instances.remove(daemon)
                self.mixups += 1
                self.ensure_one()
                continue
            require(
                daemon.is_running, f"{daemon.name} ended with {daemon.code}:\n{daemon.last_lines()}"
            )

    def is_mixed_up(self, daemon):
        return daemon.code == -signal.SIGSEGV and MIXED_UP.search(daemon.log())

    def expect_end(self, daemon, expected, what):
        code = daemon.wait()
        if self.is_mixed_up(daemon):
            self.mixups += 1
            return
        require(code == expected, f"{what}: ended with {code}:\n{daemon.last_lines()}")

    def ensure_one(self):
        if not self.instances:
            self.start()

    def settle(self):
        """Waits until all that is acknowledged now is committed; the seconds it took."""
        begun, mark = time.monotonic(), self.producer.count

        def is_committed():
            self.check_alive()
            return self.watch.records() >= mark

        wait_for(f"{mark} records are committed", is_committed)
        return time.monotonic() - begun

    def said(self, text):
        return sum(daemon.log().count(text) for daemon in self.started)

    # ---- what is done to processes

    def kill(self):
        self.kill_one()
        if not self.instances or self.random.random() < 0.5:
            self.start()

    def kill_at_point(self):
        """One more instance, which dies at a named point of its work."""
        if len(self.instances) == INSTANCES_MAX:
            self.remove()
        point = self.random.choice([p for p in crash_points() if p not in STOPPING_POINTS])
        daemon = self.start(f"{point}:{self.random.randrange(1, 3)}")
        self.expect_end(daemon, -signal.SIGKILL, point)
        self.ensure_one()

    def kill_on_the_way_out(self):
        """One more instance, which dies while it gives back what it holds."""
        if len(self.instances) == INSTANCES_MAX:
            self.remove()
        daemon = self.start(f"{self.random.choice(sorted(STOPPING_POINTS))}:1")
        daemon.wait_for_log('"committed"')
        daemon.send(signal.SIGTERM)
        self.expect_end(daemon, -signal.SIGKILL, "on the way out")
        self.ensure_one()

    def zombie(self):
        """Asleep for longer than its session; others do its work; then it wakes up."""
        victim = self.take_one()
        if not self.holds(victim):
            wait_for(f"{victim.name} takes partitions up", lambda: self.holds(victim))
        victim.send(signal.SIGSTOP)
        self.ensure_one()
        time.sleep(SESSION_SECONDS + self.random.uniform(0.5, 2))
        self.settle()
        before = len(victim.log())
        taken = victim.log().count(TAKEN_UP)
        self.instances.append(victim)
        victim.send(signal.SIGCONT)

        def works_again():
            self.check_alive()
            return victim.log().count(TAKEN_UP) > taken

        wait_for(f"{victim.name} takes partitions up again", works_again)
        told = victim.log()[before:]
        if "moved by another instance" in told:
            return "fenced by the ledger"
        return "told by the group" if "partitions lost" in told else "given new partitions"

    def nap(self):
        """Asleep, but not for long enough to be missed."""
        victim = self.random.choice(self.instances)
        victim.send(signal.SIGSTOP)
        time.sleep(self.random.uniform(0.2, SESSION_SECONDS / 2))
        victim.send(signal.SIGCONT)

    def add(self):
        if len(self.instances) == INSTANCES_MAX:
            self.remove()
        self.start_and_wait()

    def remove(self):
        victim = self.take_one()
        victim.wait_for_trap()
        victim.send(signal.SIGTERM)
        self.expect_end(victim, EXIT_OK, "SIGTERM")
        self.ensure_one()

    # ---- what is done to storage

    def fill_disk(self, leave):
        """Returns once a commit waits."""
        before, begun = self.said(WAITING), time.monotonic()
        self.disk.fill(leave)

        def is_met():
            self.check_alive()
            if time.monotonic() - begun > 3:
                self.disk.fill_rest()
            return self.said(WAITING) > before

        wait_for("a commit waits for space", is_met)

    def disk_full(self):
        self.fill_disk(self.random.randrange(160_000))
        time.sleep(self.random.uniform(0, 2))
        self.disk.release()

    def killed_on_full_disk(self):
        """One dies while it waits for space, another is started on the full disk."""
        self.fill_disk(0)
        self.kill_one()
        self.start()
        time.sleep(self.random.uniform(1, 3))
        self.disk.release()

    def damage_state(self):
        """All die; the newest snapshots of one or two partitions are damaged."""

        def usable():
            self.check_alive()
            found = restart_state.snapshots(self.root).values()
            # Both damaged is a stop: an act of its own.
            return [one for one in found if len(one) >= 2 and one[-2] not in self.damaged]

        wait_for("a partition has two good snapshots", usable)
        count = self.kill_all()
        chosen = usable()
        self.random.shuffle(chosen)
        before = self.said("snapshot is damaged")
        how = self.random.choice(restart_state.DAMAGES[:4])
        for paths in chosen[: self.random.randrange(1, 3)]:
            how(paths, self.random)
            self.damaged.add(paths[-1])
        for _ in range(count):
            self.start()
        self.settle()

        def is_noticed():
            self.check_alive()
            return self.said("snapshot is damaged") > before

        # Everything may have been committed before the kill, so that settling takes no time.
        wait_for(f"{how.__name__} is noticed", is_noticed)
        return "took the one before"

    def delete_orphans(self):
        """All die, one of them between its files and its entry; half of what nobody names goes,
        and files that look as if they were ours come."""
        if len(self.instances) == INSTANCES_MAX:
            self.remove()
        point = self.random.choice(["files_closed", "log_put_before"])
        require(self.start(f"{point}:1").wait() == -signal.SIGKILL, f"it did not die at {point}")
        count = self.kill_all()
        orphans = unnamed_files(self.root)
        require(orphans, f"a run that died at {point} has left no file")
        chosen = self.random.sample(orphans, (len(orphans) + 1) // 2)
        for path in chosen:
            path.unlink()
        self.deleted_orphans += len(chosen)
        plant_decoys(self.root)
        for _ in range(max(1, count)):
            self.start()
        return "nobody missed them"

    # ---- what is done to Kafka

    def push(self, request, codes, count_max):
        count = self.random.randrange(1, count_max + 1)
        chosen = self.random.sample(codes, self.random.randrange(1, len(codes) + 1))
        self.broker.order(f"error {request} {count} {' '.join(chosen)}")

    def fetch_errors(self):
        self.push("fetch", FETCH_CODES, 20)

    def produce_errors(self):
        self.push("produce", ["not_leader", "leader_not_available", "transport"], 10)

    def metadata_errors(self):
        self.push("metadata", ["transport", "request_timed_out"], 5)

    def group_errors(self):
        """With somebody who comes or goes, so that all of them are met."""
        for request, codes in GROUP_CODES.items():
            self.push(request, codes, 4)
        self.remove() if len(self.instances) == INSTANCES_MAX else self.start_and_wait()

    def offset_errors(self):
        """The answers that a take-over needs fail."""
        self.kill_one()
        self.push("list_offsets", OFFSET_CODES, 6)
        self.start()

    def group_offset_errors(self):
        self.push("offset_commit", COMMIT_CODES, 10)

    def calm(self):
        """Nobody joins: a connection that breaks while a member waits for its SyncGroup answer is
        the end of the embedded broker."""
        wait_for("all hold partitions", lambda: all([self.holds(one) for one in self.instances]))
        time.sleep(1)
        self.settle()

    def broker_down(self):
        self.calm()
        number = self.random.randrange(1, BROKERS + 1)
        self.broker.order(f"down {number} {self.random.randrange(500, 3_000)}ms")

    def all_brokers_down(self):
        self.calm()
        millis = self.random.randrange(500, 2 * harness.SESSION_TIMEOUT_MS)
        self.broker.order(f"down all {millis}ms")
        time.sleep(millis / 1_000)

    def slow_brokers(self):
        millis = self.random.randrange(200, 1_000)
        self.broker.order(f"delay all {millis}ms 3s")
        time.sleep(3)

    def coordinator_moves(self):
        self.broker.order(f"coordinator {GROUP} {self.random.randrange(1, BROKERS + 1)}")

    def leader_moves(self):
        for topic, count in PARTITIONS.items():
            partition = self.random.randrange(count)
            number = self.random.randrange(1, BROKERS + 1)
            self.broker.order(f"leader {topic} {partition} {number}")

    def no_leader(self):
        partition = self.random.randrange(PARTITIONS[fleet.SNAPSHOTS])
        self.broker.order(f"leader {fleet.SNAPSHOTS} {partition} none")
        time.sleep(self.random.uniform(0.5, 3))
        number = self.random.randrange(1, BROKERS + 1)
        self.broker.order(f"leader {fleet.SNAPSHOTS} {partition} {number}")

    KINDS = {
        "SIGKILL": kill,
        "SIGKILL at a crash point": kill_at_point,
        "SIGKILL on the way out": kill_on_the_way_out,
        "zombie (SIGSTOP past its session)": zombie,
        "SIGSTOP, short": nap,
        "instance added": add,
        "instance removed (SIGTERM)": remove,
        "disk full": disk_full,
        "SIGKILL and start on a full disk": killed_on_full_disk,
        "newest state snapshots damaged": damage_state,
        "orphans deleted, decoys planted": delete_orphans,
        "fetch errors": fetch_errors,
        "produce errors": produce_errors,
        "metadata errors": metadata_errors,
        "join, sync, heartbeat errors": group_errors,
        "list-offsets errors": offset_errors,
        "offset-commit errors": group_offset_errors,
        "one of three brokers down": broker_down,
        "all brokers down": all_brokers_down,
        "slow round trips": slow_brokers,
        "coordinator moves": coordinator_moves,
        "leader moves": leader_moves,
        "partition without a leader": no_leader,
    }

    # ---- the run

    def perform(self, plan):
        """The whole act: what is in the plan, the end, the verdict. Returns what is left to do."""
        try:
            while plan:
                self.disturb(plan[0])
                plan = plan[1:]
        except BrokerGone:
            self.scenario.note(f"{plan[0]}: the embedded broker aborted (librdkafka's mock)")
            self.steady.abandon()
            self.end_instances()
            faults = ledger_chain.read(self.root).faults
            require(not faults, f"the chain is broken: {faults[:3]}")
            plan = plan[1:]
        except Failure:
            self.keep_root()
            raise
        else:
            self.steady.stop()
            self.end_instances()
            for request in REQUESTS:
                self.broker.order(f"clear {request}")
            try:
                self.judge()
            except Failure:
                self.keep_root()
                raise
        self.watch.stop()
        self.scenario.end_everything()
        return plan

    def keep_root(self):
        """What lies on the small file system goes with it; whoever looks for a cause needs it."""
        if self.disk is not None and not self.scenario.has_ended:
            with contextlib.suppress(OSError, shutil.Error):
                shutil.copytree(self.root, self.scenario.folder / "data.kept")

    def disturb(self, kind):
        if not self.started:
            for _ in range(self.random.randrange(1, INSTANCES_MAX + 1)):
                self.start()
            wait_for("the first commit", lambda: self.watch.records() > 0)
        if len(self.instances) < INSTANCES_MAX and self.random.random() < 0.25:
            self.start()
        self.bring_about(kind)

    def end_instances(self):
        for daemon in self.instances:
            # One may have been started a moment ago.
            daemon.wait_for_trap()
            daemon.send(signal.SIGTERM)
        for daemon in self.instances:
            self.expect_end(daemon, EXIT_OK, "the last stop")

    def bring_about(self, kind):
        where, mixups = self.where(), self.mixups
        recoveries, begun = self.said(RECOVERING), time.monotonic()
        try:
            outcome = self.KINDS[kind](self) or "went on"
            self.check_alive()
            seconds = self.settle()
        except Failure as failure:
            raise Failure(f"{self.scenario.prefix}{kind}, {where}: {failure}") from None
        if self.mixups > mixups:
            outcome += " (embedded broker mixed up members)"
        self.matrix.note(kind, where, outcome, seconds)
        recoveries = self.said(RECOVERING) - recoveries
        self.scenario.note(
            f"{kind}, {where}: {outcome} after {time.monotonic() - begun:.1f} s"
            + (f", {recoveries} recoveries" if recoveries else "")
        )

    def where(self):
        joining = sum(TAKEN_UP not in daemon.log() for daemon in self.instances)
        at_work = f"{len(self.instances) - joining} at work"
        return f"{at_work}, {joining} joining" if joining else at_work

    def judge(self):
        topic_log = self.scenario.folder / "topic.jsonl"
        surplus = fleet.write_topic_log(self.producer, self.broker.address, topic_log)
        self.scenario.catch_up(self.config, "--fire-open-windows")
        for daemon in self.started:
            for event in daemon.events():
                require(event.get("level") != "critical", f"{daemon.name} said {event}")
        writers = {e["commit_id"]["incarnation"] for e in harness.ledger_entries(self.root)}
        self.scenario.note(
            f"{self.producer.count} records ({surplus} not acknowledged), "
            f"{len(self.started)} instances started, "
            f"{self.watch.newest + 1} entries (the last ones of {len(writers)} writers), "
            f"{self.said(RECOVERING)} recoveries, {self.deleted_orphans} orphans deleted"
        )
        self.scenario.verify(
            self.root, topic_log, self.config, "--ledger", "--open-windows-fired")
        least = fleet.EXPECTED_ANOMALIES if self.producer.count > 20_000 else {"limits": 50}
        self.scenario.verify_anomalies(self.root, topic_log, self.config, at_least=least)
        compare_with_undisturbed(self.scenario, self.root, self.config)
