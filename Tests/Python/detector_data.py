"""Series with and without labels, read from a data folder into lists of (time, value).

Every loader takes the folder of its set. Readings keep the order of the file, dirt included: the
program under test has to bear it.
"""

import csv
import gzip
import io
import json
import subprocess
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND


@dataclass
class Series:
    """`windows`: first and last row of what is labelled, inclusive, in order."""

    name: str
    every: int
    times: list
    values: list
    windows: list = field(default_factory=list)

    @property
    def days(self):
        return len(self.times) * self.every / DAY

    def rows_by_bucket(self):
        """The last row of each bucket: where a detector that judges buckets has seen it whole."""
        return {time // self.every * self.every: row for row, time in enumerate(self.times)}


def micros(text, pattern=None):
    """Microseconds since 1970; a time without an offset counts as UTC."""
    time = datetime.strptime(text, pattern) if pattern else datetime.fromisoformat(text)
    if time.tzinfo is None:
        time = time.replace(tzinfo=timezone.utc)
    return round(time.timestamp() * SECOND)


def usual_period(times):
    steps = sorted(later - earlier for earlier, later in zip(times, times[1:]))
    return steps[len(steps) // 2]


def rows_of(path):
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else open(path)
    with opened as file:
        return list(csv.reader(file))


def runs(mask):
    """First and last position of each run of true values."""
    found = []
    for row, is_set in enumerate(mask):
        if not is_set:
            continue
        if found and found[-1][1] == row - 1:
            found[-1] = (found[-1][0], row)
        else:
            found.append((row, row))
    return found


def nab(folder):
    """The Numenta corpus: `data/<category>/<file>.csv[.gz]` and `combined_windows.json`."""
    folder = Path(folder)
    labels = json.loads((folder / "combined_windows.json").read_text())
    loaded = []
    paths = [path for path in (folder / "data").glob("*/*") if ".csv" in path.suffixes]
    for path in sorted(paths):
        name = f"{path.parent.name}/{path.name.removesuffix('.gz')}"
        rows = rows_of(path)[1:]
        times = [micros(row[0]) for row in rows]
        row_of = {}
        for row, time in enumerate(times):
            row_of.setdefault(time, row)
        windows = [(row_of[micros(first)], row_of[micros(last)]) for first, last in labels[name]]
        loaded.append(
            Series(name, usual_period(times), times, [float(row[1]) for row in rows], windows)
        )
    return loaded


def wind(folder):
    """La Haute Borne: one series a turbine and metric, ten minutes, absent values left out."""
    path = next(Path(folder).glob("la-haute-borne-data*.csv.zst"))
    text = subprocess.run(["zstd", "-dc", path], stdout=subprocess.PIPE, check=True).stdout
    reader = csv.reader(io.StringIO(text.decode()))
    header = next(reader)
    loaded = {}
    for row in reader:
        time = micros(row[1])
        for metric, value in zip(header[2:], row[2:]):
            if value in ("", "nan", "NaN"):
                continue
            name = f"{row[0]}/{metric}"
            series = loaded.get(name)
            if series is None:
                series = loaded[name] = Series(name, 10 * MINUTE, [], [])
            series.times.append(time)
            series.values.append(float(value))
    return [loaded[name] for name in sorted(loaded)]


# File → (column of the value, column of the label).
PV_LABELLED = {
    "ac_power_inv_7539_outliers": (1, 2),
    "pvlib_data_shift": (1, 2),
    "ac_power_inv_7539": (1, 2),
    "ac_power_inv_2173_stale_data": (1, 2),
    "ac_power_inv_2173_interpolated_data": (1, 2),
}
PV_UNLABELLED = [
    "ac_power_inv_2173", "serf_east_15min_ac_power", "serf_east_1min_ac_power", "nrel_RSF_II",
    "serf_west_15min", "rmis_weather_data",
]


def pv_time(text):
    if "/" not in text:
        return micros(text)
    return micros(text, "%m/%d/%Y %H:%M" if ":" in text else "%m/%d/%Y")


def pv(folder):
    """Inverters and their weather: (labelled by name, unlabelled). In `pvlib_data_shift` the label
    marks the rows behind the shift, so its window begins there and lasts 30 rows."""
    labelled = {}
    for name, (value, label) in PV_LABELLED.items():
        rows = [row for row in rows_of(Path(folder) / f"{name}.csv.gz")[1:] if row[value]]
        times = [pv_time(row[0]) for row in rows]
        windows = runs([row[label].lower() in ("true", "1", "1.0") for row in rows])
        if name == "pvlib_data_shift":
            windows = [(first, first + 29) for first, _ in windows]
        labelled[name] = Series(
            name, usual_period(times), times, [float(row[value]) for row in rows], windows
        )
    unlabelled = []
    for name in PV_UNLABELLED:
        rows = rows_of(Path(folder) / f"{name}.csv.gz")
        for column, title in enumerate(rows[0][1:], 1):
            kept = [(pv_time(row[0]), row[column]) for row in rows[1:] if row and row[column]]
            times = [time for time, _ in kept]
            unlabelled.append(
                Series(
                    f"{name}/{title}", usual_period(times), times,
                    [float(value) for _, value in kept],
                )
            )
    return labelled, unlabelled
