"""The shop of tests/memory with what front proxies are known to break: long cookies, uploads, odd addresses, pages that
come in two halves, WebSockets."""

import base64
import hashlib
import http.server
import json
import sys
import threading
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "memory"))

import big_shop  # noqa: E402

FAT_COOKIES = 6
FAT_COOKIE = "x" * 3000
WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Answer(big_shop.Answer):
    def do_GET(self):
        page = self.path.partition("?")[0]
        if page.startswith("/echo"):
            self.echo(b"")
        elif page == "/halves":
            self.send(200, self.halves())
        elif page == "/socket":
            self.socket()
        else:
            super().do_GET()

    def do_POST(self):
        if self.path.startswith("/echo"):
            self.echo(self.rfile.read(int(self.headers["Content-Length"])))
        else:
            super().do_POST()

    def send(self, status, pieces=(), **headers):
        """Whoever signs in gets cookies as long as some shops' baskets are."""
        self.fat = "Set_Cookie" in headers
        super().send(status, pieces, **headers)

    def end_headers(self):
        for number in range(FAT_COOKIES) if getattr(self, "fat", False) else ():
            self.send_header("Set-Cookie", f"fat{number}={FAT_COOKIE}; Path=/; HttpOnly")
        super().end_headers()

    def echo(self, body):
        """What arrived, as it arrived."""
        told = {"target": self.path, "headers": self.headers.items(), "body": hashlib.sha256(body).hexdigest()}
        content = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        http.server.BaseHTTPRequestHandler.end_headers(self)
        self.wfile.write(content)

    def halves(self):
        """The second half leaves when a client has told that it has the first."""
        yield "<!doctype html><p>first half</p>"
        self.server.first_half_seen.wait(30)
        yield "<p>second half</p>"

    def socket(self):
        """A WebSocket as far as a proxy can see one: a handshake, and then bytes both ways."""
        key = self.headers["Sec-WebSocket-Key"] + WEBSOCKET_GUID
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send_response(101)
        for name, value in {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept}.items():
            self.send_header(name, value)
        http.server.BaseHTTPRequestHandler.end_headers(self)
        self.wfile.write(self.rfile.read(5).upper())
        self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    finished = None

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.first_half_seen = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"
