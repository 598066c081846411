"""Liveness is progress: a commit that hangs and brokers that stay away make an instance not ready,
and after their limit it ends by itself with a code of its own and says why; a fresh start goes on.
What is merely idle, spare or frozen for a while lives on. Limits are seconds here, not minutes.
"""

import copy
import signal
import threading
import time

import fleet
import harness
import notify
from harness import EXIT_OK, require, wait_for

EXIT_STALLED = 74
QUIET = "quiet"
PARTITIONS = {fleet.SNAPSHOTS: 4, QUIET: 1}
HANG = "log_put_before:3:hang"
# Patience with a stall, time for an orderly end, and a busy machine's share.
PATIENCE_SECONDS, LEAVE_SECONDS, SLACK_SECONDS = 15, 10, 20
COMMIT_LIMIT = 4
AWAY_LIMIT = 6
FROZEN_SECONDS = 15


class Service:
    """An instance with a pipeline of its own (unless it shares another's), and what /readyz said."""

    def __init__(self, scenario, brokers, name, limits, crash_point=None, topic=fleet.SNAPSHOTS,
                 pipeline=None):  # fmt: skip
        self.name = name
        port = harness.free_port()
        self.http = notify.Endpoint(port, None)
        self.root = scenario.folder / (pipeline or name)
        source = copy.deepcopy(fleet.SOURCES[0])
        source["topics"] = [topic]
        sections = {**fleet.fleet_sections(), "sources": [source]}
        sections["windows"] = [{"name": "30s", "size": "30s", "metrics": ["cpu_*"]}]
        config = harness.base_config(brokers, self.root, sections.pop("sources"), **sections)
        config["pipeline"] = pipeline or name
        config["http"] = {"listen": f"127.0.0.1:{port}"}
        self.config = scenario.write_config(config, f"{name}.yaml")
        environment = {"DOWNLINK_PROGRESS_LIMITS": limits}
        if crash_point:
            environment["DOWNLINK_CRASH_POINT"] = crash_point
        self.process = scenario.start(
            name, "run", "--config", self.config, environment=environment)  # fmt: skip
        # (seconds, code, sentence), one for each change.
        self.readiness = []
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        while self.process.is_running:
            code, text = self.http.get("/readyz")
            sentence = text.strip().splitlines()[0] if code and text.strip() else ""
            if code and (not self.readiness or self.readiness[-1][1:] != (code, sentence)):
                self.readiness.append((time.monotonic(), code, sentence))
            time.sleep(0.2)

    def wait_until_ready(self):
        wait_for(f"{self.name} is ready", lambda: self.http.ready_code() == 200)

    def commits(self):
        return len(self.process.events("committed"))

    def expect_alive(self, why):
        require(
            self.process.is_running,
            f"{self.name} ended with {self.process.code}, though {why}:\n{self.process.last_lines()}",
        )

    def expect_end(self, since, limit, words, orderly):
        """It turns not ready with the reason, says it, and ends by itself in time."""
        most = limit + PATIENCE_SECONDS + LEAVE_SECONDS + SLACK_SECONDS
        code = self.process.wait(most + since - time.monotonic())
        seconds = time.monotonic() - since
        last = self.process.last_lines()
        require(code == EXIT_STALLED, f"{self.name} ended with {code}:\n{last}")
        require(seconds > limit, f"{self.name} ended after {seconds:.1f} s, before its limit")
        stalls = [said for said in self.readiness if "not progressing" in said[2]]
        require(
            any(code == 503 and words in sentence for _, code, sentence in stalls),
            f"{self.name}: /readyz never said {words!r}: {self.readiness[-5:]}",
        )
        require(self.process.has_logged("not progressing, ending"), f"{self.name} does not say it")
        require(words in last, f"{self.name} does not say why:\n{last}")
        hard = self.process.has_logged("the orderly end did not come in time")
        require(hard != orderly, f"{self.name}: orderly should be {orderly}:\n{last}")
        return f"{self.name}: not ready, then ended with {code} after {seconds:.0f} s"


