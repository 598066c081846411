"""Runs the black-box scenarios one after the other.

    DOWNLINKD=.build/release/downlinkd run_all.py [--quick] [names…]

Each is a process of its own with a limit on its time. The last line is `N passed, N failed`; the
exit code is 0 only when none failed. A scenario that cannot be run here says why and counts as
neither.
"""

import argparse
import os
import subprocess
import sys
import time
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
    "schema_infer",
    "fixtures",
    "tap",
    "stop",
    "service",
    "admin",
    "liveness",
    "page",
    "restart_state",
    "two_instances",
    "bad_days",
    "alerts",
    "prometheus_run",
    "disk_full",
    "wind_farm_run",
    "demo",
    "audit",
    "positions",
    "kill_loop",
    "chaos",
]
SECONDS_MAX = 1_200
SKIPPED = 77


def run_one(name, flags):
    """Its exit code; 1 where it took too long."""
    folder = Path(__file__).resolve().parent
    process = subprocess.Popen([sys.executable, str(folder / f"{name}.py"), *flags])
    try:
        return process.wait(SECONDS_MAX)
    except subprocess.TimeoutExpired:
        print(f"{name}: FAILED: not done within {SECONDS_MAX} s", flush=True)
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
    failed, passed = [], 0
    for name in arguments.names or SCENARIOS:
        code = run_one(name, flags)
        if code == 0:
            passed += 1
        elif code != SKIPPED:
            failed.append(name)
    names = f", failed: {', '.join(failed)}" if failed else ""
    print(f"blackbox: {time.monotonic() - started:.0f} s{names}")
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
