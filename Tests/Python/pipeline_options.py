"""The part of a configuration that decides what the tables must hold.

The configuration is the program's own, written as JSON (which is YAML too), so that a test gives
one and the same file to `downlinkd` and to the oracles.
"""

import datetime
import fnmatch
import re
from dataclasses import dataclass, field

MICROS = 1_000_000
UNIT_MICROS = {
    "us": 1,
    "ms": 1_000,
    "s": MICROS,
    "m": 60 * MICROS,
    "h": 3_600 * MICROS,
    "d": 86_400 * MICROS,
}

AGGREGATES = ["count", "sum", "mean", "min", "max", "stddev", "first", "last"]


def duration_micros(value):
    """"1h30m" as the configuration writes it; a bare number is microseconds already."""
    if isinstance(value, int):
        return value
    parts = re.findall(r"(\d+(?:\.\d+)?)(us|ms|s|m|h|d)", value)
    if "".join(number + unit for number, unit in parts) != value or not parts:
        raise ValueError(f"not a duration: {value!r}")
    return sum(round(float(number) * UNIT_MICROS[unit]) for number, unit in parts)


def time_micros(value):
    """A date or UTC time of the configuration; a number is microseconds already."""
    if isinstance(value, int):
        return value
    moment = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    return (moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // (
        datetime.timedelta(microseconds=1)
    )


def matches_any(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


@dataclass
class Window:
    name: str
    size: int
    slide: int
    metrics: list = field(default_factory=lambda: ["*"])
    aggregates: list = field(default_factory=lambda: list(AGGREGATES))

    def __post_init__(self):
        self.known = {}

    def takes(self, metric):
        """Whether the window selects the metric; asked for every value, so remembered."""
        if metric not in self.known:
            self.known[metric] = matches_any(metric, self.metrics)
        return self.known[metric]

    def starts(self, event_time):
        """Starts of all windows that contain the time, newest first."""
        start = event_time // self.slide * self.slide
        while start + self.size > event_time:
            yield start
            start -= self.slide


@dataclass
class EventTime:
    out_of_orderness: int = 5 * MICROS
    allowed_lateness: int = 60 * MICROS
    max_future_skew: int = 300 * MICROS
    plausible_from: int = 946_684_800 * MICROS
    device_idle: int = 3_600 * MICROS
    forget_after: int = 7 * 86_400 * MICROS


@dataclass
class Source:
    """One source as the reference needs it, from a configuration in JSON with the YAML's keys."""

    name: str
    topics: list
    attributes: list
    is_narrow: bool
    windows: list
    event_time: EventTime

    @staticmethod
    def all_of(config):
        sources = []
        for entry in config["sources"]:
            times = {**config.get("event_time", {}), **entry.get("event_time", {})}
            event_time = EventTime()
            for name, value in times.items():
                convert = time_micros if name == "plausible_from" else duration_micros
                if hasattr(event_time, name):
                    setattr(event_time, name, convert(value))
            windows = [
                Window(
                    name=window["name"],
                    size=duration_micros(window["size"]),
                    slide=duration_micros(window.get("slide", window["size"])),
                    metrics=window.get("metrics", ["*"]),
                    aggregates=window.get("aggregates", AGGREGATES),
                )
                for window in config.get("windows", [])
                if matches_any(entry["name"], window.get("sources", ["*"]))
            ]
            sources.append(
                Source(
                    name=entry["name"],
                    topics=entry["topics"],
                    attributes=entry.get("attributes", []),
                    is_narrow="metric" in entry,
                    windows=windows,
                    event_time=event_time,
                )
            )
        return sources
