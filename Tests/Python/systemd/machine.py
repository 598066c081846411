"""A Debian machine for a test: a root folder booted by systemd-nspawn, whose writes go to memory.

The root itself is never changed, so every boot begins with the same freshly installed system.
Commands run inside by nsenter(1); no bus, network or login is needed.
"""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "blackbox"))

from harness import Failure, require, wait_for

BOOT_SECONDS = 90
COMMAND_SECONDS = 60
# Where the host's folder of packages is seen inside.
PACKAGES = "/packages"
ENVIRONMENT = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/", "TERM=dumb",
               "DEBIAN_FRONTEND=noninteractive"]  # fmt: skip


def can_boot():
    """Fails with a sentence where no machine can be booted; a test that skips proves nothing."""
    for tool in ("systemd-nspawn", "nsenter"):
        require(shutil.which(tool), f"{tool} is missing: run make setup-roots")
    require(os.geteuid() == 0, "booting a container takes root: run this as root")


def cgroup_root():
    """Where the unified hierarchy of control groups is mounted, alone or beside the old ones."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, kind = line.partition(" - ")
        if kind.startswith("cgroup2 "):
            return Path(mount.split()[4])
    raise Failure("there is no cgroup2 here, which systemd needs in a container")


class Machine:
    """One boot of a root folder."""

    def __init__(self, root, packages, folder, name):
        self.name = name
        self.console = folder / f"{name}.console"
        command = [
            "systemd-nspawn", "--quiet", f"--directory={root}", "--volatile=overlay", "--boot",
            "--register=no", "--keep-unit", "--private-network", "--console=pipe",
            f"--hostname={name}", f"--machine={name}-{os.getpid()}",
            f"--bind-ro={packages}:{PACKAGES}",
        ]  # fmt: skip
        environment = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        # A control group of its own: two machines in one would tidy away each other's services.
        self.group = cgroup_root() / f"downlink-{name}-{os.getpid()}"
        try:
            self.group.mkdir()
        except OSError as reason:
            raise Failure(f"a container needs a control group of its own: {reason}") from None
        inside = 'echo $$ >"$0/cgroup.procs" && exec "$@"'
        with open(self.console, "wb") as console:
            self.popen = subprocess.Popen(
                ["sh", "-c", inside, self.group, *command], stdin=subprocess.DEVNULL,
                stdout=console, stderr=subprocess.STDOUT, env=environment, start_new_session=True,
            )  # fmt: skip
        self.leader = None

    def boot(self):
        self.leader = wait_for(f"{self.name}: its first process", self.find_leader, BOOT_SECONDS)
        wait_for(f"{self.name} has booted", self.has_booted, BOOT_SECONDS, pause=0.2)

    def find_leader(self):
        """The machine's process 1, by its id here."""
        code = self.popen.poll()
        if code is not None:
            said = self.console.read_text(errors="replace")
            raise Failure(
                f"systemd-nspawn cannot boot {self.name} here: it ended with {code}:\n{said}")
        waiting = [self.popen.pid]
        while waiting:
            for pid in children(waiting.pop()):
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    if Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
                        return pid
                    waiting.append(pid)
        return None

    def has_booted(self):
        self.find_leader()
        said = self.run("systemctl", "is-system-running", check=False).strip()
        if said == "degraded":
            failed = self.call("systemctl", "list-units", "--failed", "--no-pager")[1]
            raise Failure(f"{self.name} has booted with failed units:\n{failed}")
        return said == "running"

    def halt(self):
        """Ends the machine with everything in it."""
        if self.leader and self.popen.poll() is None:
            with contextlib.suppress(Failure, subprocess.TimeoutExpired):
                self.run("systemctl", "poweroff", check=False)
                self.popen.wait(30)
        self.kill()
        # The kernel lets go of a group some moments after its last process.
        with contextlib.suppress(Failure):
            wait_for("its control groups are gone", self.remove_groups, 10)

    def kill(self):
        """Ends it at once: its first process takes all others with it, and nspawn after it."""
        if self.popen.poll() is None and self.leader:
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.kill(self.leader, signal.SIGKILL)
                self.popen.wait(10)
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()

    def remove_groups(self):
        for folder, _, _ in os.walk(self.group, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        return not self.group.exists()

    # ---- commands inside

    def run(self, *command, check=True, text=None, seconds=COMMAND_SECONDS):
        """What a command says, both streams; it must succeed unless `check` is false."""
        return self.call(*command, check=check, text=text, seconds=seconds)[1]

    def call(self, *command, check=False, text=None, seconds=COMMAND_SECONDS):
        """(exit code, what it said)"""
        command = [str(word) for word in command]
        inside = [
            "nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--net", "--pid",
            "--", "env", "-i", *ENVIRONMENT, *command,
        ]  # fmt: skip
        done = subprocess.run(
            inside, input=text or "", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=seconds,
        )  # fmt: skip
        said = f"{self.name}: {shlex.join(command)[:300]} ended with {done.returncode}:\n"
        require(not check or done.returncode == 0, said + done.stdout)
        return done.returncode, done.stdout

    def write(self, path, text):
        self.run("sh", "-c", f"mkdir -p {shlex.quote(str(Path(path).parent))}"
                             f" && cat >{shlex.quote(str(path))}", text=text)  # fmt: skip

    def read(self, path):
        return self.run("cat", path)

    def exists(self, path):
        return self.call("test", "-e", path)[0] == 0

    # ---- systemd inside

    def show(self, unit, name):
        """A property of a unit."""
        return self.run("systemctl", "show", "--property", name, "--value", unit).strip()

    def wait_for_state(self, unit, state, seconds=60):
        try:
            wait_for(
                f"{unit} is {state}", lambda: self.show(unit, "ActiveState") == state, seconds, 0.1)
        except Failure as reason:
            raise Failure(f"{reason}; it is:\n{self.about(unit)}") from None

    def wait_for_status(self, unit, what, is_it, seconds=60):
        """The status text of a unit that satisfies `is_it`."""
        last = []

        def look():
            last[:] = [self.show(unit, "StatusText")]
            return is_it(last[0]) and last[0]

        try:
            return wait_for(f"the status of {unit} {what}", look, seconds, 0.1)
        except Failure as reason:
            raise Failure(f"{reason}; the last was {last}\n{self.about(unit)}") from None

    def journal(self, *matches):
        """The journal's entries that match, oldest first."""
        self.run("journalctl", "--sync")
        said = self.run("journalctl", "--quiet", "--no-pager", "--output=json", *matches)
        return [json.loads(line) for line in said.splitlines() if line.startswith("{")]

    def about(self, unit):
        """For failures: what the manager and the journal say of a unit."""
        return self.call("systemctl", "status", "--no-pager", "--full", "--lines=30", unit)[1]


def children(pid):
    """Processes that a process started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name in parentheses may hold anything.
            parent = stat.read_text().rpartition(")")[2].split()[1]
            if int(parent) == pid:
                found.append(int(stat.parent.name))
    return found
