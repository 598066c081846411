"""The machine on which the commands of the pages run: namespaces of its own, so that
/etc/downlinkd/downlinkd.yaml, port 9479 and kafka:9092 are what the pages say and nobody else's.

`enter()` makes the process root of a machine without network but the loopback, with /etc, /var/lib
and /usr/share/doc that keep no change, and an empty /run. A `Shell` is one bash, in which commands
run one after the other as somebody types them.
"""

import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from harness import Failure, binary, require

# Names in the pages that lead to the broker of this world, by whatever port they say.
HOSTS = ["kafka", "kafka-1", "kafka-2", "kafka-3"]
KAFKA_PORTS = [9092]
# What is there of this machine's own is not to be seen.
EMPTY = [
    Path(name) for name in ("/run", "/etc/downlinkd", "/etc/credstore", "/etc/prometheus",
                            "/var/lib/downlinkd", "/usr/share/doc/downlinkd")
]  # fmt: skip
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
PR_SET_PDEATHSIG = 1
SECONDS_MAX = 180
INSTANCE_PID, INSTANCE_LOG = "/run/instance.pid", "/run/instance.log"


def inside(arguments):
    """The command that runs a program with the arguments in such a machine."""
    flags = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() != 0:
        flags = ["--user", "--map-root-user", *flags]
    return ["unshare", *flags, "--", sys.executable, *map(str, arguments)]


def require_namespaces():
    """Fails with a sentence where this machine does not give any."""
    try:
        done = subprocess.run(
            [*inside([])[:-1], "true"], capture_output=True, text=True, timeout=30
        )
    except FileNotFoundError:
        raise Failure("there is no unshare(1): it is in Debian's util-linux") from None
    require(
        done.returncode == 0,
        "the commands of the pages run in namespaces of their own, which this machine does not"
        f" give: be root, or allow user namespaces ({done.stderr.strip()})",
    )


def enter(folder):
    """Inside `unshare`: mounts and the loopback; `folder` is for what is written there."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
    for name in ("etc", "var/lib", "usr/share/doc"):
        upper, work = folder / name / "upper", folder / name / "work"
        upper.mkdir(parents=True)
        work.mkdir()
        options = f"lowerdir=/{name},upperdir={upper},workdir={work}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, f"/{name}"], check=True)
    for path in EMPTY:
        if path.is_dir():
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", path], check=True)
        else:
            path.mkdir(parents=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | IFF_UP))
    names = " ".join(["localhost", *HOSTS])
    # Another one: the one that is there may belong to a root that is not of this namespace.
    hosts = Path("/etc/hosts")
    hosts.unlink(missing_ok=True)
    hosts.write_text(f"127.0.0.1 {names}\n::1 localhost\n", encoding="utf-8")


class Forwarder:
    """Ports on the loopback behind which the embedded broker is, which chooses its own."""

    def __init__(self, address, ports):
        host, port = address.rsplit(":", 1)
        self.target = (host, int(port))
        for number in ports:
            listener = socket.create_server(("127.0.0.1", number))
            threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            client, _ = listener.accept()
            try:
                broker = socket.create_connection(self.target, 5)
            except OSError:
                client.close()
                continue
            for source, sink in ((client, broker), (broker, client)):
                threading.Thread(target=self.copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def copy(source, sink):
        try:
            while data := source.recv(65_536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def die_with_parent():
    """A bash that outlives its test would hold the namespace."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


# Reads names of files with commands, runs each in itself, and answers with its exit code.
LOOP = """
set +m
while read -r file; do
  . "$file" </dev/null >"$file.out" 2>&1
  echo $? >&3
done
"""


