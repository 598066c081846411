"""What the black-box scenarios share: a folder, processes, a configuration, bounded waits.

A scenario is a file with `run(scenario)`; it ends with `harness.main(run)`. It starts the binary
that the environment variable DOWNLINKD names, talks to it through Kafka, signals, its log and the
files under its root, and knows nothing of its inside. Its folder goes when it passes and stays,
logs included, when it does not. Whatever it started is ended, by process id.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ORACLES = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ORACLES))

# A debug build on a busy machine starts slowly; a wait that works takes a fraction of this.
PATIENCE = 90
# The mock broker waits this long, less a second, at every rebalance of a group with members. For
# the first members of a group it waits 3 s, and it drops members that wait for longer than this
# without a word: it must be more than 3 s, or a join is never answered.
SESSION_TIMEOUT_MS = 3500

# sysexits.h, as `downlinkd --help` lists them.
EXIT_OK, EXIT_UNAVAILABLE, EXIT_INCOMPLETE, EXIT_CONFIGURATION = 0, 69, 75, 78


class Failure(Exception):
    """What was expected and what was found, in a sentence."""


class Skipped(Exception):
    """Why the scenario cannot be run here."""


def require(condition, sentence):
    if not condition:
        raise Failure(sentence)


def wait_for(what, condition, seconds=PATIENCE, pause=0.05):
    """Waits until `condition()` is true and returns what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(pause)


def has_trap(pid, number, or_ignores=False):
    """Whether a process catches a signal."""
    names = ("SigCgt", "SigIgn") if or_ignores else ("SigCgt",)
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, mask = line.partition(":")
        if name in names and int(mask, 16) >> (number - 1) & 1:
            return True
    return False


