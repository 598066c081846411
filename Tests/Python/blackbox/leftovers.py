"""Files that attempts which died have left, and files that only look like ours."""

import contextlib
import re
import shutil

FILE_NAME = re.compile(r'[^/"]+\.(?:parquet|state)')


def unnamed_files(root):
    """Data files and state snapshots that neither the ledger nor a table's log names; nobody is at
    work."""
    named = set()
    for text in [*root.glob("_ledger/*"), *root.glob("tables/*/_delta_log/*.json")]:
        named.update(FILE_NAME.findall(text.read_text(encoding="utf-8")))
    files = [*root.glob("tables/*/event_date=*/*"), *root.glob("_state/*")]
    return sorted(path for path in files if path.name not in named)


def plant_decoys(root):
    """Copies of a live file under names like ours, and stray files where entries are."""
    live = next(iter(sorted(root.glob("tables/*/event_date=*/*.parquet"))), None)
    if live is not None:
        with contextlib.suppress(OSError):
            shutil.copy(live, live.with_name(f"chaos-v9-{live.name}"))
    (root / "_ledger" / "00000000000000000042.json.kept").write_text("{}")
    (root / "_ledger" / ".nfs0001").write_text("")