class Shell:
    """One bash that goes on from command to command: its folder, its variables, its jobs."""

    def __init__(self, folder, programs, environment=None):
        self.scripts = Path(tempfile.mkdtemp(prefix="shell-", dir=folder))
        self.count = 0
        reader, writer = os.pipe()
        path = f"{programs}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        self.folder = folder
        self.bash = subprocess.Popen(
            ["bash", "--norc", "-c", f"exec 3>&{writer}; exec {writer}>&-\n{LOOP}"],
            stdin=subprocess.PIPE, cwd=folder, pass_fds=[writer], preexec_fn=die_with_parent,
            start_new_session=True,
            env={
                "PATH": path, "HOME": str(folder), "LC_ALL": "C.UTF-8", "COLUMNS": "100",
                "TZ": "UTC", **(environment or {}),
            },
        )  # fmt: skip
        os.close(writer)
        self.answers = os.fdopen(reader)

    def run(self, text, stop_after=None, seconds=SECONDS_MAX):
        """(exit code, lines of its output). `stop_after`: control-C for the program after so many
        seconds, for commands that go on until somebody ends them."""
        self.count += 1
        script = self.scripts / f"{self.count}"
        if stop_after:
            text = f"export DOCS_STOP_AFTER={stop_after}\n{text}\n"
            text += "DOCS_CODE=$?; unset DOCS_STOP_AFTER; (exit $DOCS_CODE)"
        script.write_text(text + "\n", encoding="utf-8")
        self.bash.stdin.write(f"{script}\n".encode())
        self.bash.stdin.flush()
        timer = threading.Timer(seconds, self.bash.kill)
        timer.start()
        answer = self.answers.readline()
        timer.cancel()
        output = Path(f"{script}.out").read_text(encoding="utf-8", errors="replace").splitlines()
        if not answer:
            shown = "\n".join(output[-20:])
            raise Failure(f"it did not end within {seconds} s; it said:\n{shown}")
        return int(answer), output

    def close(self):
        self.bash.kill()
        self.bash.wait()


# As much of a service manager as pages need: one unit, whatever its name, started in the background
# until it is ready, or has ended.
SYSTEMCTL = f"""#!/bin/bash
alive() {{
  pid=$(cat {INSTANCE_PID} 2>/dev/null) && [ -d /proc/$pid ] &&
    ! grep -q '^State:.Z' /proc/$pid/status
}}
stop() {{
  alive && kill $pid
  while alive; do sleep 0.1; done
}}
start() {{
  alive && return
  unset DOCS_STOP_AFTER
  downlinkd run --config /etc/downlinkd/downlinkd.yaml </dev/null >>{INSTANCE_LOG} 2>&1 &
  echo $! >{INSTANCE_PID}
  until downlinkd status --config /etc/downlinkd/downlinkd.yaml >/dev/null 2>&1; do
    alive || return 1
    sleep 0.2
  done
}}
case "$1" in
  start) start ;;
  stop) stop ;;
  restart) stop; start ;;
  reload) alive && downlinkd reload --config /etc/downlinkd/downlinkd.yaml --pid $pid ;;
  is-active) alive ;;
esac
"""


def write_program(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def programs(folder, not_run):
    """A folder for PATH: the program, what stands in for what is not run here, and for sudo."""
    folder.mkdir()
    write_program(
        folder, "downlinkd",
        "#!/bin/sh\n"
        'if [ -n "$DOCS_STOP_AFTER" ]; then\n'
        f'  exec timeout --preserve-status -s INT "$DOCS_STOP_AFTER" {binary()} "$@"\n'
        f'fi\nexec {binary()} "$@"\n',
    )  # fmt: skip
    write_program(folder, "sudo", '#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do\n'
                  '  case "$1" in -u|-g) shift ;; esac; shift\ndone\nexec "$@"\n')  # fmt: skip
    write_program(folder, "python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    here = Path(__file__).resolve().parent
    shell = f'#!/bin/sh\nexec {sys.executable} {here}/duckdb_shell.py "$@"\n'
    write_program(folder, "duckdb", shell)
    for name in not_run:
        write_program(folder, name, "#!/bin/sh\nexit 0\n")
    write_program(folder, "systemctl", SYSTEMCTL)
    return folder


def wait_until(what, condition, seconds=90):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds} s in vain: {what}")
        time.sleep(0.1)
