"""slowhttptest against the proxy with two workers: slow heads, slow bodies and slow readers, some seconds each, while a
visitor and a buyer ask for pages. Nobody waits, and what is slow is cut off or left to its time-out."""

import http.client
import pathlib
import resource
import socket
import subprocess
import sys
import time
import unittest

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "memory"), str(TESTS / "browser")]

import config  # noqa: E402
import raw  # noqa: E402

import big_shop  # noqa: E402

HOOK = "http://procurement.localhost:1/hook"
SECONDS = 6
# Long for a page of some bytes, far below any time-out that ends a slow client.
AT_ONCE = 3
LEFT = 10_000


class Shop(big_shop.Server):
    # Python's own is 5, and what does not fit waits for the kernel's next try, seconds later.
    request_queue_size = 512

    def handle_error(self, *_):
        """Attackers hang up: nothing to tell."""


class Slow(unittest.TestCase):
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]

    def setUp(self):
        self.shop = Shop()
        self.addCleanup(self.shop.server_close)
        self.addCleanup(self.shop.shutdown)
        self.proxy = config.Proxy(
            self.shop.address,
            [HOOK.removesuffix("/hook")],
            account=(big_shop.USER, big_shop.PASSWORD),
            shop={"start": "/"},
            sign_in={
                "page": "/login",
                "fields": {"user": "{username}", "password": "{password}"},
                "success": {"element": "a[href='/logout']"},
            },
            cart={
                "page": "/cart",
                "line": "#cart tr.line",
                "name": ".name a",
                "quantity": "input.quantity@value",
                "price": ".price",
                "checkout": "a.checkout",
                "max_lines": 2000,
            },
            deny={"paths": ["/checkout/**"]},
            top={"http2_cleartext": True},
        )
        self.addCleanup(self.proxy.end)
        self.host, self.port = self.proxy.address.removeprefix("http://").rsplit(":", 1)
        self.buyer = raw.Raw(self.proxy.address)
        self.assertEqual(self.buyer.ask("POST", config.ENTRY, config.call(HOOK)).status, 303)

    def a_visitor_and_the_buyer_are_served(self):
        connection = http.client.HTTPConnection(self.host, int(self.port), timeout=20)
        connection.request("GET", "/login")
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        answer.read()
        connection.close()
        self.assertEqual(self.buyer.ask("GET", "/").status, 200)

    def attack(self, *options, path="/"):
        """The attack, and how long a visitor and the buyer waited meanwhile, at the longest."""
        command = ["slowhttptest", *options, "-c", "300", "-r", "300", "-l", str(SECONDS), "-v", "1"]
        return self.attacked_by(command + ["-u", self.proxy.address + path])

    def attacked_by(self, command):
        attacker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(attacker.stdout.close)
        self.addCleanup(attacker.wait)
        self.addCleanup(attacker.kill)
        longest, asked = 0, 0
        time.sleep(1)
        while attacker.poll() is None and asked < 500:
            begin = time.monotonic()
            self.a_visitor_and_the_buyer_are_served()
            longest, asked = max(longest, time.monotonic() - begin), asked + 1
            time.sleep(0.1)
        said, _ = attacker.communicate(timeout=SECONDS * 4)
        self.assertGreater(asked, 5, "the attack lasted long enough to be noticed")
        self.assertLess(longest, AT_ONCE)
        return said

    def test_http_2_without_a_pause(self):
        command = ["h2load", "-D", str(SECONDS), "-c", "10", "-m", "10", "-p", "h2c", self.proxy.address + "/login"]
        said = self.attacked_by(command)
        self.assertRegex(said, r"requests: [1-9]\d* total", said)
        self.assertRegex(said, r" 0 failed, 0 errored, 0 timeout", said)

    def test_slow_heads(self):
        self.attack("-H", "-i", "1")

    def test_slow_bodies_of_catalog_calls(self):
        self.attack("-B", "-i", "1", path=config.ENTRY)

    def test_slow_readers(self):
        self.attack("-X", "-w", "1", "-y", "16", "-n", "1", "-z", "5", "-c", "100", path="/cart")

    def test_ten_thousand_connections_opened_and_left(self):
        """All that it takes at a time, in two waves; after each a visitor and the buyer are served at once."""
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(LEFT + 1000, self.files), self.files))
        left = []
        self.addCleanup(lambda: [one.close() for one in left])
        for wave in range(2):
            for _ in range(LEFT // 2):
                left.append(socket.create_connection((self.host, int(self.port)), timeout=20))
            begin = time.monotonic()
            self.a_visitor_and_the_buyer_are_served()
            self.assertLess(time.monotonic() - begin, AT_ONCE, f"after {len(left)} connections")


if __name__ == "__main__":
    unittest.main()