def freeze(service, seconds):
    """SIGSTOP for longer than every limit, and than the group waits."""
    service.process.send(signal.SIGSTOP)
    time.sleep(seconds)
    service.process.send(signal.SIGCONT)


def run(scenario):
    brokers = scenario.broker(**PARTITIONS)
    broker = scenario.processes[-1]
    produced = scenario.folder / "produced.jsonl"
    producer = fleet.Producer(brokers, produced, PARTITIONS)
    made = fleet.Fleet(scenario.arguments.seed, snapshots_only=True)
    steady = fleet.SteadyProducer(producer, made, 100, 60_000)

    commit_limit = f"commit={COMMIT_LIMIT}"
    strict = f"{commit_limit},control=4,replay=4,joining=20,failing=20,brokers_away=600"
    spare = [
        Service(scenario, brokers, f"idle-{number}", strict, topic=QUIET, pipeline="idle")
        for number in (1, 2)
    ]
    frozen = Service(scenario, brokers, "frozen", strict)
    away = Service(scenario, brokers, "away", f"brokers_away={AWAY_LIMIT}")
    hung = Service(scenario, brokers, "hung", commit_limit, HANG)
    stopped = Service(scenario, brokers, "hung-and-stopped", commit_limit, HANG)

    # A commit that hangs; in one of them SIGTERM comes then, whose end the commit holds up too.
    ends = []
    for service in (hung, stopped):
        wait_for(f"{service.name} has made two commits", lambda: service.commits() == 2)
    since = time.monotonic()
    stopped.process.send(signal.SIGTERM)
    for service in (*spare, frozen):
        service.wait_until_ready()
    wait_for("the frozen one commits", lambda: frozen.commits() > 0)
    freezer = threading.Thread(target=freeze, args=(frozen, FROZEN_SECONDS))
    freezer.start()
    ends.append(hung.expect_end(since, COMMIT_LIMIT, "a commit has been under way", orderly=False))
    ends.append(
        stopped.expect_end(since, COMMIT_LIMIT, "a commit has been under way", orderly=False))
    for end in ends:
        scenario.note(end)

    # A process that was frozen was not stuck; it is thrown out of the group and comes back.
    freezer.join()
    before = frozen.commits()
    wait_for("the frozen one goes on", lambda: frozen.commits() > before + 2)
    time.sleep(PATIENCE_SECONDS)
    frozen.expect_alive(f"it was only frozen for {FROZEN_SECONDS} s")
    scenario.note(f"frozen for {FROZEN_SECONDS} s: went on, {frozen.commits()} commits")

    # Brokers that are gone.
    steady.stop()
    wait_for("the patient one has it all", lambda: committed_count(away.root) == producer.count)
    require(frozen.process.stop() == EXIT_OK, f"frozen:\n{frozen.process.last_lines()}")
    scenario.catch_up(frozen.config, "--fire-open-windows")
    scenario.catch_up(hung.config, "--fire-open-windows")
    since = time.monotonic()
    for service in spare:
        service.expect_alive("nobody produces to its topic")
        require(service.http.ready_code() == 200, f"{service.name} is not ready: idle is healthy")
    broker.kill()
    scenario.note(away.expect_end(since, AWAY_LIMIT, "waiting for a broker", orderly=True))
    for service in spare:
        service.expect_alive("its limit for brokers that are away has not passed")
    codes = [service.process.stop() for service in spare]
    require(codes == [EXIT_OK] * 2, f"the idle ones ended with {codes}")

    for service in (hung, frozen):
        scenario.verify(service.root, produced, service.config, "--ledger", "--open-windows-fired")


def committed_count(root):
    """Records that the chain covers; every partition began at 0."""
    ends = {}
    for entry in harness.ledger_entries(root):
        for move in entry.get("partitions", []):
            ends[move["partition"]] = move["to"]
    return sum(ends.values())


if __name__ == "__main__":
    harness.main(run)
