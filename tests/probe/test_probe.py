"""The probe's raw-byte cases against the proxy as shipped: for a visitor, and for a buyer inside a session.

Nothing may fail for either."""

import json
import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "browser")]

import config  # noqa: E402
import raw  # noqa: E402
from processes import WORK, free_port  # noqa: E402

HOOK = "http://procurement.localhost:1/hook"
MOST_WEAK = 8


class Probe(unittest.TestCase):
    def setUp(self):
        self.origin = free_port()
        self.proxy = config.Proxy(
            f"http://127.0.0.1:{self.origin}",
            [HOOK.removesuffix("/hook")],
            accounts={"strategy": "guest"},
            # What every page of a session gets would hide what else is changed.
            buyer={"bar": False},
            # The probe compares the bytes on the wire, and takes no other coding of the same page for the page.
            top={"compress": False},
            shop={"start": "/"},
            sign_in={"page": "/login", "fields": {"user": "{username}", "password": "{password}"}, "success": {"element": "a.logout"}},
            cart={
                "page": "/cart",
                "line": "tr.cart-line",
                "name": "a.name",
                "quantity": "input.quantity@value",
                "price": ".price",
                "checkout": "button.checkout",
            },
            deny={"paths": ["/checkout/**"]},
        )
        self.addCleanup(self.proxy.end)

    def probe(self, *options):
        """What became of each case, by its name."""
        results = WORK / f"probe-{self.origin}.json"
        address = self.proxy.address.removeprefix("http://")
        command = [sys.executable, HERE / "probe.py", "-q", "--proxy", address, "--origin-port", str(self.origin)]
        done = subprocess.run(
            [*command, "--json", results, *options], capture_output=True, text=True, timeout=300, check=False
        )
        self.assertTrue(results.exists(), done.stdout + done.stderr)
        cases = json.loads(results.read_text())["cases"]
        self.assertGreater(len(cases), 380, "all of it ran")
        return cases, done.stdout

    def named(self, cases, result):
        return {case["name"] for case in cases if case["result"] == result}

    def test_a_visitor(self):
        cases, said = self.probe()
        self.assertEqual(self.named(cases, "FAIL"), set(), said)
        self.assertLessEqual(len(self.named(cases, "WEAK")), MOST_WEAK, said)

    def test_a_buyer_in_a_session(self):
        buyer = raw.Raw(self.proxy.address)
        self.assertEqual(buyer.ask("POST", config.ENTRY, config.call(HOOK)).status, 303)
        cookie = f"{config.COOKIE}={buyer.cookies[config.COOKIE]}"
        cases, said = self.probe("--send", f"Cookie: {cookie}")
        self.assertEqual(self.named(cases, "FAIL"), set(), said)
        self.assertLessEqual(len(self.named(cases, "WEAK")), MOST_WEAK, said)


if __name__ == "__main__":
    unittest.main()
