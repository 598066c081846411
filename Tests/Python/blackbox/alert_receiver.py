"""A receiver of alerts with faults, for tests: an Alertmanager or a webhook as far as downlink
knows one, on the loopback. What was taken is kept; what was answered with a fault is not.
"""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import harness

TOKEN, USER, PASSWORD = "t0ken", "downlink", "pass:word"
FAULTS = ["500", "429", "slow", "closed", "lost", "503"]


class AlertReceiver:
    """Its members are changed from the test's thread while it serves; it may be closed and opened
    again on the same port."""

    def __init__(self):
        self.lock = threading.Lock()
        # Each alert that was taken, in order, with the request it came in.
        self.alerts = []
        self.requests = []
        # One of FAULTS, applied to each request, or what a random choice gives.
        self.fault = None
        self.choose_fault = None
        # An anomaly whose alerts are refused with 400.
        self.poison = None
        # It is closed and opened again.
        self.port = harness.free_port()
        self.server = None
        self.open()

    def open(self):
        handler = type("Handler", (_Handler,), {"receiver": self})
        self.server = _Server(("127.0.0.1", self.port), handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def poison_first(self):
        """For `choose_fault`: the first anomaly that is heard of is refused for good."""
        return "poison" if self.poison is None else None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def taken(self):
        with self.lock:
            return list(self.alerts)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_):
        """Clients are killed in the midst of requests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    receiver = None

    def do_POST(self):
        receiver = self.receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fault = receiver.choose_fault() if receiver.choose_fault else receiver.fault
        with receiver.lock:
            receiver.requests.append((time.monotonic(), self.path, dict(self.headers), fault))
        if fault == "closed":
            self.close_connection = True
            return None
        if fault in ("500", "503"):
            return self.answer(int(fault), b"out of order")
        if fault == "429":
            return self.answer(429, b"too many", {"Retry-After": "1"})
        document = json.loads(body)
        alerts = document["alerts"] if isinstance(document, dict) else document
        ids = [alert["annotations"]["anomaly_id"] for alert in alerts]
        if fault == "poison":
            receiver.poison = ids[-1]
        if receiver.poison in ids:
            return self.answer(400, b"I do not understand one of these")
        with receiver.lock:
            receiver.alerts += [(self.path, alert, document) for alert in alerts]
        if fault == "slow":
            # Taken at once, for the order in which alerts came is what is looked at.
            time.sleep(1.5)
        if fault == "lost":
            # Taken, and nobody hears of it.
            self.close_connection = True
            return None
        return self.answer(200, b"{}")

    def answer(self, status, body, headers=()):
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            for name, value in dict(headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:
            pass

    def log_message(self, *_):
        pass


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
