"""Positions that Kafka no longer has, and what a person decides about them: `offsets show` says what
is wrong, a start stops with the sentence, `offsets skip` acts, and then every row is there once.

Each act has a pipeline of its own; verify_tables.py judges it by what was produced, the ledger's
gaps and the incarnations of its topics.
"""

import json
import signal
import time

import fleet
import harness
from brokers import EmbeddedBroker, KeptBroker
from chaos_acts import KEPT_BYTES, PARTITIONS, Act
from harness import EXIT_CONFIGURATION, EXIT_INCOMPLETE, EXIT_OK, EXIT_UNAVAILABLE, require

EXIT_USAGE = 64


class NextProducer(fleet.Producer):
    """Writes down that what it sends is of a later incarnation."""

    incarnation = 1

    def send(self, topic, device, payload, timestamp_ms, members, partition=None):
        members = {**members, "incarnation": self.incarnation}
        super().send(topic, device, payload, timestamp_ms, members, partition)


class PositionAct(Act):
    def offsets(self, *arguments, code=EXIT_OK):
        """Runs `downlinkd offsets …`; what it said."""
        name = f"offsets-{len(self.scenario.processes)}"
        words = [arguments[0], "--config", self.config, *arguments[1:]]
        process = self.scenario.start(name, "offsets", *words)
        found = process.wait()
        require(found == code, f"offsets {arguments} ended with {found}:\n{process.log()}")
        return process.log()

    def show(self, code=EXIT_OK):
        """What `offsets show --json` says of every partition."""
        lines = self.offsets("show", "--json", code=code).splitlines()
        said = json.loads(next(line for line in lines if line.startswith("{")))
        require(said["fine"] == (code != EXIT_UNAVAILABLE), f"it says {said['faults']}")
        return said

    def skip(self, *arguments):
        said = self.offsets("skip", *arguments, "--yes")
        self.scenario.note(said.splitlines()[0])

    def refuse(self, words, *arguments):
        before = self.show_quietly()
        said = self.offsets("skip", *arguments, "--yes", code=EXIT_UNAVAILABLE)
        require(words in said, f"no {words!r} in {said}")
        require(self.show_quietly() == before, "it was refused and changed something")

    def show_quietly(self):
        said = self.scenario.start(
            f"look-{len(self.scenario.processes)}", "offsets", "show", "--config", self.config,
            "--offline")  # fmt: skip
        require(said.wait() == EXIT_OK, said.log())
        return said.log()

    def go_on_as_next(self, address):
        """What is sent from here on is of incarnation 1."""
        config = json.loads(self.config.read_text())
        config["kafka"]["brokers"] = [address]
        self.config = self.scenario.write_config(config)
        self.producer = NextProducer(address, self.produced, self.partitions)


def retention(scenario):
    """Unread records are deleted: shown, refused backwards, asked for, skipped by a person."""
    partitions = {fleet.SNAPSHOTS: 1}
    broker = EmbeddedBroker(scenario, partitions)
    act = PositionAct(scenario, broker.address, partitions)
    act.read(200)
    act.send_padded(KEPT_BYTES * 2)
    low = act.beginning()
    act.expect_stop("--to-beginning", EXIT_UNAVAILABLE)
    (row,) = act.show(EXIT_UNAVAILABLE)["partitions"]
    found = (row["to"], row["beginning"], row["lost"], row["verdict"])
    require(found == (200, low, low - 200, f"retention {low - 200} lost"), f"shown: {row}")
    topic = ("--topic", fleet.SNAPSHOTS, "--partition", 0)
    act.offsets("skip", *topic, "--to-beginning", code=EXIT_USAGE)
    act.refuse("a second time", *topic, "--to", 10)
    act.refuse("use --to-beginning", *topic, "--to", 201)
    act.refuse("ends at", *topic, "--to", 1_000_000)
    act.skip(*topic, "--to-beginning")
    require(act.show()["partitions"][0]["skipped"] == low - 200, "the gap is not counted")
    act.refuse("nothing to skip", *topic, "--to-beginning")
    # Reads what is there before more comes and drops it.
    act.catch_up()
    act.judge()
    scenario.note(f"the verifier finds {low - 200} offsets in a gap, and every other row")
    broker.process.stop()
    require(act.show(EXIT_INCOMPLETE)["asked_brokers"] is False, "nobody was there to ask")


