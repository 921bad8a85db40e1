"""A schema registry of a few routes, for the tests of room `registry`.

    stub_registry.py PROGRAM

Starts the stub on a free port of the loopback, runs PROGRAM with its URL in
ODRADEK_TEST_REGISTRY and the URL of a port where nobody listens in
ODRADEK_TEST_NOBODY, and ends with its exit code.

    GET  /schemas/ids/{id}               a registered schema, or a fault by number
    POST /subjects/{subject}/versions    registers; 409 under "incompatible-…"
    POST /subjects/{subject}             looks up
    …    /locked/…                       the same, with user "shop", password "s3:cret"
    …    /down/…                         always 503
"""

import base64
import json
import os
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

OLD_TASK_FAILED = {
    "type": "record",
    "name": "io.odradek.v1.TaskFailed",
    "fields": [{"name": n, "type": "string"} for n in ("namespace", "workflow_id", "run_id", "token", "error")]
    + [{"name": "activity_id", "type": "long"}, {"name": "attempt", "type": "int"}],
}
FOREIGN = {"type": "record", "name": "shop.OrderPlaced", "fields": []}

FAULTS = {
    900: (500, b'{"error_code":50001,"message":"store down"}'),
    901: (200, b"<html>a proxy's page</html>"),
    903: (200, b'{"schema":"' + b"x" * 2000000 + b'"}'),
    904: (200, b'{"schemaType":"PROTOBUF","schema":"message A {}"}'),
    905: (200, b'{"schema":"{}","references":[{"name":"a","subject":"a","version":1}]}'),
    906: (200, json.dumps({"schema": json.dumps(OLD_TASK_FAILED)}).encode()),
    907: (200, json.dumps({"schema": json.dumps(FOREIGN)}).encode()),
    908: (200, b'{"schema":17}'),
    909: (302, b"{}"),
    910: (429, b'{"error_code":42901,"message":"slow down"}'),
}


class Registry(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536
    ids = {}
    subjects = {}
    lock = threading.Lock()

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def parts(self):
        """The path's parts behind /locked and /down, or None once answered."""
        parts = [unquote(part) for part in self.path.split("/")[1:]]
        if parts[0] == "down":
            return self.answer(503, {"message": "not ready"})
        if parts[0] == "locked":
            expected = "Basic " + base64.b64encode(b"shop:s3:cret").decode()
            if self.headers.get("Authorization") != expected:
                return self.answer(401, {"error_code": 40101, "message": "Unauthorized"})
            parts = parts[1:]
        return parts

    def do_GET(self):
        parts = self.parts()
        if parts is None:
            return
        number = int(parts[2])
        if number == 902:
            time.sleep(1.5)
        if number in FAULTS:
            self.answer(*FAULTS[number])
        elif number in self.ids:
            self.answer(200, {"schema": self.ids[number]})
        else:
            self.answer(404, {"error_code": 40403, "message": "Schema %d not found" % number})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        parts = self.parts()
        if parts is None:
            return
        schema = json.loads(body)["schema"]
        json.loads(schema)
        subject, registers = parts[1], parts[2:] == ["versions"]
        with self.lock:
            known = self.subjects.setdefault(subject, [])
            if subject.startswith("incompatible-"):
                self.answer(409, {"error_code": 409, "message": "Schema being registered is incompatible"})
            elif registers:
                number = next((n for n, text in self.ids.items() if text == schema), len(self.ids) + 1)
                self.ids[number] = schema
                known.append(number)
                self.answer(200, {"id": number})
            else:
                number = next((n for n in known if self.ids[n] == schema), None)
                if number is None:
                    self.answer(404, {"error_code": 40403, "message": "Schema not found"})
                else:
                    self.answer(200, {"subject": subject, "id": number, "version": 1, "schema": schema})


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        # Clients that give up are part of the tests.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def main():
    server = Server(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with socket.socket() as nobody:
        # Bound but not listening: a connection is refused, and no one can take the port.
        nobody.bind(("127.0.0.1", 0))
        environment = dict(
            os.environ,
            no_proxy="*",
            ODRADEK_TEST_REGISTRY="http://127.0.0.1:%d" % server.server_address[1],
            ODRADEK_TEST_NOBODY="http://127.0.0.1:%d" % nobody.getsockname()[1],
        )
        code = subprocess.run(sys.argv[1:], env=environment, check=False).returncode
    server.shutdown()
    return code if code >= 0 else 1


if __name__ == "__main__":
    sys.exit(main())
