"""Compares the table `anomalies` with what was produced, anomaly by anomaly.

    verify_anomalies.py --root DATA --produced produced.jsonl --config options.json
        [--committed-only] [--at-least KIND=COUNT…]

The files are those of verify_tables.py. Checked: every anomaly of a detector of limits or silence
is what anomaly_reference.py expects, with all its steps and their numbers, and nothing else is
there; of every detector: no step is there twice, an anomaly opens first and closes last, and no
two anomalies share an id. `--at-least spike=1` fails where fewer anomalies of that rule are there,
so that a test proves something; `cap` and `summary` are rules here too.

Exit code 0 when everything holds, 1 when something does not, 2 for wrong usage.
"""

import argparse
import collections
import json
import sys
import time
from pathlib import Path

import ledger_chain
from anomaly_reference import CLOSED, CRITICAL, ESCALATED, OPENED, WARNING
from anomaly_reference import AnomalyReference, Detector, Step
from delta_tables import Table, connect, quoted
from pipeline_options import Source
from verify_tables import Verdict, produced_records

RULES = ["limits", "silence", "spike", "jump", "shift"]
ORDER = {OPENED: 0, ESCALATED: 1, CLOSED: 2}
# The evidence's members that the rules decide, by its kind.
DECIDED = {
    "limits": ["side", "worst", "violations"],
    "silence": ["silent_seconds"],
    "silence_summary": ["devices"],
    "cap": ["open", "open_max", "refused"],
}
NUMBERS = ["value", "expected", "score", "threshold"]


def found_anomalies(connection, root, config):
    """{(source, topic, partition, id): its steps in order}."""
    table = Table(root / "tables" / "anomalies")
    table.create_view(connection, "found")
    attributes = {source.name: source.attributes for source in Source.all_of(config)}
    names = sorted({name for known in attributes.values() for name in known})
    columns = ["source", "kafka_topic", "kafka_partition", "anomaly_id", "detector", "device_id"]
    columns += ["metric", "state", "severity", "kafka_offset", "evidence", *NUMBERS, *names]
    query = f"SELECT epoch_us(event_time), {', '.join(map(quoted, columns))} FROM found"
    anomalies = collections.defaultdict(list)
    for event_time, *values in connection.execute(query).fetchall():
        row = dict(zip(columns, values))
        evidence = json.loads(row["evidence"])
        kind = evidence.get("kind")
        decided = {name: evidence[name] for name in DECIDED.get(kind, []) if name in evidence}
        known = {name: row[name] for name in names if row[name] is not None}
        step = Step(
            row["detector"], row["device_id"], row["metric"], row["state"], row["severity"],
            event_time, row["kafka_offset"], *(row[name] for name in NUMBERS),
            known, {"kind": kind, **decided},
        )  # fmt: skip
        where = row["source"], row["kafka_topic"], row["kafka_partition"]
        anomalies[(*where, row["anomaly_id"])].append(step)
    for steps in anomalies.values():
        steps.sort(key=lambda step: (step.offset, ORDER[step.state]))
    return table, anomalies


def life_faults(anomalies):
    """What is wrong with the lives of anomalies, whatever detector they are of."""
    faults, places = [], collections.defaultdict(set)
    for (*where, name), steps in anomalies.items():
        places[name].add(tuple(where))
        states = [step.state for step in steps]
        if len(set(states)) != len(states):
            faults.append(f"{name}: a step occurs twice: {states}")
        elif states not in ([OPENED], [OPENED, CLOSED], [OPENED, ESCALATED], list(ORDER)):
            faults.append(f"{name}: its steps are {states}")
        elif len({(step.detector, step.device, step.metric) for step in steps}) != 1:
            faults.append(f"{name}: its rows are about different things")
        severities = [step.severity for step in steps]
        if ESCALATED in states and severities[:2] != [WARNING, CRITICAL]:
            faults.append(f"{name}: it escalates from {severities[0]} to {severities[1]}")
        elif severities != sorted(severities, key=(WARNING, CRITICAL).index):
            faults.append(f"{name}: its severity goes back: {severities}")
    faults += [f"{name} stands in {sorted(p)}" for name, p in places.items() if len(p) > 1]
    return faults