def running(scenario):
    """A decision while an instance runs, and is asleep: it loses its commit and goes on behind."""
    act = PositionAct(scenario, EmbeddedBroker(scenario, PARTITIONS).address)
    act.read(300)
    daemon = scenario.daemon(act.config)
    daemon.wait_for_log('"partition taken up"')
    act.send(100)
    daemon.wait_for_log('"committed"')
    daemon.send(signal.SIGSTOP)
    act.send(400)
    for topic in PARTITIONS:
        act.skip("--topic", topic, "--to-end")
    daemon.send(signal.SIGCONT)
    daemon.wait_for_log("recovering")
    act.send(300)
    time.sleep(3)
    require(daemon.stop() == EXIT_OK, f"the stop:\n{daemon.last_lines()}")
    skipped = [row["skipped"] for row in act.show()["partitions"]]
    require(sum(skipped) > 200, f"skipped {skipped}")
    act.judge()


def recreated(scenario):
    """Other topics under the known names: refused, shown, then read as the next incarnation."""
    broker = KeptBroker(scenario)
    broker.create(PARTITIONS)
    act = PositionAct(scenario, broker.address)
    act.read(600)
    broker.delete(PARTITIONS)
    act.expect_stop("bring it back", EXIT_CONFIGURATION)
    broker.create(PARTITIONS)
    act.go_on_as_next(broker.address)
    act.send(3_000)
    act.expect_stop("--recreated", EXIT_UNAVAILABLE)
    verdicts = {row["verdict"] for row in act.show(EXIT_UNAVAILABLE)["partitions"]}
    require(verdicts <= {"re-created", "shorter"}, f"shown as {verdicts}")
    act.refuse("re-created", "--topic", fleet.SNAPSHOTS, "--to-end")
    for topic in PARTITIONS:
        act.skip("--topic", topic, "--recreated")
    found = [(row["incarnation"], row["to"]) for row in act.show()["partitions"]]
    require(found == [(1, 0)] * 4, f"shown: {found}")
    act.catch_up()
    act.refuse("was not re-created", "--topic", fleet.SNAPSHOTS, "--recreated")
    act.judge()


def deleted_while_running(scenario):
    """Topics that go away under a running instance: an end that names them, no silent idling."""
    broker = KeptBroker(scenario)
    broker.create(PARTITIONS)
    act = PositionAct(scenario, broker.address)
    daemon = scenario.daemon(act.config)
    act.send(600)
    daemon.wait_for_log('"committed"')
    time.sleep(3)
    broker.keep_copy()
    broker.delete(PARTITIONS)
    code = daemon.wait(120)
    require(code == EXIT_UNAVAILABLE, f"it ended with {code}:\n{daemon.last_lines()}")
    # Whoever asks for a topic may make noida-db create it anew, empty: then it is that.
    said = daemon.events()[-1]["message"]
    require("bring it back" in said or "re-created" in said, f"it said: {said}")
    broker.restore()
    act.connect()
    act.judge()


def truncated(scenario):
    """Logs that are cut back: what was committed of them stays, what comes is told apart."""
    broker = KeptBroker(scenario)
    broker.create(PARTITIONS)
    act = PositionAct(scenario, broker.address)
    act.read(600)
    broker.keep_copy()
    act.connect()
    act.read(600)
    broker.restore()
    act.expect_stop("truncated", EXIT_UNAVAILABLE)
    for topic in PARTITIONS:
        act.skip("--topic", topic, "--truncated")
    act.go_on_as_next(broker.address)
    act.judge()


def other_cluster(scenario):
    """The topics on another cluster: a person accepts it, and the way back is closed then."""
    known = EmbeddedBroker(scenario, PARTITIONS)
    other = EmbeddedBroker(scenario, PARTITIONS, name="other")
    act = PositionAct(scenario, known.address)
    act.read(600)
    before = scenario.write_config(json.loads(act.config.read_text()), "before.yaml")
    act.go_on_as_next(other.address)
    act.send(300)
    act.expect_stop("--other-cluster", EXIT_CONFIGURATION)
    act.refuse("--other-cluster", "--topic", fleet.SNAPSHOTS, "--recreated")
    act.skip("--other-cluster")
    act.judge()
    act.expect_stop("cluster", EXIT_CONFIGURATION, before)
    act.show()


ACTS = [retention, running, recreated, deleted_while_running, truncated, other_cluster]


def run(scenario):
    chosen = scenario.arguments.acts or [act.__name__ for act in ACTS]
    for act in ACTS:
        if act.__name__ not in chosen:
            continue
        scenario.note(f"{act.__name__}: {act.__doc__.splitlines()[0]}")
        part = scenario.part(act.__name__)
        act(part)
        part.end_everything()


def add_arguments(parser):
    parser.add_argument("acts", nargs="*", help="only these acts")


if __name__ == "__main__":
    harness.main(run, add_arguments)