def free_port():
    """A port that nobody listens on. It is none of those that the system gives to whoever asks for
    any: it may be given back and taken again."""
    while True:
        port = random.SystemRandom().randrange(15_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Process:
    """A process of the binary, with its output in a file."""

    def __init__(self, name, arguments, folder, environment=None, stdin=subprocess.DEVNULL):
        self.name = name
        self.log_path = folder / f"{name}.log"
        self.started = time.monotonic()
        with open(self.log_path, "wb") as log:
            self.popen = subprocess.Popen(
                [binary(), *map(str, arguments)],
                stdin=stdin,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, **(environment or {})},
            )

    @property
    def is_running(self):
        return self.popen.poll() is None

    @property
    def code(self):
        """Its exit code, negative for a signal; None while it runs."""
        return self.popen.poll()

    def send(self, number):
        if self.is_running:
            self.popen.send_signal(number)

    def kill(self):
        """SIGKILL; False when it had ended before by itself."""
        was_running = self.is_running
        self.send(signal.SIGKILL)
        self.wait()
        return was_running and self.code == -signal.SIGKILL

    def wait(self, seconds=PATIENCE):
        """Waits for its end and returns the exit code."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not end within {seconds} s") from None

    def wait_for_trap(self, number=signal.SIGTERM, or_ignores=False):
        """Waits until it has taken a signal over: before, that ends it as it ends any program."""
        wait_for(
            f"{self.name} has taken {signal.Signals(number).name} over",
            lambda: not self.is_running or has_trap(self.popen.pid, number, or_ignores),
            pause=0.002,
        )

    def stop(self, seconds=PATIENCE):
        self.send(signal.SIGTERM)
        return self.wait(seconds)

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def events(self, message=None):
        """Its JSON log lines so far, as dictionaries; those with one message only if asked."""
        events = []
        for line in self.log().splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                event = json.loads(line)
                if isinstance(event, dict) and message in (None, event.get("message")):
                    events.append(event)
        return events

    def has_logged(self, text):
        return text in self.log()

    def wait_for_log(self, text, seconds=PATIENCE):
        def look():
            found = self.has_logged(text)
            if not found and not self.is_running and not self.has_logged(text):
                raise Failure(f"{self.name} ended with {self.code} without saying {text!r}")
            return found

        wait_for(f"{self.name} says {text!r}", look, seconds)

    def last_lines(self, count=8):
        return "\n".join(f"    {line[:400]}" for line in self.log().splitlines()[-count:])


class Scenario:
    """One run of a scenario: its folder, its processes, its random numbers."""

    def __init__(self, arguments, folder):
        self.arguments = arguments
        self.is_quick = arguments.quick
        self.folder = folder
        self.random = random.Random(arguments.seed)
        self.processes = []
        self.daemon_count = 0
        self.cleanups = []
        self.prefix = ""
        self.has_ended = False

    def part(self, name):
        """A scenario inside this one, for a thread of its own: a folder, processes and random
        numbers that follow from the seed and its name. It ends with this one at the latest."""
        folder = self.folder / name
        folder.mkdir()
        part = Scenario(self.arguments, folder)
        part.random = random.Random(f"{self.arguments.seed} {name}")
        part.prefix = f"{name}: "
        self.cleanups.append(part.end_everything)
        return part

    # ---- processes

    def start(self, name, *arguments, environment=None, stdin=subprocess.DEVNULL):
        if self.has_ended:
            raise Failure("everything is being ended")
        process = Process(name, arguments, self.folder, environment, stdin)
        self.processes.append(process)
        if self.has_ended:
            # Ended from another thread just now, which has not seen this one.
            process.kill()
        return process

    def broker(self, **topics):
        """Starts a broker with the topics (name=partitions); returns its address."""
        port_file = self.folder / "broker.port"
        words = [word for name, count in topics.items() for word in ("--topic", f"{name}:{count}")]
        broker = self.start("broker", "broker", *words, "--port-file", port_file)

        def address():
            if not broker.is_running:
                raise Failure(f"the broker ended with {broker.code}:\n{broker.last_lines()}")
            return port_file.read_text().strip() if port_file.exists() else None

        return wait_for("the broker is ready", address)

    def daemon(self, config, *flags, crash_point=None, name=None):
        """Starts `downlinkd run` with the configuration file."""
        self.daemon_count += 1
        name = name or f"daemon-{self.daemon_count:03}"
        environment = {"DOWNLINK_CRASH_POINT": crash_point} if crash_point else None
        return self.start(name, "run", "--config", config, *flags, environment=environment)

    def catch_up(self, config, *flags, seconds=240):
        """Runs the daemon until everything is committed; returns the finished process."""
        daemon = self.daemon(config, "--until-caught-up", *flags)
        code = daemon.wait(seconds)
        require(code == EXIT_OK, f"--until-caught-up ended with {code}:\n{daemon.last_lines()}")
        faults = config_schema().faults_of_text(Path(config).read_text(encoding="utf-8"))
        require(not faults, f"{config} was run, and the JSON Schema refuses it: {faults}")
        return daemon

    def end_everything(self):
        self.has_ended = True
        for process in reversed(self.processes):
            if process.is_running:
                process.popen.kill()
        for process in self.processes:
            with contextlib.suppress(Exception):
                process.popen.wait(10)
        while self.cleanups:
            with contextlib.suppress(Exception):
                self.cleanups.pop()()

    # ---- configuration

    def write_config(self, config, name="downlinkd.yaml"):
        """Writes it as JSON, which is YAML too, so that the oracles read the same file."""
        path = self.folder / name
        path.write_text(json.dumps(config, indent=2), encoding="utf-8")
        return path

    # ---- oracles

    def verify(self, root, produced, config, *flags, seconds=600):
        """verify_tables.py over everything that was produced."""
        flags = ["--root", root, "--produced", produced, "--config", config, *flags]
        self.oracle("verify_tables.py", *flags, seconds=seconds)

    def verify_anomalies(self, root, produced, config, *flags, at_least=()):
        """verify_anomalies.py likewise; `at_least` maps a rule to how many there must be."""
        flags = ["--root", root, "--produced", produced, "--config", config, *flags]
        least = [f"{rule}={count}" for rule, count in dict(at_least).items()]
        self.oracle("verify_anomalies.py", *flags, "--at-least", *least)

    def oracle(self, script, *flags, seconds=600):
        """Runs an oracle, shows what it says, and fails where it finds a difference."""
        done = subprocess.run(
            [sys.executable, str(ORACLES / script), *map(str, flags)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
        )
        if self.has_ended:
            raise Failure("everything is being ended")
        print(done.stdout, end="", flush=True)
        (self.folder / f"{script}.log").write_text(done.stdout, encoding="utf-8")
        require(done.returncode == 0, f"{script} found differences (exit code {done.returncode})")
        return done.stdout

    def note(self, sentence):
        print(f"  {self.prefix}{sentence}", flush=True)


def binary():
    path = os.environ.get("DOWNLINKD")
    if not path or not os.access(path, os.X_OK):
        raise Failure("set DOWNLINKD to the path of the program (after `make build`)")
    return path


def config_schema():
    """The JSON Schema of configurations."""
    from validate_config import ConfigSchema

    return ConfigSchema(ORACLES.parent.parent / "config/downlinkd.schema.json")


def base_config(brokers, root, sources, **sections):
    """A configuration with short commits; `sections` replace or add top-level keys."""
    config = {
        "pipeline": "blackbox",
        "lanes": 2,
        "kafka": {
            "brokers": brokers.split(","),
            "properties": {
                "session.timeout.ms": SESSION_TIMEOUT_MS,
                "heartbeat.interval.ms": 500,
                "reconnect.backoff.max.ms": 1000,
            },
        },
        "sources": sources,
        "storage": {"root": str(root), "commit": {"interval": "1s"}, "state_interval": "3s"},
        "http": {"listen": "127.0.0.1:0"},
        "log": {"level": "info", "format": "json"},
    }
    config.update(sections)
    return config


def call(command, seconds=60):
    """Runs another program to its end; what it said. It must succeed."""
    done = subprocess.run(
        list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=seconds,
    )  # fmt: skip
    require(done.returncode == 0, f"{command[0]} ended with {done.returncode}: {done.stdout}")
    return done.stdout


def ledger_entries(root):
    """The entries of the chain that are there, oldest first."""
    folder = Path(root) / "_ledger"
    if not folder.is_dir():
        return []
    names = sorted(path.name for path in folder.iterdir())
    entries = []
    for name in names:
        if len(name) == 25 and name.endswith(".json"):
            # The oldest are retired meanwhile.
            with contextlib.suppress(FileNotFoundError):
                entries.append(json.loads((folder / name).read_bytes()))
    return entries


def commit_count(root):
    """Entries that moved a partition; cheap enough to poll."""
    return sum(bool(entry.get("partitions")) for entry in ledger_entries(root))


def ended_by_signal(_number, _frame):
    raise Failure("ended from outside")


def main(run, add_arguments=None):
    """Runs a scenario as a program: 0 passed, 1 failed, 77 skipped."""
    parser = argparse.ArgumentParser(description=sys.modules[run.__module__].__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--seed", type=int, default=None, help="of the random choices")
    parser.add_argument("--keep", action="store_true", help="keep the folder even if it passes")
    if add_arguments:
        add_arguments(parser)
    arguments = parser.parse_args()
    if arguments.seed is None:
        arguments.seed = int.from_bytes(os.urandom(4), "big")
    name = Path(sys.argv[0]).stem
    signal.signal(signal.SIGTERM, ended_by_signal)
    folder = Path(tempfile.mkdtemp(prefix=f"downlink-{name}-"))
    scenario = Scenario(arguments, folder)
    started = time.monotonic()
    print(f"{name}: seed {arguments.seed}", flush=True)
    code = 1
    try:
        binary()
        run(scenario)
        code = 0
        verdict = "passed"
    except Skipped as reason:
        code, verdict = 77, f"skipped: {reason}"
    except Failure as reason:
        verdict = f"FAILED: {reason}"
    finally:
        # Cleanups and removal stand even where an exception of ours flies on.
        scenario.end_everything()
        if code == 1 or arguments.keep:
            print(f"{name}: its files are kept in {folder}", flush=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{name}: {verdict} ({time.monotonic() - started:.0f} s)", flush=True)
    sys.exit(code)
