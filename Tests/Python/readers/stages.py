"""What happens to the tables, one after the other on one root; after each all readers are asked."""

import datetime
import os

import deltalake

from harness import require, wait_for
from live_table import LiveTable
from truth import COLUMNS


def plain_commits(pipeline):
    """Three days, each in some commits."""
    for _ in range(3):
        pipeline.produce_day()


def schema_change(pipeline):
    """Two metrics more and one that is gone, by a reload; a day goes on."""
    pipeline.config["sources"] = pipeline.sources(2)
    pipeline.reload()
    pipeline.fleet.version = 2
    pipeline.truth.grow()
    pipeline.produce_day()


def foreign_engine(pipeline):
    """deltalake merges a date, deletes rows, vacuums and writes log checkpoints, while the pipeline
    runs; then a day goes on."""
    pipeline.produce_day()
    reports = "readings_reports"
    merged, cut = pipeline.date(pipeline.day - 1), pipeline.date(1)
    table = deltalake.DeltaTable(str(pipeline.table(reports)))
    done = table.optimize.compact(partition_filters=[("event_date", "=", merged.isoformat())])
    require(done["numFilesRemoved"] > 1, f"OPTIMIZE found nothing to merge: {done}")
    device = pipeline.fleet.devices[3]
    terms = [("event_date", "=", cut), ("device_id", "=", device)]
    done = table.delete(f"event_date = '{cut}' AND device_id = '{device}'")
    require(done["num_deleted_rows"] > 0, f"DELETE found nothing: {done}")
    pipeline.truth.drop(reports, terms)
    table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    table.create_checkpoint()
    windows = deltalake.DeltaTable(str(pipeline.table("windows")))
    windows.optimize.z_order(["device_id", "window_start"])
    windows.create_checkpoint()
    pipeline.produce_day()


def log_checkpoint(pipeline):
    """The service writes log checkpoints, and deletes the commits behind them as the tables' own
    property allows at once."""
    pipeline.maintain(log_checkpoint=2)
    pipeline.wait_for_tables("log checkpoints", lambda live: live.checkpoint is not None)
    pipeline.keep_logs_for("interval 1 seconds")
    pipeline.produce_day()
    # Another pass, at once.
    pipeline.maintain(log_checkpoint=3)
    pipeline.wait_for_tables("commits behind a checkpoint are gone", lambda live: live.is_cut)
    pipeline.rest()


def compaction(pipeline):
    """`downlinkd compact` merges the files of each date into one, beside the pipeline; a day goes
    on meanwhile, and is merged too."""
    process = pipeline.start("compact", "--config", pipeline.path)
    pipeline.produce_day()
    require(process.wait() == 0, f"compact ended with {process.code}:\n{process.last_lines()}")
    pipeline.command("compact", "--config", pipeline.path)
    pipeline.wait_for_tables("one file a date", lambda live: live.most_files_of_a_partition == 1)


def retention(pipeline):
    """Dates expire, one of readings and two of windows; their files go, by the table's own property
    at once."""
    name = "readings_reports"
    table = deltalake.DeltaTable(str(pipeline.table(name)))
    table.alter.set_table_properties({"delta.deletedFileRetentionDuration": "interval 1 seconds"})
    before = {path for path, _ in LiveTable(pipeline.table(name)).partition_values()}
    # To the hour, so that no other date expires at midnight.
    first = datetime.datetime.combine(pipeline.first_day, datetime.time(), datetime.timezone.utc)
    hours = (datetime.datetime.now(datetime.timezone.utc) - first) // datetime.timedelta(hours=1)
    kept = {"readings": 1, "windows": 2, "dead_letters": 1, "anomalies": 1}
    pipeline.config["tables"] = {
        table: {"keep": f"{hours - 24 * days - 1}h"} for table, days in kept.items()
    }  # fmt: skip
    pipeline.maintain()
    for table, days in kept.items():
        for one in [one for one in COLUMNS if one.startswith(table)]:
            if "event_date" in pipeline.truth.tables[one].schema.names:
                pipeline.truth.drop_before(one, pipeline.date(days))
    pipeline.wait_for_tables(
        "expired dates are gone",
        lambda live: live.row_count == pipeline.truth.tables[live.name].num_rows,
    )
    gone = before - set(LiveTable(pipeline.table(name)).files())
    require(gone, "no file of readings expired")
    wait_for("expired files are deleted", lambda: not any(map(os.path.exists, gone)))
    pipeline.rest()
    pipeline.produce_day()


def going_on(pipeline):
    """All of it once more, with a restart in between."""
    pipeline.produce_day()
    # Before the service does maintenance: only one does.
    pipeline.command("compact", "--config", pipeline.path)
    pipeline.maintain(log_checkpoint=2)
    pipeline.restart()
    pipeline.produce_day()
    pipeline.rest()


def orderly_stop(pipeline):
    """Nothing runs any more; `devices` has everything that was read."""
    pipeline.stop()
    pipeline.truth.stop()


# Each a name and what is done.
STAGES = [
    ("plain commits", plain_commits),
    ("a metric more, one gone", schema_change),
    ("log checkpoint", log_checkpoint),
    ("compaction", compaction),
    ("others' OPTIMIZE, DELETE, VACUUM, checkpoint", foreign_engine),
    ("retention", retention),
    ("all of it again, a restart", going_on),
    ("an orderly stop", orderly_stop),
]  # fmt: skip
