"""The other ends of what a service talks to: a service manager's socket, a journal's socket, HTTP,
and the transcript in which all of it stands in order.
"""

import array
import contextlib
import json
import mmap
import os
import socket
import struct
import threading
import time
import urllib.error
import urllib.request

from harness import Failure, require, wait_for


class Transcript:
    """What happened when, as text for people; times count from its beginning."""

    def __init__(self):
        self.started = time.monotonic()
        self.lines = []
        self.lock = threading.Lock()

    def add(self, mark, text, at=None):
        at = time.monotonic() if at is None else at
        with self.lock:
            self.lines.append((at, f"{at - self.started:8.2f} s  {mark} {text}"))

    def title(self, text):
        with self.lock:
            self.lines.append((time.monotonic(), f"\n== {text}"))

    def text(self):
        with self.lock:
            return "\n".join(line for _, line in sorted(self.lines, key=lambda one: one[0])) + "\n"


# Linux's number on every machine that Debian runs on but for a few.
SO_TIMESTAMPNS = 35


def moment_of(ancillary):
    """When a datagram came, on the monotonic clock: this thread may have got to it later."""
    now = time.monotonic()
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanos = struct.unpack("@qq", data[:16])
            return now - max(0.0, time.time() - (seconds + nanos / 1e9))
    raise Failure("the kernel did not say when a datagram came")


class ServiceManager:
    """systemd's side of sd_notify(3): hears every datagram and when it came."""

    def __init__(self, path, transcript):
        self.path = path
        self.transcript = transcript
        # (monotonic seconds, {key: value}), oldest first.
        self.heard = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.bind(str(path))
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        while True:
            data, ancillary, _, _ = self.socket.recvmsg(65_536, 1_024)
            at = moment_of(ancillary)
            fields = {}
            for line in data.decode().splitlines():
                name, _, value = line.partition("=")
                # A name twice in a datagram would hide one of them from the test.
                fields[name if name not in fields else f"{name}+"] = value
                quiet = name == "WATCHDOG" and sum("WATCHDOG" in one for _, one in self.heard) > 3
                if not quiet:
                    self.transcript.add("  ◀", line, at)
            self.heard.append((at, fields))

    def environment(self, watchdog_seconds):
        return {
            "NOTIFY_SOCKET": str(self.path),
            "WATCHDOG_USEC": str(int(watchdog_seconds * 1_000_000)),
        }

    def times(self, name, since=0.0):
        """When it was heard, from a moment on."""
        return [at for at, fields in list(self.heard) if name in fields and at >= since]

    def values(self, name, since=0.0):
        return [fields[name] for at, fields in list(self.heard) if name in fields and at >= since]

    def wait_for(self, name, since, seconds=60):
        """The moment it was first heard from a moment on."""
        return wait_for(f"{name}=…", lambda: self.times(name, since), seconds)[0]

    def wait_for_status(self, what, is_it, since=0.0, seconds=60):
        """The first STATUS line that satisfies `is_it`."""

        def look():
            return [line for line in self.values("STATUS", since) if is_it(line)]

        try:
            return wait_for(f"a status line {what}", look, seconds)[0]
        except Failure as reason:
            raise Failure(f"{reason}; the last was {self.values('STATUS')[-1:]}") from None

    def watchdog_gap(self, start, end):
        """The longest silence of the watchdog between two moments, both included as edges."""
        times = [start, *(at for at in self.times("WATCHDOG", start) if at <= end), end]
        return max(later - earlier for earlier, later in zip(times, times[1:], strict=False))


class Journal:
    """systemd-journald's side of its native protocol."""

    def __init__(self, path):
        self.entries = []
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            with contextlib.suppress(OSError):
                data, files, _, _ = socket.recv_fds(self.socket, 1 << 20, 4)
                if not data and files:
                    # What is too large for a datagram comes as a sealed file.
                    with mmap.mmap(files[0], 0, prot=mmap.PROT_READ) as memory:
                        data = bytes(memory)
                for descriptor in files:
                    os.close(descriptor)
                self.entries.append(self.parse(data))

    @staticmethod
    def parse(data):
        fields = {}
        while data:
            line, _, rest = data.partition(b"\n")
            name, separator, value = line.partition(b"=")
            if not separator:
                # NAME, line end, length, bytes, line end: for values of more than one line.
                (length,) = array.array("Q", rest[:8])
                value, rest = rest[8 : 8 + length], rest[8 + length + 1 :]
            require(name.decode() not in fields, f"the field {name} comes twice")
            fields[name.decode()] = value.decode()
            data = rest
        return fields

    def close(self):
        self.socket.close()
        os.unlink(self.path)


class Endpoint:
    """The service's HTTP side."""

    def __init__(self, port, transcript):
        self.address = f"http://127.0.0.1:{port}"
        self.transcript = transcript

    def get(self, path, seconds=5):
        """(code, text); code None where nobody answers."""
        try:
            with urllib.request.urlopen(self.address + path, timeout=seconds) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode()
        except OSError as reason:
            return None, str(reason)

    def ready_code(self):
        return self.get("/readyz")[0]

    def status(self):
        code, text = self.get("/status")
        require(code == 200, f"/status answers {code}: {text[:200]}")
        return json.loads(text)

    def metrics(self):
        """{name with labels: value}"""
        code, text = self.get("/metrics")
        require(code == 200, f"/metrics answers {code}: {text[:200]}")
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}
