"""A Schema Registry as far as downlink asks one, with faults: for tests, in memory, on loopback.

    with FakeRegistry() as registry:
        registry.register(7, "telemetry-value", "syntax = \"proto3\"; …")
        … registry.url …

As a program it serves the schemas of a JSON file until its standard input ends:

    fake_registry.py schemas.json [--port N] [--tls FOLDER]
        prints one line: the port
    schemas.json: [{"id": 7, "subject": "telemetry-value", "schema": "…", "type": "PROTOBUF",
                    "references": [{"name": "a.proto", "subject": "a", "version": 1}]}]

A fault is the first part of the path, so that a client with the URL `…/slow` meets a slow registry:

    /slow          answers after 3 s
    /500           status 500 with the registry's own words
    /flaky         two of three requests get status 503
    /html          status 404 with a page that is no registry's
    /garbled       status 200 with half a JSON document
    /other         status 200 with JSON that is no schema
    /huge          status 200 with 32 MB
    /closed        the connection is closed without an answer
    /cut           the connection is closed in the middle of the answer
    /redirect      a redirect to the healthy path
    /auth          wants the user `downlink` and the password `pass:word`
    /text          knows no `format=serialized`
    /late          an id is not found when it is asked for the first time
"""

import argparse
import base64
import contextlib
import json
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

USER, PASSWORD = "downlink", "pass:word"
FAULTS = {
    "slow", "500", "flaky", "html", "garbled", "other", "huge", "closed", "cut", "redirect", "auth",
    "text", "late",
}  # fmt: skip


