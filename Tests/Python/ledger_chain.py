"""The ledger of a root, checked link by link: nothing here trusts a number it can count itself.

An entry is `_ledger/<version, 20 digits>.json`. Every partition's moves must follow each other
without hole or overlap, each naming the version that moved the partition before it; every file an
entry names must exist with the size it says. Where the oldest entries were retired, the summaries
that stand for them give the starts, and must agree with the entries that are still there.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

ENTRY_NAME = re.compile(r"(\d{20})\.json")
SUMMARY_NAME = re.compile(r"summary-(\d{20})")


@dataclass
class Position:
    """What the chain says of one partition."""

    start: int
    to: int
    last_version: int
    not_delivered: int = 0
    skipped: int = 0


@dataclass
class Chain:
    entry_count: int = 0
    # False when the first entries were retired behind a summary: then decisions and files of
    # theirs are unknown.
    is_whole: bool = True
    positions: dict = field(default_factory=dict)
    # (topic, incarnation, partition) -> offsets at which open windows were fired by decision.
    decisions: dict = field(default_factory=dict)
    # (topic, incarnation, partition) -> [(from, to, reason, decided by)], as recorded.
    gaps: dict = field(default_factory=dict)
    # Where incarnations ended that another one followed: (topic, incarnation, partition) -> to.
    ends: dict = field(default_factory=dict)
    # table -> {path below the table: (size, rows)}.
    adds: dict = field(default_factory=dict)
    # table -> paths some entry removes.
    removes: dict = field(default_factory=dict)
    # The last entry that brought dead letters back; -1 before the first, None where it is unknown.
    last_replay: int | None = -1
    faults: list = field(default_factory=list)


def read(root):
    """Reads and checks the chain under `root`."""
    folder = Path(root) / "_ledger"
    versions = versions_named(folder, ENTRY_NAME)
    summaries = versions_named(folder, SUMMARY_NAME)
    chain = Chain(entry_count=len(versions))
    if not versions:
        chain.faults.append("the ledger has no entry")
        return chain
    chain.is_whole = versions[0] == 0
    if not chain.is_whole:
        chain.last_replay = None
    missing = sorted(set(range(versions[0], versions[-1] + 1)) - set(versions))
    if missing:
        chain.faults.append(f"versions are missing in the middle of the chain: {missing[:5]}")
    identity = None
    commits = set()
    for version in versions:
        entry = json.loads((folder / f"{version:020}.json").read_bytes())
        take(chain, entry, version)
        if version in summaries:
            summary = json.loads((folder / f"summary-{version:020}").read_bytes())
            check_summary(chain, summary["state"], version)
        found = (entry["format"], entry["ledger_id"], entry["pipeline"])
        identity = identity or found
        if found != identity:
            chain.faults.append(f"version {version} is of another ledger: {found}, not {identity}")
        commit = (entry["commit_id"]["incarnation"], entry["commit_id"]["counter"])
        if commit in commits:
            chain.faults.append(f"version {version} repeats commit id {commit}")
        commits.add(commit)
    check_files(chain, Path(root))
    return chain


def versions_named(folder, pattern):
    matches = (pattern.fullmatch(path.name) for path in folder.iterdir())
    return sorted(int(match.group(1)) for match in matches if match)


def check_summary(chain, state, version):
    """A summary's positions must be what the entries led to; what the entries no longer tell
    (starts, sums since the opening) is taken from it."""
    last_replay = state.get("last_replay", -1)
    if chain.last_replay is None:
        chain.last_replay = last_replay
    if chain.last_replay != last_replay:
        chain.faults.append(
            f"summary {version} says {last_replay} was the last replay, not {chain.last_replay}"
        )
    if state["next_version"] != version + 1:
        chain.faults.append(f"summary {version} continues at {state['next_version']}")
    for said in state["partitions"]:
        key = (said["topic"], said["incarnation"], said["partition"])
        position = chain.positions.get(key)
        if position is None and not chain.is_whole:
            position = chain.positions[key] = Position(0, said["to"], said["last_version"])
        found = position and (position.to, position.last_version)
        if found != (said["to"], said["last_version"]):
            chain.faults.append(f"summary {version}, {key}: says {said}, the entries say {found}")
            continue
        if not chain.is_whole:
            position.start = said["start"]
            position.not_delivered = said["not_delivered"]
            position.skipped = said["skipped"]


def take(chain, entry, version):
    if entry["version"] != version:
        chain.faults.append(f"the file of version {version} holds version {entry['version']}")
    for opening in entry.get("openings", []):
        for key, position in chain.positions.items():
            if key[0] == opening["topic"] and key[1] == opening["incarnation"] - 1:
                chain.ends[key] = position.to
        for number, start in enumerate(opening["start_offsets"], opening["first_partition"]):
            key = (opening["topic"], opening["incarnation"], number)
            if key in chain.positions:
                chain.faults.append(f"version {version} opens {key} a second time")
            chain.positions[key] = Position(start, start, version)
    if entry["kind"] == "replay":
        take_replay(chain, entry, version)
    elif "replay" in entry:
        chain.faults.append(f"version {version} names a replay and is none")
    for move in entry.get("partitions", []):
        take_move(chain, move, version)
    for decision in entry.get("decisions", []):
        key = (decision["topic"], decision["incarnation"], decision["partition"])
        chain.decisions.setdefault(key, []).append(decision["offset"])
    for table in entry.get("tables", []):
        adds = chain.adds.setdefault(table["table"], {})
        for action in table["actions"]:
            if "add" in action:
                add = action["add"]
                path = unquote(add["path"])
                if path in adds:
                    chain.faults.append(f"version {version} adds {table['table']}/{path} again")
                rows = json.loads(add.get("stats") or "{}").get("numRecords")
                adds[path] = (add["size"], rows)
            elif "remove" in action:
                removes = chain.removes.setdefault(table["table"], set())
                removes.add(unquote(action["remove"]["path"]))


def take_replay(chain, entry, version):
    """A replay of dead letters knows the marks of all replays before it, and moves nothing."""
    previous = entry["replay"]["previous"]
    if chain.last_replay is not None and previous != chain.last_replay:
        chain.faults.append(
            f"version {version} replays after {previous}, but {chain.last_replay} was the last"
        )
    chain.last_replay = version
    for member in ("openings", "partitions", "decisions"):
        if entry.get(member):
            chain.faults.append(f"version {version} is a replay and has {member}")


def take_move(chain, move, version):
    key = (move["topic"], move["incarnation"], move["partition"])
    name = f"{key[0]}[{key[2]}]"
    position = chain.positions.get(key)
    if position is None:
        if chain.is_whole:
            chain.faults.append(f"version {version} moves {name}, which no entry has opened")
        position = chain.positions[key] = Position(move["from"], move["from"], move["prev"])
    if move["prev"] != position.last_version:
        chain.faults.append(
            f"version {version}, {name}: prev is {move['prev']}, but version "
            f"{position.last_version} moved it last"
        )
    if key in chain.ends:
        chain.faults.append(f"version {version} moves {name} after its incarnation {key[1]} ended")
    if move["from"] != position.to:
        chain.faults.append(
            f"version {version}, {name}: from {move['from']}, but the chain stands at "
            f"{position.to}: {'a hole' if move['from'] > position.to else 'an overlap'}"
        )
    if move["to"] < move["from"]:
        chain.faults.append(f"version {version}, {name}: goes back to {move['to']}")
    position.to = move["to"]
    position.last_version = version
    position.not_delivered += move.get("not_delivered", 0)
    for gap in move.get("gaps", []):
        # A gap in the state lies below the move: its offsets were accounted for before.
        position.skipped += max(0, gap["to"] - max(gap["from"], move["from"]))
        decided_by = gap.get("decided_by", "kafka.on_position_lost: skip_and_record")
        found = (gap["from"], gap["to"], gap["reason"], decided_by)
        chain.gaps.setdefault(key, []).append(found)


def check_files(chain, root):
    for table, adds in chain.adds.items():
        for path, (size, _) in adds.items():
            file = root / "tables" / table / path
            if path in chain.removes.get(table, ()):
                continue
            if not file.exists():
                chain.faults.append(f"{table}/{path} is named by the ledger but does not exist")
            elif file.stat().st_size != size:
                chain.faults.append(
                    f"{table}/{path} has {file.stat().st_size} bytes, the ledger says {size}"
                )


def check_against_log(chain, table):
    """Sentences on how a table's log and the ledger differ, for tables only downlink has written
    (OPTIMIZE and DELETE by others would differ rightly)."""
    # `devices` is written beside the ledger, from what it says (docs/TABLES.md).
    if not chain.is_whole or table.name == "devices":
        return []
    said = {
        path: about
        for path, about in chain.adds.get(table.name, {}).items()
        if path not in chain.removes.get(table.name, ())
    }
    live = {path: (size, rows) for path, size, rows in table.files()}
    found = [f"{table.name}: the log lacks {path}" for path in sorted(said.keys() - live.keys())]
    found += [
        f"{table.name}: no entry names {path}" for path in sorted(live.keys() - said.keys())
    ]
    found += [
        f"{table.name}: {path}: size and rows {said[path]} in the ledger, {live[path]} in the log"
        for path in sorted(said.keys() & live.keys())
        if said[path] != live[path]
    ]
    return found