def expected_anomalies(arguments, config):
    """{(source, topic, partition): its reference}."""
    ends = None
    if arguments.committed_only:
        positions = ledger_chain.read(Path(arguments.root)).positions
        ends = {(topic, partition): at.to for (topic, _, partition), at in positions.items()}
    sources = {topic: source for source in Source.all_of(config) for topic in source.topics}
    references = {}
    for (topic, _, partition), record in produced_records(arguments.produced):
        source = sources.get(topic)
        if source is None:
            continue
        if ends is not None and record.offset >= ends.get((topic, partition), 0):
            continue
        where = (source.name, topic, partition)
        if where not in references:
            detectors = Detector.all_of(config, source.name)
            references[where] = AnomalyReference(source, detectors)
        references[where].feed(record)
    return references


def compare(verdict, references, anomalies, foretold):
    """Whole lives are compared, as a bag: ids are the program's own."""
    found = collections.Counter(
        (*where, *(step.key() for step in steps))
        for (*where, _), steps in anomalies.items()
        if steps[0].detector in foretold
    )
    expected = collections.Counter(
        (*where, *(step.key() for step in anomaly.steps))
        for where, reference in references.items()
        for anomaly in reference.anomalies
    )
    verdict.note(
        f"anomalies of limits and silence: {expected.total()} expected, {found.total()} found"
    )
    for sentence, differing in (
        ("anomalies are missing", expected - found),
        ("anomalies nobody expects", found - expected),
    ):
        if differing:
            first = sorted(differing, key=lambda life: (life[:3], life[3][6]))
            verdict.fault(f"{sentence}: {differing.total()}", first)


def rule_of(steps, rules):
    """The configuration's name of the rule, or `cap` or `summary`."""
    kind = steps[0].evidence["kind"]
    special = {"cap": "cap", "silence_summary": "summary"}
    return special.get(kind) or rules.get(steps[0].detector, "unknown")


def verify(arguments):
    started = time.monotonic()
    verdict = Verdict()
    root = Path(arguments.root)
    config = json.loads(Path(arguments.config).read_text(encoding="utf-8"))
    rules = {
        entry["name"]: next(rule for rule in RULES if rule in entry)
        for entry in config.get("detectors", [])
    }
    connection = connect()
    table, anomalies = found_anomalies(connection, root, config)
    verdict.faults(table.faults(connection))
    wrong = "SELECT count(*) FROM found WHERE event_date IS DISTINCT FROM event_time::DATE"
    if count := connection.execute(wrong).fetchone()[0]:
        verdict.fault(f"anomalies: {count} rows lie in a folder of another date")
    verdict.faults(life_faults(anomalies))
    strangers = {steps[0].detector for steps in anomalies.values()} - rules.keys()
    if strangers:
        verdict.fault(f"rows of detectors nobody configured: {sorted(strangers)}")

    counts = collections.Counter(rule_of(steps, rules) for steps in anomalies.values())
    closed = sum(steps[-1].state == CLOSED for steps in anomalies.values())
    shown = ", ".join(f"{count} {rule}" for rule, count in sorted(counts.items()))
    verdict.note(f"anomalies: {len(anomalies)} ({shown}), {closed} of them closed")
    for wanted in arguments.at_least:
        rule, least = wanted.split("=")
        if counts[rule] < int(least):
            verdict.fault(f"only {counts[rule]} anomalies of {rule}, not at least {least}")
    foretold = {name for name, rule in rules.items() if rule in ("limits", "silence")}
    foretold |= strangers
    compare(verdict, expected_anomalies(arguments, config), anomalies, foretold)

    seconds = time.monotonic() - started
    if verdict.fault_count:
        print(f"verify: FAILED, {verdict.fault_count} differences of anomalies ({seconds:.1f} s)")
        return 1
    print(f"verify: all anomalies hold ({seconds:.1f} s)")
    return 0


def main():
    parser = argparse.ArgumentParser(description="Compares `anomalies` with what was produced.")
    parser.add_argument("--root", required=True, help="the data root")
    parser.add_argument("--produced", required=True, help="produced.jsonl")
    parser.add_argument("--config", required=True, help="the configuration, as JSON")
    parser.add_argument(
        "--committed-only",
        action="store_true",
        help="expect only what records below the ledger's positions bring about",
    )
    parser.add_argument(
        "--at-least", nargs="*", default=[], metavar="RULE=COUNT", help="fail where fewer are there"
    )
    return verify(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