class FakeRegistry:
    """Its state is changed from the test's thread while it serves."""

    def __init__(self, port=0, certificate=None, key=None):
        self.schemas, self.subjects = {}, {}
        # Paths that were asked for, in their order.
        self.requests = []
        # Applies to every request where it is set; one of FAULTS.
        self.fault = None
        self.flaky_count = 0
        self.asked = set()
        self.lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"registry": self})
        self.server = _Server(("127.0.0.1", port), handler)
        self.scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
            self.scheme = "https"
        self.port = self.server.server_address[1]
        self.url = f"{self.scheme}://localhost:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def register(self, schema_id, subject, schema, kind="PROTOBUF", references=()):
        """Adds a schema as the next version of a subject."""
        with self.lock:
            versions = self.subjects.setdefault(subject, [])
            versions.append(schema_id)
            self.schemas[schema_id] = {
                "id": schema_id, "subject": subject, "version": len(versions), "schema": schema,
                "kind": kind, "references": list(references),
            }  # fmt: skip

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Clients that do not trust the certificate, or have seen enough, go away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry = None

    def do_GET(self):
        registry = self.registry
        parts = urlsplit(self.path)
        path = [unquote(part) for part in parts.path.split("/")[1:]]
        with registry.lock:
            registry.requests.append(self.path)
        fault = registry.fault
        if path[0] in FAULTS:
            fault = path.pop(0)
        if fault and self.meets(fault, path, parts.query):
            return
        serialized = "format=serialized" in parts.query and fault != "text"
        with registry.lock:
            found = self.find(path)
        if found is None:
            return self.fail(404, 40403 if path[0] == "schemas" else 40401, "Schema not found")
        self.send(200, self.document(found, serialized, path[0] == "subjects"))

    def find(self, path):
        registry = self.registry
        if path[:2] == ["schemas", "ids"] and len(path) == 3 and path[2].isdigit():
            return registry.schemas.get(int(path[2]))
        if path[:1] == ["subjects"] and path[2:3] == ["versions"] and len(path) == 4:
            versions = registry.subjects.get(path[1])
            if versions and path[3] == "latest":
                return registry.schemas[versions[-1]]
            if versions and path[3].isdigit() and 0 < int(path[3]) <= len(versions):
                return registry.schemas[versions[int(path[3]) - 1]]
        return None

    def document(self, found, serialized, is_subject):
        document = {"schema": found["schema"]}
        if serialized and found["kind"] == "PROTOBUF":
            document["schema"] = serialize(self.registry, found)
        # Registries leave Avro's kind out.
        if found["kind"] != "AVRO":
            document["schemaType"] = found["kind"]
        if found["references"]:
            document["references"] = found["references"]
        if is_subject:
            document |= {key: found[key] for key in ("id", "subject", "version")}
        return document

    def meets(self, fault, path, query):
        """Whether the fault has answered the request."""
        registry = self.registry
        if fault == "slow":
            time.sleep(3)
        elif fault == "500":
            return self.fail(500, 50001, "Error in the backend data store")
        elif fault == "flaky":
            with registry.lock:
                registry.flaky_count += 1
                works = registry.flaky_count % 3 == 0
            return not works and self.fail(503, 50301, "Not the leader")
        elif fault == "html":
            return self.send_bytes(404, b"<html>no such page</html>", "text/html")
        elif fault == "garbled":
            return self.send_bytes(200, b'{"schema": "synt')
        elif fault == "other":
            return self.send(200, {"status": "UP"})
        elif fault == "huge":
            return self.send_bytes(200, b'{"schema": "' + b" " * (32 << 20) + b'"}')
        elif fault == "closed":
            self.close_connection = True
            return True
        elif fault == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"schema"')
            self.close_connection = True
            return True
        elif fault == "redirect":
            self.send_response(302)
            self.send_header("Location", f"{registry.url}/{'/'.join(path)}?{query}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return True
        elif fault == "auth":
            expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            if self.headers.get("Authorization") != f"Basic {expected}":
                return self.fail(401, 40101, "Unauthorized")
        elif fault == "late":
            with registry.lock:
                is_first = path[-1] not in registry.asked
                registry.asked.add(path[-1])
            return is_first and self.fail(404, 40403, "Schema not found")
        return False

    def fail(self, status, code, message):
        return self.send(status, {"error_code": code, "message": message})

    def send(self, status, document):
        return self.send_bytes(status, json.dumps(document).encode())

    def send_bytes(self, status, body, kind="application/vnd.schemaregistry.v1+json"):
        # A client that has seen enough goes away.
        with contextlib.suppress(ConnectionError):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        return True

    def log_message(self, *_):
        pass


def serialize(registry, found):
    """The schema's FileDescriptorProto in base64, made by protoc."""
    with tempfile.TemporaryDirectory(prefix="downlink-registry-") as folder:
        write_files(registry, found, "main.proto", Path(folder))
        out = Path(folder) / "out.binpb"
        subprocess.run(
            ["protoc", f"--proto_path={folder}", f"--descriptor_set_out={out}", "main.proto"],
            check=True,
        )
        return base64.b64encode(file_descriptor(out.read_bytes())).decode()


def write_files(registry, found, name, folder):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(found["schema"], encoding="utf-8")
    for reference in found["references"]:
        versions = registry.subjects[reference["subject"]]
        other = registry.schemas[versions[reference["version"] - 1]]
        write_files(registry, other, reference["name"], folder)


def file_descriptor(descriptor_set):
    """The one file of a set: field 1, its length as a varint."""
    position, length, shift = 1, 0, 0
    while True:
        byte = descriptor_set[position]
        length |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            break
    return descriptor_set[position : position + length]


def make_certificate(folder):
    """A certificate of its own for localhost; returns its path and the key's."""
    certificate, key = Path(folder) / "registry.crt", Path(folder) / "registry.key"
    if not shutil.which("openssl"):
        raise RuntimeError("openssl is not installed")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", key, "-out", certificate],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return certificate, key


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("schemas", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", type=Path, help="a folder for certificate and key; serves HTTPS")
    arguments = parser.parse_args()
    certificate, key = make_certificate(arguments.tls) if arguments.tls else (None, None)
    registry = FakeRegistry(arguments.port, certificate, key)
    for one in json.loads(arguments.schemas.read_text(encoding="utf-8")):
        registry.register(
            one["id"], one["subject"], one["schema"], one.get("type", "PROTOBUF"),
            one.get("references", ()),
        )  # fmt: skip
    print(registry.port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
