"""Records that gateways send again: of snapshots by device and sequence, of batches by their bytes.
The program is killed in between, again and again. Each reading is in the tables once, as if its
copies had never come; the outcomes add up, and nobody's clock was moved.
"""

import time

import fleet
import harness
from harness import require
from undisturbed import compare_with_undisturbed

PARTITIONS = {fleet.SNAPSHOTS: 2, fleet.SAMPLES: 2}
WITHIN_MS = 60_000
# Further back than `within`: some copies come too late to be ones.
HISTORY = 5_000
RULES = {
    fleet.SNAPSHOTS: {"by": "sequence", "within": "1m"},
    fleet.SAMPLES: {"by": "payload", "within": "1m"},
}


class ResendingFleet(fleet.Fleet):
    """Sends every sixth record again, soon or late, and says what becomes of the copy.

    Kafka's timestamps grow in small steps, so every partition's clock is that of its last record.
    """

    def __init__(self, seed):
        super().__init__(seed)
        self.sent = []
        # When the copy that counts was sent; a broken record never counts.
        self.counted = {}
        self.copies = {topic: 0 for topic in PARTITIONS}
        self.too_late = 0

    def next(self):
        if self.sent and self.random.random() < 1 / 6:
            self.now_ms += self.step_ms
            back = self.random.choice([20, 300, HISTORY])
            first = self.random.choice(self.sent[-back:])
            return self.judged(first.topic, first.device, first.payload, first.members)
        made = super().next()
        self.sent = [*self.sent[-HISTORY:], made]
        return self.judged(made.topic, made.device, made.payload, made.members)

    def judged(self, topic, device, payload, members):
        if members.get("dead"):
            return self.outgoing(topic, device, payload, members)
        identity = (topic, device, members["sequence"])
        counted_ms = self.counted.get(identity)
        if counted_ms is not None and self.now_ms - counted_ms <= WITHIN_MS:
            self.copies[topic] += 1
            return self.outgoing(topic, device, payload, {"duplicate": True, "rows": []})
        self.too_late += counted_ms is not None
        self.counted[identity] = self.now_ms
        return self.outgoing(topic, device, payload, members)


def sources():
    made = []
    for source in fleet.SOURCES:
        made.append({**source, "deduplicate": RULES[source["topics"][0]]})
    return made


class Chain:
    """Every entry there ever was: old ones retire below two summaries, so look after every life."""

    def __init__(self, root):
        self.root = root
        self.entries = {}

    def look(self):
        for entry in harness.ledger_entries(self.root):
            self.entries[entry["version"]] = entry

    def total(self, counter):
        versions = sorted(self.entries)
        require(versions == list(range(len(versions))), f"entries were missed: {versions}")
        return sum(entry.get("counters", {}).get(counter, 0) for entry in self.entries.values())


def check_outcomes(chain):
    """Every offset has one outcome, in every entry."""
    for entry in chain.entries.values():
        counters = entry.get("counters", {})
        moved = sum(move["to"] - move["from"] for move in entry.get("partitions", []))
        outcomes = ("read", "empty", "dead", "duplicate", "filtered", "not_delivered")
        counted = sum(counters.get(f"records_{outcome}", 0) for outcome in outcomes)
        where = f"version {entry['version']}"
        require(moved == counted, f"{where}: {moved} offsets, {counted} outcomes")


def work_and_kill(scenario, config, producer, made, rounds):
    """A life that ends with SIGKILL, wherever it is then."""
    daemon = scenario.daemon(config)
    producer.send_all(made, 150)
    daemon.wait_for_log('"committed"')
    for _ in range(rounds):
        producer.send_all(made, 250)
        time.sleep(scenario.random.uniform(0.2, 1.4))
    require(daemon.kill(), f"it had ended with {daemon.code}:\n{daemon.last_lines()}")


def run(scenario):
    brokers = scenario.broker(**PARTITIONS)
    root = scenario.folder / "data"
    sections = {**fleet.fleet_sections(), "detectors": fleet.DETECTORS, "sources": sources()}
    config = harness.base_config(brokers, root, **sections)
    config["storage"]["state_interval"] = "1s"
    config = scenario.write_config(config)
    produced = scenario.folder / "produced.jsonl"
    producer = fleet.Producer(brokers, produced, PARTITIONS)
    made = ResendingFleet(scenario.arguments.seed)
    chain = Chain(root)
    producer.send_all(made, 3_000)
    lives = 3 if scenario.is_quick else 10
    for _ in range(lives):
        work_and_kill(scenario, config, producer, made, scenario.random.randrange(1, 4))
        chain.look()
    producer.send_all(made, 1_500)
    scenario.catch_up(config, "--fire-open-windows")
    chain.look()

    copies = sum(made.copies.values())
    found = chain.total("records_duplicate")
    require(min(made.copies.values()) > 0 and made.too_late > 0, f"not met: {made.copies}")
    require(found == copies, f"{found} duplicates are counted, {copies} copies were sent")
    require(chain.total("duplicates_forgotten_early") == 0, "something was forgotten early")
    check_outcomes(chain)
    scenario.note(
        f"{producer.count} records, {copies} of them copies, {made.too_late} too late to be any;"
        f" {lives} lives"
    )
    scenario.verify(root, produced, config, "--ledger", "--open-windows-fired")
    scenario.verify_anomalies(root, produced, config)
    compare_with_undisturbed(scenario, root, config)


if __name__ == "__main__":
    harness.main(run)
