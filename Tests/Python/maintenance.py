"""What other people's engines say of a table that maintenance works on.

    maintenance.py rows|optimize|delete TABLE

`rows` answers with the number of rows, a hash of all of them whatever their order (every bit of a
number counts), and whether each file's rows are sorted by device and time. `optimize` and `delete`
change the table as a rival does. The answer is JSON on standard output.
"""

import hashlib
import json
import struct
import sys

import pyarrow.parquet
from deltalake import DeltaTable


def exact(value):
    if isinstance(value, float):
        return struct.pack("<d", value).hex()
    return repr(value)


def row_hashes(batch):
    columns = [batch.column(name).to_pylist() for name in sorted(batch.schema.names)]
    for row in zip(*columns):
        text = "|".join(exact(value) for value in row)
        yield hashlib.sha256(text.encode()).digest()


def is_sorted(path):
    table = pyarrow.parquet.read_table(path, columns=["device_id", "event_time"], partitioning=None)
    devices, times = (column.to_pylist() for column in table.columns)
    # Absent ones come first.
    keys = [
        (device is not None, device.encode() if device is not None else b"", time is not None, time)
        for device, time in zip(devices, times)
    ]
    return all(
        left[:3] < right[:3] or (left[:3] == right[:3] and (not left[2] or left[3] <= right[3]))
        for left, right in zip(keys, keys[1:])
    )


def rows(path):
    table = DeltaTable(path)
    hashes = []
    for batch in table.to_pyarrow_dataset().to_batches():
        hashes += row_hashes(batch)
    files = [uri.removeprefix("file://") for uri in table.file_uris()]
    return {
        "version": table.version(),
        "files": len(files),
        "count": len(hashes),
        "hash": hashlib.sha256(b"".join(sorted(hashes))).hexdigest(),
        "sorted": all(is_sorted(file) for file in files),
        "operation": next(iter(table.history(1)), {}).get("operation"),
    }


def main():
    command, path = sys.argv[1:3]
    if command == "optimize":
        DeltaTable(path).optimize.compact()
    elif command == "delete":
        DeltaTable(path).delete("flags = 1")
    elif command != "rows":
        raise SystemExit(f"unknown command {command}")
    json.dump(rows(path), sys.stdout)


if __name__ == "__main__":
    main()
