"""What an instance's JSON log says of its group, with librdkafka's `debug: cgrp` lines among it."""

import json
from dataclasses import dataclass
from datetime import datetime

# Kafka properties and log level that bring the lines about.
PROPERTIES, LOG_LEVEL = {"debug": "cgrp"}, "debug"


@dataclass
class TakenUp:
    """A partition that an instance was given."""

    at: float
    # When the broker's answer arrived that gave it: before that everything was waiting for it.
    synced_at: float
    instance: str
    partition: str
    fetch_from: int
    offset: int


def seconds(event):
    """An event's time in seconds since 1970."""
    return datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def events(path):
    with open(path, encoding="utf-8", errors="replace") as log:
        for line in log:
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue


def taken_up(instance, path):
    """Every partition the instance was given, in order."""
    synced_at = None
    for event in events(path):
        message = event["message"]
        if "SyncGroup response: Success" in message:
            synced_at = seconds(event)
        elif message == "partition taken up":
            at = seconds(event)
            yield TakenUp(
                at, synced_at or at, instance, event["partition"], int(event["fetch_from"]),
                int(event["offset"]),
            )  # fmt: skip


def first(path, text):
    """When the first line with the text was written; None where there is none."""
    return next((seconds(event) for event in events(path) if text in event["message"]), None)
