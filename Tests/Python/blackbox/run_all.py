"""Runs the black-box scenarios one after the other, or some at once.

    DOWNLINKD=.build/release/downlinkd run_all.py [--quick] [--jobs N] [names…]

Each is a process of its own with a limit on its time, and shares no folder and no port with others;
of several at once each says what it has to say when it is over. The last line is `N passed, N failed`; the
exit code is 0 only when none failed. A scenario that cannot be run here says why and counts as
neither.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

SCENARIOS = [
    "bad_config",
    "config_commands",
    "bad_input",
    "dead_letters",
    "duplicates",
    "envelope",
    "evolution",
    "inspect_files",
    "devices",
    "schema_infer",
    "fixtures",
    "tap",
    "stop",
    "service",
    "admin",
    "liveness",
    "page",
    "restart_state",
    "silence",
    "two_instances",
    "bad_days",
    "alerts",
    "prometheus_run",
    "disk_full",
    "wind_farm_run",
    "demo",
    "audit",
    "positions",
    "maintenance",
    "upkeep",
    "kill_loop",
    "chaos",
]
SECONDS_MAX = 1_200
SKIPPED = 77
# So many of one that failed are said again at the end.
LAST_LINES = 12


def run_one(name, flags, is_alone):
    """Its exit code, and what it said if that was not shown at once."""
    if is_alone:
        return run_process(name, flags, None), ""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        code = run_process(name, flags, output)
        output.seek(0)
        return code, output.read()


def run_process(name, flags, output):
    """77 says that it cannot be run here."""
    folder = Path(__file__).resolve().parent
    process = subprocess.Popen(
        [sys.executable, str(folder / f"{name}.py"), *flags],
        stdout=output, stderr=subprocess.STDOUT if output else None,
    )  # fmt: skip
    try:
        return process.wait(SECONDS_MAX)
    except subprocess.TimeoutExpired:
        print(f"{name}: FAILED: not done within {SECONDS_MAX} s", file=output, flush=True)
        # SIGTERM lets it end what it started.
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repetitions of each")
    parser.add_argument("--jobs", type=int, default=1, help="scenarios at once")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(SCENARIOS)}")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(SCENARIOS))
    if unknown:
        parser.error(f"no such scenario: {', '.join(unknown)}")
    if not os.environ.get("DOWNLINKD"):
        parser.error("set DOWNLINKD to the path of the program")
    # A scenario changes its working folder.
    os.environ["DOWNLINKD"] = str(Path(os.environ["DOWNLINKD"]).resolve())
    flags = ["--quick"] if arguments.quick else []
    started = time.monotonic()
    failed, passed = {}, 0
    with ThreadPoolExecutor(max(1, arguments.jobs)) as pool:
        runs = {
            pool.submit(run_one, name, flags, arguments.jobs <= 1): name
            for name in arguments.names or SCENARIOS
        }
        for run in as_completed(runs):
            code, text = run.result()
            print(text, end="", flush=True)
            if code == 0:
                passed += 1
            elif code != SKIPPED:
                failed[runs[run]] = text
    names = f", failed: {', '.join(failed)}" if failed else ""
    print(f"blackbox: {time.monotonic() - started:.0f} s{names}")
    # Why, once more: of several at once the words of one lie far above.
    for text in failed.values():
        for line in text.splitlines()[-LAST_LINES:]:
            print(f"  {line[:1000]}")
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
