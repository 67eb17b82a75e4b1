"""A punchout behind each front proxy, by the files of deploy/: what comes through is what the proxy and the shop need,
and no log of a front proxy has a password in it."""

import hashlib
import html
import http.client
import http.server
import json
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlencode

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "neighbours"), str(TESTS / "browser")]

import config  # noqa: E402
import front_shop  # noqa: E402
import fronts  # noqa: E402
import raw  # noqa: E402
from processes import free_port  # noqa: E402

LINES = front_shop.big_shop.LINES
WRONG_CALLS = 3
"""So many a minute from one address, and it is asked to wait."""


TOKEN = "tokentokentokentokentokentoken"


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.arrived = parse_qs(body, keep_blank_values=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


class Client(raw.Raw):
    """Speaks TLS to a front proxy from a loopback address of its own, so that it can be told from the front proxy."""

    def __init__(self, port, pem, address="127.0.0.7"):
        super().__init__("https://shop.example")
        self.port, self.source = port, (address, 0)
        self.context = ssl.create_default_context(cafile=pem)

    def socket(self):
        plain = socket.create_connection(("127.0.0.1", self.port), 30, self.source)
        return self.context.wrap_socket(plain, server_hostname="shop.example")

    def connection(self):
        connection = http.client.HTTPConnection("shop.example", timeout=30)
        connection.sock = self.socket()
        return connection


class Behind:
    """What must hold behind every front proxy."""

    front = None

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.pem, key = cls.folder / "shop.pem", cls.folder / "shop.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-subj", "/CN=shop.example", "-addext", "subjectAltName=DNS:shop.example", "-keyout", key, "-out", cls.pem],
            check=True, capture_output=True)
        cls.shop, cls.hook = front_shop.Server(), http.server.HTTPServer(("127.0.0.1", 0), Hook)
        threading.Thread(target=cls.hook.serve_forever, daemon=True).start()
        for server in (cls.shop, cls.hook):
            cls.addClassCleanup(server.server_close)
            cls.addClassCleanup(server.shutdown)
        admin = free_port()
        # No `public`: that the session is under https, the front proxy alone tells.
        cls.proxy = config.Proxy(
            cls.shop.address, [f"http://127.0.0.1:{cls.hook.server_port}"],
            account=(front_shop.big_shop.USER, front_shop.big_shop.PASSWORD),
            **front_shop.big_shop.RULES, deny={"paths": ["/checkout/**"]}, form={"max_inputs": 20_000},
            buyer={"accounts": {"strategy": "shared", "username": front_shop.big_shop.USER,
                                "password": front_shop.big_shop.PASSWORD}},
            top={"trusted_proxies": ["127.0.0.1"], "admin": f"127.0.0.1:{admin}", "entry": {"rate": WRONG_CALLS}})
        cls.addClassCleanup(cls.proxy.end)
        cls.plain = free_port()
        cls.running = cls.front(cls.folder, (cls.plain, free_port(), cls.proxy.port, admin), cls.pem, key)
        cls.addClassCleanup(cls.running.process.end)

    def client(self, address="127.0.0.7"):
        return Client(self.running.tls, self.pem, address)

    def hook_url(self, more=""):
        return f"http://127.0.0.1:{self.hook.server_port}/hook?sess={config.HOOK_SECRET}{more}"

    def echo(self, client, method="GET", target="/echo", **more):
        answer = client.ask(method, target, **more)
        self.assertEqual(answer.status, 200, answer.text)
        told = json.loads(answer.text)
        return told, dict(told["headers"])

    def punched_out(self, method, hook):
        """A client in a session, its entry's answer looked at."""
        client, call = self.client(), config.call(hook)
        if method == "POST":
            answer = client.ask("POST", config.ENTRY, call)
        else:
            answer = client.ask("GET", f"{config.ENTRY}?{urlencode(call)}")
        self.assertEqual(answer.status, 303, answer.text)
        cookies = answer.headers.get_all("Set-Cookie")
        ours = [line for line in cookies if config.COOKIE in line.partition("=")[0]]
        self.assertEqual(len(ours), 1, cookies)
        self.assertIn("; secure", ours[0].lower())
        # Where the browser shows whether it keeps cookies; then to a clean page.
        self.assertRegex(answer.location, "^(https://shop.example)?/_punchout/begin[?]ticket=")
        onward = client.ask("GET", answer.location.removeprefix("https://shop.example"))
        self.assertIn(onward.location, ("/", "https://shop.example/"), onward.text)
        self.assertIn("Logg ut", client.ask("GET", "/").text)
        return client

    def return_cart(self, client, hook):
        """The cart's form, sent as a browser does; all its lines are there."""
        page = client.ask("GET", "/cart").text
        action = re.search(r'<form[^>]* action="([^"]*/hook[^"]*)"', page)
        self.assertEqual(html.unescape(action.group(1)), hook)
        fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
        fields = [(html.unescape(name), html.unescape(value)) for name, value in fields]
        urllib.request.urlopen(urllib.request.Request(hook, urlencode(fields).encode()), timeout=30).close()
        arrived = self.hook.arrived
        for number in (1, LINES // 2, LINES):
            self.assertEqual(arrived[f"NEW_ITEM-VENDORMAT[{number}]"], [f"B-{number:04}"])
            self.assertEqual(arrived[f"NEW_ITEM-PRICE[{number}]"], [f"{number}.250"])
        self.assertEqual(len([name for name in arrived if name.startswith("NEW_ITEM-VENDORMAT[")]), LINES)

    def assert_log_is_clean(self):
        """Of a catalog call just made, and of a session that goes on in its addresses, as some browsers' must."""
        came = {"Referer": f"https://shop.example/_punchout/s/{TOKEN}/"}
        self.client().ask("GET", f"/_punchout/s/{TOKEN}/basket/?a=b", headers=came)
        self.client().ask("GET", "/after")
        end = time.monotonic() + 10
        while config.ENTRY not in (log := self.running.logged) or "/after" not in log:
            self.assertLess(time.monotonic(), end, f"no line of the catalog call:\n{log}")
            time.sleep(0.05)
        for secret in config.spellings(config.PASSWORD) | {config.HOOK_SECRET, TOKEN}:
            self.assertNotIn(secret, log)

    def test_a_punchout_by_post_and_its_big_cart(self):
        client = self.punched_out("POST", self.hook_url())
        self.return_cart(client, self.hook_url())
        denied = client.ask("GET", "/checkout/")
        self.assertEqual(denied.status, 303, denied.text)
        self.assertEqual(denied.location, "/cart")
        self.assert_log_is_clean()

    def test_a_punchout_by_get_with_a_long_hook(self):
        hook = self.hook_url("&state=" + "s" * 8_000)
        client = self.punched_out("GET", hook)
        self.return_cart(client, hook)
        self.assert_log_is_clean()

    def test_long_cookies_come_and_go(self):
        client = self.punched_out("POST", self.hook_url())
        _, headers = self.echo(client)
        for number in range(front_shop.FAT_COOKIES):
            self.assertIn(f"fat{number}={front_shop.FAT_COOKIE}", headers["Cookie"] if "Cookie" in headers else headers["cookie"])

    def test_the_client_is_known_by_its_address_whatever_it_says(self):
        _, headers = self.echo(self.client(), headers={"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http",
                                                       "X-Forwarded-Host": "evil.example"})
        headers = {name.lower(): value for name, value in headers.items()}
        self.assertEqual(headers["x-forwarded-for"], "127.0.0.7, 127.0.0.1")
        self.assertEqual(headers["x-forwarded-proto"], "https")
        self.assertEqual(headers["x-forwarded-host"], "shop.example")
        self.assertEqual(headers["host"], "shop.example")

    def test_who_guesses_passwords_is_told_from_who_does_not(self):
        guesser, call = self.client("127.0.0.8"), config.call(self.hook_url(), PASSWORD="wrong")
        codes = []
        for number in range(WRONG_CALLS + 1):
            said = {"X-Forwarded-For": f"203.0.113.{number}"}
            codes.append(guesser.ask("POST", config.ENTRY, call, headers=said).status)
        self.assertEqual(codes[-1], 429, codes)
        self.assertNotIn(429, codes[:-1])
        self.punched_out("POST", self.hook_url())

    def test_addresses_and_bodies_arrive_as_they_were_sent(self):
        target = "/echo/a%2Fb//c%20d/;x=1?q=%7C%c3%a6&&r"
        body = b"\x00\xff" * 2_000_000
        told, _ = self.echo(self.client(), "POST", target, body=body)
        self.assertEqual(told["target"], target)
        self.assertEqual(told["body"], hashlib.sha256(body).hexdigest())

    def test_a_page_streams(self):
        connection = self.client().connection()
        self.addCleanup(connection.close)
        connection.request("GET", "/halves")
        answer = connection.getresponse()
        page = b""
        # Behind a front proxy that keeps the page until it is whole this waits until the connection's time is up.
        while b"first half" not in page:
            page += answer.read1(1000)
        self.shop.first_half_seen.set()
        self.assertIn(b"second half", answer.read())

    def test_a_websocket_passes(self):
        with self.client().socket() as one:
            one.sendall(b"GET /socket HTTP/1.1\r\nHost: shop.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
            head = b""
            while b"\r\n\r\n" not in head:
                piece = one.recv(1000)
                self.assertTrue(piece, head)
                head += piece
            self.assertTrue(head.startswith(b"HTTP/1.1 101 "), head)
            self.assertIn(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", head)
            one.sendall(b"hello")
            echo = head.partition(b"\r\n\r\n")[2]
            while len(echo) < 5:
                piece = one.recv(5)
                self.assertTrue(piece, echo)
                echo += piece
            self.assertEqual(echo, b"HELLO")

    def test_http_leads_to_https_and_a_post_stays_one(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.plain, timeout=30)
        self.addCleanup(connection.close)
        connection.request("POST", "/oci?a=b", b"x=y", {"Host": "shop.example"})
        answer = connection.getresponse()
        self.assertEqual(answer.status, 308)
        self.assertRegex(answer.getheader("Location"), r"^https://shop\.example(:\d+)?/oci\?a=b$")

    def test_http2_reaches_the_shop_with_its_name(self):
        told = subprocess.run(
            ["curl", "--silent", "--show-error", "--http2", "--cacert", self.pem, "--noproxy", "*",
             "--connect-to", f"shop.example:443:127.0.0.1:{self.running.tls}", "--write-out", "\n%{http_version}",
             "https://shop.example/echo"], check=True, capture_output=True, text=True).stdout
        told, version = told.rsplit("\n", 1)
        self.assertEqual(version, "2")
        headers = {name.lower(): value for name, value in json.loads(told)["headers"]}
        self.assertEqual(headers["host"], "shop.example")


class BehindNginx(Behind, unittest.TestCase):
    front = fronts.Nginx


class BehindHAProxy(Behind, unittest.TestCase):
    front = fronts.HAProxy


class BehindApache(Behind, unittest.TestCase):
    front = fronts.Apache


class BehindCaddy(Behind, unittest.TestCase):
    front = fronts.Caddy


if __name__ == "__main__":
    unittest.main()
