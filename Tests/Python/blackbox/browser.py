"""A headless Chromium, driven by its DevTools protocol over a pair of pipes.

Over pipes and not a web socket: no port, no library, and it ends when this process does.
https://chromedevtools.github.io/devtools-protocol/
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time

from harness import Failure, Skipped

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
# Chromium reads orders from 3 and writes answers to 4.
TRAMPOLINE = (
    "import os, sys\n"
    "orders, answers = int(sys.argv[1]), int(sys.argv[2])\n"
    "os.dup2(orders, 3)\n"
    "os.dup2(answers, 4)\n"
    "os.execvp(sys.argv[3], sys.argv[3:])\n"
)
FLAGS = [
    "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-default-apps", "--disable-extensions", "--disable-dev-shm-usage",
    "--no-default-browser-check", "--hide-scrollbars", "--force-color-profile=srgb",
]  # fmt: skip


class Browser:
    """One Chromium with one tab. What the page says and asks for is kept in `events`."""

    def __init__(self, folder):
        program = next(filter(None, map(shutil.which, PROGRAMS)), None)
        if program is None:
            raise Skipped("no chromium: run make setup")
        home = folder / "chromium"
        home.mkdir()
        flags = [*FLAGS, f"--user-data-dir={home}"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")
        their_orders, self.orders = high_pipe()
        self.answers, their_answers = high_pipe()
        command = [sys.executable, "-c", TRAMPOLINE, str(their_orders), str(their_answers)]
        with open(folder / "chromium.log", "wb") as log:
            self.popen = subprocess.Popen(
                [*command, program, *flags, "about:blank"],
                pass_fds=(their_orders, their_answers), stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env={**os.environ, "HOME": str(home)},
            )  # fmt: skip
        os.close(their_orders)
        os.close(their_answers)
        self.number, self.unread, self.session, self.events = 0, b"", None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.call(f"{domain}.enable")

    # ---- the protocol

    def call(self, method, seconds=60, **parameters):
        self.number += 1
        order = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            order["sessionId"] = self.session
        os.write(self.orders, json.dumps(order).encode() + b"\0")
        deadline = time.monotonic() + seconds
        while True:
            message = self.receive(deadline)
            if message is None:
                raise Failure(f"Chromium does not answer {method} within {seconds} s")
            if message.get("id") == self.number:
                if "error" in message:
                    raise Failure(f"{method}: {message['error']}")
                return message["result"]

    def receive(self, deadline):
        """The next message; events are kept. None when there is none until then."""
        while b"\0" not in self.unread:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.answers], [], [], left)[0]:
                return None
            data = os.read(self.answers, 1 << 20)
            if not data:
                raise Failure(f"Chromium has ended with {self.popen.poll()}")
            self.unread += data
        text, self.unread = self.unread.split(b"\0", 1)
        message = json.loads(text)
        if "method" in message:
            self.events.append(message)
        return message

    def pump(self):
        """Takes in the events that have come."""
        while self.receive(time.monotonic() + 0.01) is not None:
            pass

    def close(self):
        self.popen.terminate()
        try:
            self.popen.wait(10)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        os.close(self.orders)
        os.close(self.answers)

    # ---- what a person does

    def open(self, address):
        self.call("Page.navigate", url=address)
        self.wait(f"{address} is loaded", "document.readyState === 'complete'")

    def evaluate(self, expression):
        """The value of a JavaScript expression; promises are awaited."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise Failure(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, what, expression, seconds=60):
        """Waits until the expression is true, and returns its value."""
        deadline = time.monotonic() + seconds
        while True:
            value = self.evaluate(expression)
            if value:
                return value
            if time.monotonic() > deadline:
                raise Failure(f"waited {seconds} s in vain in the browser: {what}")
            time.sleep(0.1)

    def press(self, name, text=None, code=None, number=0):
        """A key; `text` is what it writes."""
        if not number and len(name) == 1:
            number = ord(name.upper())
        key = {"key": name, "windowsVirtualKeyCode": number}
        if code:
            key["code"] = code
        down = {**key, "type": "keyDown" if text else "rawKeyDown"}
        if text:
            down["text"] = text
        self.call("Input.dispatchKeyEvent", **down)
        self.call("Input.dispatchKeyEvent", **key, type="keyUp")

    def size(self, width, height):
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
            mobile=False)  # fmt: skip

    def media(self, kind="", **features):
        features = [
            {"name": name.replace("_", "-"), "value": value} for name, value in features.items()
        ]
        self.call("Emulation.setEmulatedMedia", media=kind, features=features)

    def shot(self, path):
        """A picture of the whole page."""
        width, height = self.evaluate("[innerWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        picture = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(picture["data"]))

    # ---- what it noticed

    def complaints(self):
        """What went wrong: exceptions, what the console says, refusals of the policy."""
        self.pump()
        found = []
        for event in self.events:
            parameters = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                found.append(parameters["exceptionDetails"])
            elif event["method"] == "Runtime.consoleAPICalled":
                found.append(parameters["args"])
            elif event["method"] == "Log.entryAdded":
                found.append(parameters["entry"])
        return found

    def requests(self):
        self.pump()
        return [
            event["params"]["request"]["url"] for event in self.events
            if event["method"] == "Network.requestWillBeSent"
        ]  # fmt: skip


def high_pipe():
    """A pipe whose ends are not 3 or 4, which are to be Chromium's."""
    low = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in low]
    for end in low:
        os.close(end)
    return high
