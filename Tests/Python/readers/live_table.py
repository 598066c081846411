"""What a Delta log says is there, read by a reader of logs of its own: from the newest log
checkpoint, where there is one, and the commits behind it."""

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pyarrow
import pyarrow.parquet

COMMIT = re.compile(r"^(\d{20})\.json$")
CHECKPOINT = re.compile(r"^(\d{20})\.checkpoint\.parquet$")
ARROW_TYPES = {
    "long": pyarrow.int64(), "integer": pyarrow.int32(), "double": pyarrow.float64(),
    "float": pyarrow.float32(), "string": pyarrow.string(), "boolean": pyarrow.bool_(),
    "binary": pyarrow.binary(), "timestamp": pyarrow.timestamp("us", tz="UTC"),
    "date": pyarrow.date32(),
}  # fmt: skip


class LiveTable:
    """A table at its newest version: its files, its columns, its transactions."""

    def __init__(self, path):
        self.path = Path(path)
        self.name = self.path.name
        self.version, self.checkpoint = -1, None
        # Path below the table -> its add action; app id -> version.
        self.adds, self.transactions = {}, {}
        self.metadata = None
        for action in self.actions():
            self.take(action)
        fields = json.loads(self.metadata["schemaString"])["fields"]
        self.partition_columns = list(self.metadata["partitionColumns"])
        self.types = {field["name"]: field["type"] for field in fields}
        self.schema = pyarrow.schema(
            [pyarrow.field(name, ARROW_TYPES[kind]) for name, kind in self.types.items()]
        )

    def actions(self):
        """Of the newest log checkpoint and of the commits after it; every number must be there."""
        names = [path.name for path in (self.path / "_delta_log").iterdir()]
        checkpoints = [int(found[1]) for name in names if (found := CHECKPOINT.match(name))]
        if checkpoints:
            self.checkpoint = self.version = max(checkpoints)
            yield from self.checkpointed(self.checkpoint)
        commits = sorted(int(found[1]) for name in names if (found := COMMIT.match(name)))
        for number in commits:
            if number <= self.version:
                continue
            if number != self.version + 1:
                raise ValueError(f"{self.path}: commit {self.version + 1} is missing")
            self.version = number
            text = (self.path / "_delta_log" / f"{number:020}.json").read_text(encoding="utf-8")
            for line in text.splitlines():
                yield json.loads(line)

    def checkpointed(self, number):
        path = self.path / "_delta_log" / f"{number:020}.checkpoint.parquet"
        # Not by columns: a row is one action, the other members are null.
        for row in pyarrow.parquet.ParquetFile(path).read().to_pylist():
            action = {name: value for name, value in row.items() if value is not None}
            for value in action.values():
                for name in ("partitionValues", "configuration"):
                    if isinstance(value.get(name), list):  # a map
                        value[name] = dict(value[name])
            yield action

    def take(self, action):
        if found := action.get("metaData"):
            self.metadata = found
        if found := action.get("txn"):
            self.transactions[found["appId"]] = found["version"]
        if found := action.get("remove"):
            self.adds.pop(unquote(found["path"]), None)
        if found := action.get("add"):
            self.adds[unquote(found["path"])] = found

    def files(self, **partition):
        """Full paths of the live files, of a partition if asked."""
        return [
            str(self.path / path)
            for path, add in sorted(self.adds.items())
            if all(add["partitionValues"].get(name) == value for name, value in partition.items())
        ]

    def partition_values(self):
        """(full path, {partition column: text or None}) of every live file."""
        return [
            (str(self.path / path), add["partitionValues"])
            for path, add in sorted(self.adds.items())
        ]

    def row_groups(self, column, value):
        """How many row groups have bounds around the value, of how many."""
        left = there = 0
        for path in self.files():
            file = pyarrow.parquet.ParquetFile(path).metadata
            place = file.schema.names.index(column)
            for number in range(file.num_row_groups):
                bounds = file.row_group(number).column(place).statistics
                there += 1
                left += not bounds.has_min_max or bounds.min <= value <= bounds.max
        return left, there

    @property
    def is_cut(self):
        """Whether commits behind the log checkpoint are gone."""
        return not (self.path / "_delta_log" / f"{0:020}.json").exists()

    @property
    def most_files_of_a_partition(self):
        values = [tuple(add["partitionValues"].items()) for add in self.adds.values()]
        return max(map(values.count, values), default=0)

    @property
    def row_count(self):
        """By the statistics; every file of ours has them."""
        return sum(json.loads(add["stats"])["numRecords"] for add in self.adds.values())
