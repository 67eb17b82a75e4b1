"""A cart of 5 MB with 1,000 lines streams through a session: the first byte comes while the shop still writes, and the
proxy's resident memory grows by less than 8 MiB, all 7,000 fields of the hand-over form included."""

import http.client
import pathlib
import re
import sys
import time
import unittest

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "memory"), str(TESTS / "browser")]

import config  # noqa: E402
import raw  # noqa: E402

import big_shop  # noqa: E402

MIB = 1024 * 1024
HOOK = "http://procurement.localhost:1/hook"


class Stream(unittest.TestCase):
    def setUp(self):
        self.shop = big_shop.Server()
        self.addCleanup(self.shop.server_close)
        self.addCleanup(self.shop.shutdown)
        self.proxy = config.Proxy(
            self.shop.address,
            [HOOK.removesuffix("/hook")],
            account=(big_shop.USER, big_shop.PASSWORD),
            **big_shop.RULES,
            deny={"paths": ["/checkout/**"]},
            form={"max_inputs": 20_000},
        )
        self.addCleanup(self.proxy.end)
        self.session = raw.Raw(self.proxy.address)
        answer = self.session.ask("POST", config.ENTRY, config.call(HOOK))
        self.assertEqual(answer.status, 303, answer.text)
        self.assertIn(config.COOKIE, self.session.cookies)

    def memory(self, key):
        """In bytes, of /proc's VmRSS or VmHWM."""
        status = pathlib.Path(f"/proc/{self.proxy.pid}/status").read_text()
        return int(re.search(rf"{key}:\s+(\d+) kB", status).group(1)) * 1024

    def forget_the_peak(self):
        """VmHWM starts again from VmRSS (proc(5), clear_refs)."""
        pathlib.Path(f"/proc/{self.proxy.pid}/clear_refs").write_text("5")

    def read_cart(self, target):
        """The page, when its first byte came and when its last, by the monotonic clock."""
        connection = http.client.HTTPConnection(self.session.authority, timeout=60)
        cookies = "; ".join(f"{name}={value}" for name, value in self.session.cookies.items())
        connection.request("GET", target, headers={"Cookie": cookies, "Accept": "text/html"})
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        page, first = [], None
        while piece := answer.read1(65536):
            first = first or time.monotonic()
            page.append(piece)
        connection.close()
        return b"".join(page).decode(), first, time.monotonic()

    def test_a_cart_of_5_mb(self):
        # Once with a cart of the same size: threads, pools and the allocator's arenas are there from now on.
        self.read_cart("/cart")
        time.sleep(0.5)
        self.forget_the_peak()
        before = self.memory("VmRSS")
        page, first, last = self.read_cart("/cart?slow=1")
        peak = self.memory("VmHWM")

        self.assertGreater(len(page.encode()), big_shop.SIZE)
        self.assertLess(first + big_shop.SECONDS / 2, self.shop.finished, "the first byte waited for the shop")
        self.assertLess(last - self.shop.finished, 2, "the rest came late")
        print(f"\nnote: first byte {self.shop.finished - first:.1f} s before the shop had finished")
        print(f"note: resident {before / MIB:.1f} MiB, at most {peak / MIB:.1f} MiB while the cart passed")
        self.assertLess(peak - before, 8 * MIB)
        self.assert_every_line(page)

    def test_growth_over_many_carts(self):
        """Ten more carts leave nothing behind."""
        for _ in range(3):
            self.read_cart("/cart")
        before = self.memory("VmRSS")
        for _ in range(10):
            self.read_cart("/cart")
        after = self.memory("VmRSS")
        print(f"\nnote: resident {before / MIB:.1f} MiB, after ten more carts {after / MIB:.1f} MiB")
        self.assertLess(after - before, 8 * MIB)

    def assert_every_line(self, page):
        fields = dict(re.findall(r'<input type="hidden" name="(NEW_ITEM-[^"]+)" value="([^"]*)"', page))
        for number in range(1, big_shop.LINES + 1):
            self.assertEqual(fields[f"NEW_ITEM-VENDORMAT[{number}]"], f"B-{number:04}")
            self.assertEqual(fields[f"NEW_ITEM-QUANTITY[{number}]"], f"{number}.000")
            self.assertEqual(fields[f"NEW_ITEM-PRICE[{number}]"], f"{number}.250")
            self.assertEqual(fields[f"NEW_ITEM-DESCRIPTION[{number}]"], f"Bolt M{number} &quot;galvanisert&quot;")
        self.assertNotIn(f"NEW_ITEM-VENDORMAT[{big_shop.LINES + 1}]", fields)
        self.assertNotIn("href='/checkout'", page)


if __name__ == "__main__":
    unittest.main()
