"""Faults that must end in a stop: each short act brings one about, checks the sentence, the exit
code and that nothing was written, mends it by hand, and then everything must go on exactly.

Sentences are looked for by a few words of theirs, so that they may be said better.
"""

import hashlib
import json
import os
import re
import signal
import time

import confluent_kafka
import duckdb

import fleet
import harness
import messages
import restart_state
from brokers import EmbeddedBroker, KeptBroker
from delta_tables import Table
from disk_full import SmallDisk
from harness import EXIT_CONFIGURATION, EXIT_OK, EXIT_UNAVAILABLE, Skipped, require, wait_for

PARTITIONS = {fleet.SNAPSHOTS: 2, fleet.SAMPLES: 2}
# The embedded broker keeps 5 MiB of a partition; a padded record is this large.
KEPT_BYTES, PADDED_BYTES = 5 << 20, 32 << 10
PADDING_FIELD = 100
# Such a start ends at once, or once it has joined the group.
STOP_SECONDS = 40


class Act:
    """One pipeline, one instance at a time, and what was sent to it."""

    def __init__(self, scenario, address, partitions=PARTITIONS, root=None, **kafka):
        self.scenario, self.partitions = scenario, partitions
        self.root = root or scenario.folder / "data"
        sources = [fleet.SOURCES[0], fleet.SOURCES[1]][: len(partitions)]
        windows = fleet.WINDOWS
        if len(sources) == 1:
            windows = [{"name": "1m", "size": "1m", "slide": "20s", "metrics": ["*_c", "*_v"]}]
        config = harness.base_config(
            address, self.root, sources, windows=windows, event_time=fleet.EVENT_TIME)
        config["storage"]["state_interval"] = "1s"
        # noida-db takes no less than 6 s, as Kafka does.
        config["kafka"].update(kafka)
        config["kafka"]["properties"]["session.timeout.ms"] = 6_000
        self.config = scenario.write_config(config)
        self.produced = scenario.folder / "produced.jsonl"
        self.connect()
        seed = scenario.random.randrange(1 << 30)
        self.fleet = fleet.Fleet(seed, device_count=12, snapshots_only=len(sources) == 1)

    def addresses(self):
        return ",".join(json.loads(self.config.read_text())["kafka"]["brokers"])

    def connect(self):
        """A new producer: one that has seen another log cannot go on with this one."""
        self.producer = fleet.Producer(self.addresses(), self.produced, self.partitions)

    def send(self, count):
        self.producer.send_all(self.fleet, count)

    def catch_up(self):
        """A finite run: afterwards everything is committed, with state."""
        self.scenario.catch_up(self.config)

    def read(self, count):
        self.send(count)
        self.catch_up()

    def expect_stop(self, words, code, config=None, except_below=()):
        """A start ends by itself, says why, and leaves every file as it was, but those below the
        given folders, the lock of maintenance and what the catalog says of it all."""
        before = fingerprint(self.root)
        daemon = self.scenario.daemon(config or self.config)
        found = daemon.wait(STOP_SECONDS)
        said = [e["message"] for e in daemon.events() if e.get("level") == "critical"]
        require(found == code, f"ended with {found}, not {code}:\n{daemon.last_lines()}")
        require(said and re.search(words, said[-1]), f"no {words!r} in what it said: {said}")
        after = fingerprint(self.root)
        changed = sorted(p for p in before.keys() | after.keys() if before.get(p) != after.get(p))
        beside = ("_maintenance/lock", "catalog.json", *except_below)
        changed = [path for path in changed if not path.startswith(beside)]
        require(not changed, f"it stopped, but wrote {changed[:5]}")
        self.scenario.note(f"exit {code}: {said[-1].partition(': ')[2]}")

    def die_at(self, crash_point):
        daemon = self.scenario.daemon(self.config, crash_point=f"{crash_point}:1")
        code = daemon.wait()
        require(code == -signal.SIGKILL, f"{crash_point}: {code}:\n{daemon.last_lines()}")

    def judge(self):
        """Goes on, to the end; everything is there once, and right."""
        self.send(300)
        self.scenario.catch_up(self.config, "--fire-open-windows")
        self.scenario.verify(
            self.root, self.produced, self.config, "--ledger", "--open-windows-fired")

    # ---- records that fill a partition

    def send_padded(self, byte_count):
        """Large snapshots of one partition."""
        for _ in range(byte_count // PADDED_BYTES):
            one = self.fleet.snapshot(self.fleet.devices[0])
            self.fleet.now_ms += 1_000
            padding = messages.text(PADDING_FIELD, self.scenario.random.randbytes(PADDED_BYTES))
            self.producer.send(
                one.topic, one.device, one.payload + padding, one.timestamp_ms, one.members)
            # A batch of its own: what a broker drops is whole batches.
            self.producer.kafka.flush(10)
        self.producer.finish()

    def beginning(self):
        """The oldest offset that the broker still has."""
        consumer = confluent_kafka.Consumer(
            {"bootstrap.servers": self.addresses(), "group.id": "beginning"})
        where = confluent_kafka.TopicPartition(fleet.SNAPSHOTS, 0)
        low, _ = consumer.get_watermark_offsets(where, timeout=30)
        consumer.close()
        return low


def fingerprint(root):
    """{file: its time and content}."""
    return {
        str(path.relative_to(root)): (
            path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in root.rglob("*") if path.is_file()
    }  # fmt: skip


def flipped(data, random):
    """One bit of it differs."""
    changed = bytearray(data)
    changed[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return bytes(changed)


def newest_entry(root):
    paths = (root / "_ledger").iterdir()
    return max(path for path in paths if re.fullmatch(r"\d{20}.json", path.name))


# ---- the acts -----------------------------------------------------------------------------------


def newest_entry_damaged(scenario):
    """The chain does not end where it did."""
    act = Act(scenario, EmbeddedBroker(scenario, PARTITIONS).address)
    act.read(600)
    path = newest_entry(act.root)
    whole = path.read_bytes()
    # What stands before its checksum: an entry without one is taken for an early program's.
    content = whole[: whole.rindex(b',"checksum":')]
    middle = scenario.random.randrange(1, len(content))
    damages = {
        "cut short": whole[:middle],
        "empty": b"",
        "zeros": bytes(len(whole)),
        "closed early": whole[:middle] + b"}",
        "one bit": flipped(content, scenario.random) + whole[len(content) :],
    }
    for name, data in damages.items():
        path.write_bytes(data)
        act.expect_stop(re.escape(path.name), EXIT_CONFIGURATION)
    path.write_bytes(whole)
    act.judge()
    return f"newest ledger entry {', '.join(damages)}", "stops; put back, goes on"


def newest_entry_gone(scenario):
    """The tables have taken what the chain no longer says."""
    act = Act(scenario, EmbeddedBroker(scenario, PARTITIONS).address)
    act.send(600)
    act.die_at("group_commit_before")
    path = newest_entry(act.root)
    whole = path.read_bytes()
    require(b'"add"' in whole, f"{path.name} has nothing for the tables")
    path.unlink()
    act.expect_stop("restore the ledger", EXIT_CONFIGURATION)
    path.write_bytes(whole)
    act.judge()
    return "newest ledger entry gone, tables have it", "stops; put back, goes on"


def topic_made_anew(scenario):
    """Another log under the known name: shorter, longer, or a broker that lost everything."""
    broker = KeptBroker(scenario)
    broker.create(PARTITIONS)
    act = Act(scenario, broker.address)
    act.read(600)
    broker.keep_copy()
    for count, name in ((40, "shorter"), (3_000, "longer")):
        broker.delete(PARTITIONS)
        broker.create(PARTITIONS)
        strangers = fleet.Producer(broker.address, scenario.folder / f"{name}.jsonl", PARTITIONS)
        strangers.send_all(fleet.Fleet(count, device_count=12), count)
        act.expect_stop("re-created", EXIT_UNAVAILABLE)
    broker.restore()
    act.connect()
    act.judge()
    return "topic re-created (shorter, longer)", "stops; with its log back, goes on"


def broker_with_another_log(scenario):
    """The same address, the same cluster id, and nothing in it, then others' records."""
    broker = KeptBroker(scenario)
    broker.create(PARTITIONS)
    act = Act(scenario, broker.address)
    act.read(600)
    broker.keep_copy()
    broker.lose_everything()
    broker.create(PARTITIONS)
    act.expect_stop("re-created", EXIT_UNAVAILABLE)
    broker.restore()
    act.connect()
    act.judge()
    return "broker restarted with another log", "stops; with its log back, goes on"


def other_cluster(scenario):
    known = EmbeddedBroker(scenario, PARTITIONS)
    other = EmbeddedBroker(scenario, PARTITIONS, name="other")
    act = Act(scenario, known.address)
    act.read(600)
    config = json.loads(act.config.read_text())
    config["kafka"]["brokers"] = [other.address]
    strange = scenario.write_config(config, "other.yaml")
    act.expect_stop("cluster", EXIT_CONFIGURATION, strange)
    act.judge()
    return "another cluster's brokers", "stops; pointed back, goes on"


def both_states_damaged(scenario):
    """No snapshot of a partition is left: what windows and detectors know is not begun anew."""
    act = Act(scenario, EmbeddedBroker(scenario, PARTITIONS).address)
    for _ in range(2):
        act.read(300)
    found = [one for one in restart_state.snapshots(act.root).values() if len(one) == 2]
    paths = scenario.random.choice(found)
    whole = [path.read_bytes() for path in paths]
    restart_state.flip(paths[0], scenario.random)
    paths[1].unlink()
    act.expect_stop(re.escape(paths[1].name), EXIT_UNAVAILABLE)
    for path, data in zip(paths, whole):
        path.write_bytes(data)
    act.judge()
    return "both state snapshots damaged", "stops; put back, goes on"


def position_lost(scenario):
    """Records that were never read are gone: a stop, then a gap as a person has decided; and once
    more under an instance that was asleep meanwhile."""
    partitions = {fleet.SNAPSHOTS: 1}
    act = Act(scenario, EmbeddedBroker(scenario, partitions).address, partitions)
    act.read(200)
    act.send_padded(KEPT_BYTES * 2)
    act.expect_stop("deleted", EXIT_UNAVAILABLE)
    lost = [(200, act.beginning())]
    config = json.loads(act.config.read_text())
    config["kafka"]["on_position_lost"] = "skip_and_record"
    act.config = scenario.write_config(config)
    act.catch_up()

    daemon = scenario.daemon(act.config)
    daemon.wait_for_log('"partition taken up"')
    daemon.send(signal.SIGSTOP)
    end = act.producer.count
    act.send_padded(KEPT_BYTES * 2)
    lost.append((end, act.beginning()))
    daemon.send(signal.SIGCONT)
    wait_for("it finds its position again", lambda: '"offsets are lost' in daemon.log())
    require(daemon.stop() == EXIT_OK, f"the stop:\n{daemon.last_lines()}")

    act.send(300)
    scenario.catch_up(act.config, "--fire-open-windows")
    connection = duckdb.connect()
    Table(act.root / "tables/gaps").create_view(connection, "gaps")
    gaps = connection.execute("SELECT from_offset, to_offset FROM gaps ORDER BY ALL").fetchall()
    require(gaps == lost, f"gaps {gaps}, but {lost} are lost")
    kept = scenario.folder / "kept.jsonl"
    with open(kept, "w", encoding="utf-8") as file:
        for line in act.produced.read_text(encoding="utf-8").splitlines(keepends=True):
            offset = json.loads(line)["offset"]
            if not any(start <= offset < end for start, end in lost):
                file.write(line)
    scenario.verify(act.root, kept, act.config, "--ledger", "--open-windows-fired")
    counts = [end - start for start, end in lost]
    return "position lost (at start, under a sleeper)", f"stops; allowed to, gaps of {counts}"


def owed_file_missing(scenario):
    """An entry is in the chain, the tables lack it, and a file it names is gone."""
    act = Act(scenario, EmbeddedBroker(scenario, PARTITIONS).address)
    act.read(300)
    act.send(300)
    act.die_at("log_put_after")
    entry = json.loads(newest_entry(act.root).read_bytes())
    table = next(one for one in entry["tables"] if one["table"].startswith("readings_"))
    add = next(action["add"] for action in table["actions"] if "add" in action)
    (path,) = (act.root / "tables" / table["table"]).glob(f"*/{os.path.basename(add['path'])}")
    whole = path.read_bytes()
    path.unlink()
    # The other tables may take what is theirs.
    others = [
        f"tables/{name.name}/_delta_log/" for name in (act.root / "tables").iterdir()
        if name.name != table["table"]
    ]  # fmt: skip
    act.expect_stop(re.escape(path.name), EXIT_CONFIGURATION, except_below=others)
    path.write_bytes(whole)
    act.judge()
    return "a file that tables are owed is gone", "stops; put back, goes on"


def start_on_full_disk(scenario):
    """Tables are owed an entry, and there is no space: a wait, or an end that is tried again."""
    disk = SmallDisk(scenario)
    act = Act(scenario, EmbeddedBroker(scenario, PARTITIONS).address, root=disk.path / "data")
    act.read(300)
    act.send(300)
    act.die_at("log_put_after")
    disk.fill(0)
    disk.fill_rest()
    daemon = scenario.daemon(act.config)
    wait_for("it meets the full disk", lambda: "space" in daemon.log() or not daemon.is_running)
    time.sleep(5)
    code = daemon.code
    require(code != EXIT_CONFIGURATION, f"78: nobody starts it again:\n{daemon.last_lines()}")
    disk.release()
    if daemon.is_running:
        require(daemon.stop() == EXIT_OK, f"the stop:\n{daemon.last_lines()}")
    act.judge()
    return "started on a full disk, tables owed", "waits" if code is None else f"exit {code}"


def false_alarm(scenario):
    """A broker that says `offset out of range` of an offset it has."""
    broker = EmbeddedBroker(scenario, PARTITIONS)
    act = Act(scenario, broker.address)
    act.read(300)
    daemon = scenario.daemon(act.config)
    daemon.wait_for_log('"partition taken up"')
    broker.order("error fetch 1 1")
    act.send(300)
    wait_for(
        "it ends or commits",
        lambda: not daemon.is_running or len(daemon.events("committed")) > 1)
    code = daemon.code
    require(code in (None, EXIT_UNAVAILABLE), f"ended with {code}:\n{daemon.last_lines()}")
    if code is None:
        require(daemon.stop() == EXIT_OK, f"the stop:\n{daemon.last_lines()}")
    act.judge()
    return "a false `offset out of range`", "goes on" if code is None else "stops; goes on"


ACTS = [
    topic_made_anew, both_states_damaged, position_lost, broker_with_another_log,
    newest_entry_damaged, newest_entry_gone, start_on_full_disk, owed_file_missing, false_alarm,
    other_cluster,
]  # fmt: skip


def run_one(scenario, matrix, act):
    try:
        fault, outcome = act(scenario)
    except Skipped as reason:
        fault, outcome = act.__name__.replace("_", " "), f"skipped: {reason}"
    except harness.Failure as failure:
        raise harness.Failure(f"{act.__name__}: {failure}") from None
    matrix.note(fault, "one, in order", outcome)
    scenario.end_everything()


def submit_all(pool, scenario, matrix, names):
    """Starts the acts on the pool's threads; their futures."""
    chosen = [act for act in ACTS if names is None or act.__name__ in names]
    parts = [(scenario.part(act.__name__), act) for act in chosen]
    return [pool.submit(run_one, part, matrix, act) for part, act in parts]
