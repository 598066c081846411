"""`downlinkd inspect` against other readers of the same bytes: entries against the JSON on the disk,
Parquet files against pyarrow's metadata (ours, and files that pyarrow writes), tables against
deltalake, states against the chain; damaged files end with a sentence and a code, never a crash.
"""

import json
import subprocess
from pathlib import Path

import deltalake
import pyarrow as pa
import pyarrow.parquet as pq

import fleet
import harness
from harness import require

PARTITIONS = {fleet.SNAPSHOTS: 2, fleet.SAMPLES: 2}


def inspect(*words, code=0):
    """What it prints; it must end with `code`."""
    done = subprocess.run(
        [harness.binary(), "inspect", *map(str, words)], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    require(
        done.returncode == code,
        f"inspect {words} ended with {done.returncode}, not {code}: {done.stdout}{done.stderr}",
    )
    return done.stdout if code == 0 else done.stderr


def inspect_json(*words):
    return json.loads(inspect(*words, "--json"))


def entries(root):
    """Every entry on the disk as inspect has it, and a text of each."""
    there = harness.ledger_entries(root)
    for entry in there:
        shown = inspect_json("entry", entry["version"], "--root", root)
        entry.pop("checksum", None)
        require(shown == entry, f"entry {entry['version']}: {shown} is not {entry}")
        text = inspect("entry", entry["version"], "--root", root)
        require(text.startswith(f"entry {entry['version']} ({entry['kind']})"), text)
        for table in entry.get("tables", []):
            require(f"table {table['table']}" in text, text)
        for move in entry.get("partitions", []):
            require(f" {move['to']} " in text, text)
    last = inspect_json("entry", "--root", root)
    require(last["version"] == there[-1]["version"], "last is not the last one")
    inspect("entry", there[-1]["version"] + 1, "--root", root, code=harness.EXIT_UNAVAILABLE)
    return len(there)


def bound(value):
    """As inspect writes it."""
    if hasattr(value, "timestamp"):
        return None
    return value.decode() if isinstance(value, bytes) else value


def pages(path, number, chunk, column, where):
    """What is said of a chunk's pages and indexes; pyarrow knows a dictionary by reading it."""
    require((chunk["column_index_bytes"] is not None) == column.has_column_index, where)
    require((chunk["offset_index_bytes"] is not None) == column.has_offset_index, where)
    if column.num_values:
        each = column.total_compressed_size / column.num_values
        require(abs(chunk["bytes_per_value"] - each) < 1e-6 * each, where)
    found = chunk["pages"]
    require(found["fault"] is None, where)
    require((found["dictionary_entries"] is not None) == column.has_dictionary_page, where)
    require(sum(found["encodings"].values()) == found["data"], where)
    require(column.num_values == 0 or found["data"] > 0, where)
    known = {"RLE_DICTIONARY", "PLAIN_DICTIONARY"}
    require(known.isdisjoint(found["encodings"]) or found["dictionary_entries"] is not None, where)
    name = column.path_in_schema
    is_flat_text = column.physical_type == "BYTE_ARRAY" and "." not in name
    if is_flat_text and known.issuperset(found["encodings"]) and found["data"]:
        group = pq.ParquetFile(path, read_dictionary=[name]).read_row_group(number, columns=[name])
        entries = [len(part.dictionary) for part in group.column(0).chunks]
        # pyarrow counts words. Ours may have one twice, where two partitions' rows share a file.
        require(max(entries) <= found["dictionary_entries"], f"{where}: {entries}")


def parquet(path):
    """Compares a file with pyarrow's metadata of it."""
    shown = inspect_json("parquet", path)
    metadata = pq.read_metadata(path)
    keys = metadata.metadata or {}
    require({entry["key"]: entry["bytes"] for entry in shown["metadata"]}
            == {key.decode(): len(value) for key, value in keys.items()}, f"{path}: metadata")
    require(shown["rows"] == metadata.num_rows, f"{path}: rows")
    require(shown["created_by"] == metadata.created_by, f"{path}: created_by")
    require(shown["bytes"] == Path(path).stat().st_size, f"{path}: bytes")
    require(len(shown["row_groups"]) == metadata.num_row_groups, f"{path}: row groups")
    leaves = [element for element in shown["schema"] if element["physical_type"]]
    require(
        [leaf["name"] for leaf in leaves] == [column.name for column in metadata.schema],
        f"{path}: {leaves}",
    )
    for number, group in enumerate(shown["row_groups"]):
        other = metadata.row_group(number)
        sorting = [(sort.column_index, sort.descending) for sort in other.sorting_columns]
        require(
            [(sort["column"], sort["descending"]) for sort in group["sorting"]] == sorting,
            f"{path}: sorting of group {number}",
        )
        require(group["rows"] == other.num_rows, f"{path}: rows of group {number}")
        require(group["uncompressed_bytes"] == other.total_byte_size, f"{path}: group {number}")
        for index, chunk in enumerate(group["columns"]):
            column = other.column(index)
            where = f"{path}: {column.path_in_schema} of group {number}: {chunk}"
            require(chunk["path"] == column.path_in_schema, where)
            require(chunk["physical_type"] == column.physical_type, where)
            require(chunk["codec"] == {"LZ4": "LZ4_RAW"}.get(column.compression, column.compression)
                    or chunk["codec"] == column.compression, where)
            require(sorted(chunk["encodings"]) == sorted(column.encodings), where)
            require(chunk["bytes"] == column.total_compressed_size, where)
            require(chunk["uncompressed_bytes"] == column.total_uncompressed_size, where)
            require(chunk["values"] == column.num_values, where)
            require(chunk["dictionary"] == column.has_dictionary_page, where)
            pages(path, number, chunk, column, where)
            statistics = column.statistics
            if statistics is None or not statistics.has_min_max:
                continue
            if statistics.null_count is not None:
                require(chunk["nulls"] == statistics.null_count, where)
            if column.physical_type == "DOUBLE" and not column.path_in_schema.count("."):
                require(float(chunk["min"]) == statistics.min, where)
                require(float(chunk["max"]) == statistics.max, where)
            if column.physical_type == "BYTE_ARRAY" and isinstance(statistics.min, str):
                require(chunk["min"] == statistics.min, where)
    text = inspect("parquet", path)
    require(f"{metadata.num_rows} rows" in text.splitlines()[0], text)


def foreign_files(folder):
    """Files of another writer, with what ours never has: nesting, other codecs, other types."""
    table = pa.table({
        "id": pa.array(range(1000), pa.int64()),
        "tags": pa.array([["a", "b"]] * 1000, pa.list_(pa.string())),
        "place": pa.array([{"x": 1.5, "y": {"z": 2}}] * 1000),
        "price": pa.array([None] * 1000, pa.decimal128(10, 2)),
        "day": pa.array([20_000] * 1000, pa.date32()),
        "map": pa.array([[("k", 1)]] * 1000, pa.map_(pa.string(), pa.int32())),
        "dict": pa.array(["x", "y"] * 500).dictionary_encode(),
    })
    for number, options in enumerate([
        {"compression": "gzip"}, {"compression": "brotli", "row_group_size": 100},
        {"compression": "none", "data_page_version": "2.0", "use_dictionary": False},
        {"compression": "zstd", "write_statistics": False, "version": "1.0"},
        {"sorting_columns": [pq.SortingColumn(0)]},
        {"write_page_index": True, "data_page_size": 500, "dictionary_pagesize_limit": 100},
    ]):  # fmt: skip
        path = folder / f"foreign-{number}.parquet"
        pq.write_table(table, path, **options)
        yield path
    empty = folder / "empty.parquet"
    pq.write_table(table.slice(0, 0), empty)
    yield empty


def damaged(scenario, path):
    """Bits that are flipped in the footer, and files cut short: 0 or a code, and no crash."""
    whole = Path(path).read_bytes()
    target = scenario.folder / "damaged.parquet"
    for _ in range(10 if scenario.is_quick else 60):
        data = bytearray(whole)
        if scenario.random.random() < 0.3:
            data = data[: scenario.random.randrange(len(data))]
        else:
            for _ in range(scenario.random.randrange(1, 8)):
                end = len(data) - scenario.random.randrange(1, min(len(data), 3000))
                data[end] ^= 1 << scenario.random.randrange(8)
        target.write_bytes(data)
        done = subprocess.run(
            [harness.binary(), "inspect", "parquet", str(target)], capture_output=True, timeout=60
        )
        require(done.returncode in (0, 65), f"ended with {done.returncode}: {done.stderr}")
        require(done.returncode == 0 or str(target) in done.stderr.decode(), done.stderr)
    inspect("parquet", scenario.folder / "nowhere.parquet", code=harness.EXIT_UNAVAILABLE)
    inspect("parquet", scenario.folder, code=harness.EXIT_UNAVAILABLE)


def states(scenario, root, config):
    """The newest state of every partition, and one that is damaged."""
    named = {}
    for entry in harness.ledger_entries(root):
        for move in entry.get("partitions", []):
            if "state" in move:
                named[(move["topic"], move["partition"])] = move["state"]
    require(named, "no entry brings a state")
    for (topic, partition), state in named.items():
        shown = inspect_json("state", "--partition", f"{topic}[{partition}]", "--config", config)
        require(shown["path"] == state["path"], f"{shown['path']} is not {state}")
        require(shown["cut"] == state["cut"] and shown["ledger"] == "named", f"{shown}")
        require(shown["devices"] > 0 and shown["slices"] > 0, f"{shown}")
        text = inspect("state", state["path"], "--config", config)
        require("as the ledger has it" in text, text)
    inspect("state", "_state/x.state", "--config", config, code=harness.EXIT_UNAVAILABLE)
    inspect("state", "--partition", "nothing[0]", "--config", config,
            code=harness.EXIT_UNAVAILABLE)  # fmt: skip
    path = root / state["path"]
    data = bytearray(path.read_bytes())
    whole = bytes(data)
    for _ in range(5 if scenario.is_quick else 30):
        data = bytearray(whole)
        data[scenario.random.randrange(len(data))] ^= 1 << scenario.random.randrange(8)
        path.write_bytes(data)
        done = subprocess.run(
            [harness.binary(), "inspect", "state", state["path"], "--config", str(config)],
            capture_output=True, timeout=60,
        )  # fmt: skip
        require(done.returncode in (65, 78), f"ended with {done.returncode}: {done.stderr}")
    path.write_bytes(whole)
    return len(named)


def tables(root):
    for folder in sorted((root / "tables").iterdir()):
        shown = inspect_json("table", folder.name, "--root", root)
        table = deltalake.DeltaTable(str(folder))
        adds = pa.table(table.get_add_actions(flatten=True)).to_pydict()
        require(shown["version"] == table.version(), f"{folder.name}: version")
        require(shown["files"] == len(adds["path"]), f"{folder.name}: files")
        require(shown["bytes"] == sum(adds["size_bytes"]), f"{folder.name}: bytes")
        require(shown["rows"] == sum(adds["num_records"]), f"{folder.name}: rows")
        require(sum(date["rows"] for date in shown["dates"]) == shown["rows"], f"{folder.name}")
        inspect("table", folder.name, "--root", root)
    inspect("table", "nothing", "--root", root, code=harness.EXIT_UNAVAILABLE)


def run(scenario):
    brokers = scenario.broker(**PARTITIONS)
    root = scenario.folder / "data"
    sections = {**fleet.fleet_sections(), "detectors": fleet.DETECTORS}
    config = scenario.write_config(harness.base_config(brokers, root, **sections))
    producer = fleet.Producer(brokers, scenario.folder / "produced.jsonl", PARTITIONS)
    producer.send_all(fleet.Fleet(scenario.arguments.seed), 3_000)
    scenario.catch_up(config)

    scenario.note(f"{entries(root)} entries are what the disk has")
    files = sorted((root / "tables").glob("*/event_date=*/*.parquet"))
    for path in files if not scenario.is_quick else files[:6]:
        parquet(path)
    foreign = list(foreign_files(scenario.folder))
    for path in foreign:
        parquet(path)
    scenario.note(f"{len(files)} files of ours and {len(foreign)} others are what pyarrow says")
    damaged(scenario, files[0])
    damaged(scenario, foreign[0])
    tables(root)
    # Another engine compacts: its commits count like ours.
    deltalake.DeltaTable(str(root / "tables/windows")).optimize.compact()
    tables(root)
    scenario.note(f"states of {states(scenario, root, config)} partitions are what the chain says")


if __name__ == "__main__":
    harness.main(run)
