"""slowhttptest against the proxy with two workers: slow heads, slow bodies and slow readers, some seconds each, while
visitors (in clear and over TLS) and a buyer ask for pages. Nobody waits, and what is slow is cut off or left to its
time-out."""

import http.client
import pathlib
import resource
import socket
import ssl
import subprocess
import sys
import time
import unittest

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "memory"), str(TESTS / "browser")]

import config  # noqa: E402
import raw  # noqa: E402
from processes import free_port  # noqa: E402

import big_shop  # noqa: E402

HOOK = "http://procurement.localhost:1/hook"
SECONDS = 6
# Long for a page of some bytes, far below any time-out that ends a slow client.
AT_ONCE = 3
LEFT = 10_000
PAIR = TESTS / "common" / "tls" / "shop"


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
        self.port_of_tls = free_port()
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
            top={
                "http2_cleartext": True,
                "listen_tls": f"127.0.0.1:{self.port_of_tls}",
                "tls": [{"certificate": f"{PAIR}.pem", "key": f"{PAIR}.key"}],
            },
        )
        self.addCleanup(self.proxy.end)
        self.host, self.port = self.proxy.address.removeprefix("http://").rsplit(":", 1)
        self.buyer = raw.Raw(self.proxy.address)
        self.assertEqual(self.buyer.ask("POST", config.ENTRY, config.call(HOOK)).status, 303)

    def visitors_and_the_buyer_are_served(self):
        # What they are shown is no matter of this test.
        anybody = ssl._create_unverified_context()
        for connection in (
            http.client.HTTPConnection(self.host, int(self.port), timeout=20),
            http.client.HTTPSConnection(self.host, self.port_of_tls, timeout=20, context=anybody),
        ):
            connection.request("GET", "/login")
            answer = connection.getresponse()
            self.assertEqual(answer.status, 200)
            answer.read()
            connection.close()
        self.assertEqual(self.buyer.ask("GET", "/").status, 200)

    @property
    def over_tls(self):
        return f"https://{self.host}:{self.port_of_tls}"

    def attack(self, *options, path="/", address=None):
        """The attack, and how long visitors and the buyer waited meanwhile, at the longest."""
        command = ["slowhttptest", *options, "-c", "300", "-r", "300", "-l", str(SECONDS), "-v", "1"]
        return self.attacked_by(command + ["-u", (address or self.proxy.address) + path])

    def attacked_by(self, command):
        attacker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(attacker.stdout.close)
        self.addCleanup(attacker.wait)
        self.addCleanup(attacker.kill)
        longest, asked = 0, 0
        time.sleep(1)
        while attacker.poll() is None and asked < 500:
            begin = time.monotonic()
            self.visitors_and_the_buyer_are_served()
            longest, asked = max(longest, time.monotonic() - begin), asked + 1
            time.sleep(0.1)
        said, _ = attacker.communicate(timeout=SECONDS * 4)
        self.assertGreater(asked, 5, "the attack lasted long enough to be noticed")
        self.assertLess(longest, AT_ONCE)
        return said

    def test_http_2_without_a_pause(self):
        for address in (["-p", "h2c", self.proxy.address + "/login"], [self.over_tls + "/login"]):
            said = self.attacked_by(["h2load", "-D", str(SECONDS), "-c", "10", "-m", "10", *address])
            self.assertRegex(said, r"requests: [1-9]\d* total", said)
            self.assertRegex(said, r" 0 failed, 0 errored, 0 timeout", said)

    def test_slow_heads(self):
        for address in (self.proxy.address, self.over_tls):
            self.attack("-H", "-i", "1", address=address)

    def test_slow_bodies_of_catalog_calls(self):
        self.attack("-B", "-i", "1", path=config.ENTRY)

    def test_slow_readers(self):
        self.attack("-X", "-w", "1", "-y", "16", "-n", "1", "-z", "5", "-c", "100", path="/cart")

    def test_ten_thousand_connections_opened_and_left(self):
        """All that it takes at a time, half of them where a handshake is due; after each wave visitors and the buyer are
        served at once. Nearly all stay open: who comes makes those go that were quiet the longest, and no others."""
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(LEFT + 1000, self.files), self.files))
        left = []
        self.addCleanup(lambda: [one.close() for one in left])
        for port in (int(self.port), self.port_of_tls):
            for _ in range(LEFT // 2):
                left.append(socket.create_connection((self.host, port), timeout=20))
            begin = time.monotonic()
            self.visitors_and_the_buyer_are_served()
            self.assertLess(time.monotonic() - begin, AT_ONCE, f"after {len(left)} connections")
            still_open = sum(map(is_open, left))
            self.assertGreater(still_open, len(left) - 100, f"of {len(left)}")


def is_open(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


if __name__ == "__main__":
    unittest.main()
