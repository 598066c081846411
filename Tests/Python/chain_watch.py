"""Follows the chain of a root while it grows: who moved which partition, when and how far.

A thread reads each entry once, soon after it was put; entries are retired later. Times are the
entries' own `written_at_us`, so that what is measured by them is what the program did, not when we
looked.
"""

import json
import re
import threading
from dataclasses import dataclass
from pathlib import Path

ENTRY_NAME = re.compile(r"\d{20}\.json")
PAUSE_SECONDS = 0.1


@dataclass
class Move:
    """One partition's part of one entry."""

    version: int
    # Seconds since 1970.
    at: float
    incarnation: str
    start: int
    to: int


class ChainWatch:
    """Entries without moves are read too, but only counted."""

    def __init__(self, root):
        self.folder = Path(root) / "_ledger"
        self.lock = threading.Lock()
        self.newest = -1
        # (topic, partition) -> its moves, oldest first.
        self.moves = {}
        # Versions that were gone before they were read.
        self.missed = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping.wait(PAUSE_SECONDS):
            self.look()

    def look(self):
        """Reads what is new; also for whoever cannot wait for the thread."""
        with self.lock:
            try:
                names = sorted(p.name for p in self.folder.iterdir())
            except FileNotFoundError:
                return
            for name in names:
                if ENTRY_NAME.fullmatch(name) and int(name[:20]) > self.newest:
                    try:
                        entry = json.loads((self.folder / name).read_bytes())
                    except FileNotFoundError:
                        continue
                    self.take(entry)

    def take(self, entry):
        version = entry["version"]
        self.missed += version - self.newest - 1
        self.newest = version
        at = entry["written_at_us"] / 1e6
        incarnation = entry["commit_id"]["incarnation"]
        for move in entry.get("partitions", []):
            where = (move["topic"], move["partition"])
            self.moves.setdefault(where, []).append(
                Move(version, at, incarnation, move["from"], move["to"])
            )

    def records(self):
        """Committed records, of all partitions."""
        with self.lock:
            return sum(moves[-1].to for moves in self.moves.values())

    def writers_since(self, version):
        """Incarnations that have put an entry after that version."""
        with self.lock:
            every = (move for moves in self.moves.values() for move in reversed(moves))
            return {move.incarnation for move in every if move.version > version}

    def stop(self):
        self.stopping.set()
        self.thread.join(10)
        self.look()
