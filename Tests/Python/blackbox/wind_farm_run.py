"""Two years of a real wind farm: every reading and every window is compared with the CSV.

The data are La Haute Borne's, from ../shared/data beside the repository; where they are not, a
made-up CSV of the same shape and with the same defects stands in. `downlinkd produce` sends one
record a turbine and day. A broker keeps 5 MiB of a partition, so the CSV goes in parts, each
followed by a run to its end: later runs go on from state snapshots, the last fires open windows.
"""

import datetime
import random

import pyarrow

import harness
import messages
from harness import ORACLES, require

TOPIC = "windfarm"
PARTITIONS = 4
REAL = "shared/data/la-haute-borne/la-haute-borne-data-2014-2015.csv.zst"
RENAMED = {"Ba_avg": "pitch_angle_deg", "P_avg": "active_power_kw"}
COLUMNS = ["Ba_avg", "P_avg", "Ws_avg", "Va_avg", "Ot_avg", "Ya_avg", "Wa_avg"]
WINDOWS = [
    {"name": "1h", "size": "1h", "slide": "10m"},
    {"name": "1d", "size": "1d"},
]


def real_lines():
    path = ORACLES.parents[2] / REAL
    if not path.exists():
        return None
    with pyarrow.input_stream(str(path), compression="zstd") as file:
        return file.read().decode("utf-8").splitlines()


def made_up_lines(seed, days=40):
    """Ten-minute rows of four turbines around the change to summer time, in local time."""
    generator = random.Random(seed)
    lines = [",".join(["Wind_turbine_name", "Date_time", *COLUMNS])]
    local = datetime.datetime(2014, 3, 10)
    change = datetime.datetime(2014, 3, 30, 3)
    for step in range(days * 144):
        moment = local + step * datetime.timedelta(minutes=10)
        # The hour that does not exist is written all the same, as the real file does.
        offset = "+02:00" if moment >= change else "+01:00"
        for turbine in ("R80711", "R80721", "R80736", "R80790"):
            values = [
                "" if generator.random() < 0.006 else f"{generator.uniform(-10, 400):.2f}"
                for _ in COLUMNS
            ]
            lines.append(",".join([turbine, moment.isoformat() + offset, *values]))
    return lines


def parts(lines, count):
    """The rows in `count` parts of one time order, each with the header."""
    header, rows = lines[0], lines[1:]
    size = -(-len(rows) // count)
    return [[header, *rows[at : at + size]] for at in range(0, len(rows), size)]


def run(scenario):
    lines = real_lines()
    scenario.note(f"{'the real CSV' if lines else 'a made-up CSV, the real one is not there'}")
    lines = lines or made_up_lines(scenario.arguments.seed)
    if scenario.is_quick:
        # Up to the middle of April: the change of March is in it.
        lines = lines[: 1 + 4 * 144 * 105]
    csv = scenario.folder / "farm.csv"
    csv.write_text("\n".join(lines) + "\n", encoding="utf-8")

    brokers = scenario.broker(**{TOPIC: PARTITIONS})
    root = scenario.folder / "data"
    config = harness.base_config(
        brokers,
        root,
        [messages.narrow_source("farm", [TOPIC])],
        windows=WINDOWS,
        # Around the change of March a turbine's clock is an hour ahead of its rows.
        event_time={"out_of_orderness": "1h", "allowed_lateness": "2h", "device_idle": "30d"},
    )
    config["storage"]["commit"] = {"interval": "5s"}
    config = scenario.write_config(config)

    pieces = parts(lines, 1 if len(lines) < 100_000 else 8)
    for number, piece in enumerate(pieces):
        part = scenario.folder / "part.csv"
        part.write_text("\n".join(piece) + "\n", encoding="utf-8")
        words = ["--brokers", brokers, "--topic", TOPIC, "--csv", part, "--compression", "zstd"]
        words += ["--device-column", "Wind_turbine_name", "--time-column", "Date_time"]
        words += ["--record-per", "device-day"]
        for column in COLUMNS:
            words += ["--metric", f"{column}={RENAMED.get(column, column)}"]
        producing = scenario.start(f"produce-{number}", "produce", *words)
        code = producing.wait(300)
        require(code == 0, f"produce ended with {code}:\n{producing.last_lines()}")
        is_last = number == len(pieces) - 1
        scenario.catch_up(config, *(["--fire-open-windows"] if is_last else []), seconds=900)
    commits = harness.commit_count(root)
    scenario.note(f"{len(lines) - 1} rows in {len(pieces)} parts, {commits} commits")

    words = ["--root", root, "--csv", csv, "--source", "farm"]
    for window in WINDOWS:
        size = window["size"]
        words += ["--window", f"{window['name']}:{size}:{window.get('slide', size)}"]
    for column, name in RENAMED.items():
        words += ["--metric", f"{column}={name}"]
    scenario.oracle("wind_farm.py", *words)


if __name__ == "__main__":
    harness.main(run)
