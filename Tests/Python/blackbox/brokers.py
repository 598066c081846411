"""The two brokers of the scenarios that disturb them: the embedded one, which fails by order and
forgets everything when it ends, and noida-db, which keeps a port, a log on disk and its topics'
names, so that another log can stand where one was.
"""

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
from pathlib import Path

from confluent_kafka.admin import AdminClient, NewTopic

import harness
from harness import Failure, require, wait_for


class EmbeddedBroker:
    """`downlinkd broker --orders`: some brokers, one cluster."""

    def __init__(self, scenario, partitions, count=1, name="broker"):
        port_file = scenario.folder / f"{name}.port"
        words = [word for topic, n in partitions.items() for word in ("--topic", f"{topic}:{n}")]
        self.count = count
        self.process = scenario.start(
            name, "broker", *words, "--brokers", count, "--port-file", port_file, "--orders",
            stdin=subprocess.PIPE,
        )  # fmt: skip

        def address():
            if not self.process.is_running:
                raise Failure(f"the broker ended:\n{self.process.last_lines()}")
            return port_file.read_text().strip() if port_file.exists() else None

        self.address = wait_for("the broker is ready", address)
        self.answer_count = 1

    def order(self, line):
        """Gives an order and waits until it is carried out."""
        self.process.popen.stdin.write(f"{line}\n".encode())
        self.process.popen.stdin.flush()

        def answers():
            lines = self.process.log().splitlines()
            said = [one for one in lines if one.startswith(("ok: ", "refused: "))]
            return said if len(said) >= self.answer_count else None

        said = wait_for(f"the broker answers to {line!r}", answers)
        self.answer_count += 1
        require(said[-1] == f"ok: {line}", f"the broker says {said[-1]!r}")


class KeptBroker:
    """noida-db on a fixed port, its data in a folder that can be put aside and back.

    It forgets no member of a group that was killed: stop instances in order where it is used. Its
    cluster id is always the same.
    """

    def __init__(self, scenario, name="noida"):
        # Itself, not its Python wrapper, which would be gone before everything is saved.
        package = importlib.util.find_spec("noida_db")
        require(package is not None, "no noida-db: run make setup")
        program = Path(package.origin).with_name("noida-db")
        program.chmod(0o755)
        self.scenario = scenario
        self.program, self.name, self.folder = program, name, scenario.folder
        self.data = scenario.folder / f"{name}.data"
        self.port = harness.free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.popen = None
        scenario.cleanups.append(self.stop)
        self.start()

    def start(self):
        with open(self.folder / f"{self.name}.log", "ab") as log:
            self.popen = subprocess.Popen(
                [self.program, "start", "--data-dir", self.data, "--only", "kafka",
                    "--kafka-port", str(self.port)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        if self.scenario.has_ended:
            # Ended from another thread just now, which has not seen this one.
            self.stop()
            raise Failure("everything is being ended")

        def answers():
            require(self.popen.poll() is None, f"{self.name} ended with {self.popen.poll()}")
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True

        wait_for(f"{self.name} takes connections", answers)

    def stop(self):
        """In order: what it holds is on disk afterwards."""
        if self.popen is None or self.popen.poll() is not None:
            return
        self.popen.terminate()
        try:
            self.popen.wait(20)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait(10)

    def create(self, partitions):
        # Our records are old: with the usual retention they would be deleted at once.
        topics = [
            NewTopic(name, num_partitions=count, replication_factor=1,
                config={"retention.ms": "-1"})
            for name, count in partitions.items()
        ]  # fmt: skip
        admin = self.admin()
        for done in admin.create_topics(topics).values():
            done.result(30)

    def delete(self, topics):
        admin = self.admin()
        for done in admin.delete_topics(list(topics)).values():
            done.result(30)

    def admin(self):
        return AdminClient({"bootstrap.servers": self.address, "log_level": 2})

    def keep_copy(self):
        """Stops, copies everything aside and starts again."""
        self.stop()
        shutil.copytree(self.data, f"{self.data}.kept")
        self.start()

    def restore(self):
        """The log as it was when the copy was made."""
        self.stop()
        shutil.rmtree(self.data)
        os.rename(f"{self.data}.kept", self.data)
        self.start()

    def lose_everything(self):
        """The same broker at the same address, with nothing in it."""
        self.stop()
        shutil.rmtree(self.data)
        self.start()
