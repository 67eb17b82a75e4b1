"""`init` in front of the real shop: address, account and one product, and what it writes makes the round trip."""

import subprocess
import unittest

import config
from journey import CONTROL, Journey, lines_of
from processes import WORK, Process, free_port
from shop import BUYER

LINES = [("Skrutrekker PH2 – rød/blå", "2.000", "49.900", "1"), ('Blåbærsyltetøy "Ærø" & Ørsted <250 g>', "3.000", "1234.560", "2")]
"""Description, quantity, price and item number: of the same shopping by the preset and by rules that were found."""


class Init(Journey):
    def written(self, name, *more):
        """The proxy by a file that `init` wrote, and what it said."""
        folder = WORK / f"init-{name}"
        folder.mkdir(exist_ok=True)
        (folder / "shop-password").write_text(BUYER[1], encoding="utf-8")
        (folder / "oci-password").write_text(config.PASSWORD, encoding="utf-8")
        port = free_port()
        command = [config.BINARY, "init", self.shop.address, "--account", BUYER[0], "--password-file", "shop-password"]
        command += ["--product", "/catalogue/x_1/", "--currency", "NOK", "--force", "--listen", f"127.0.0.1:{port}"]
        command += ["--buyer", config.USERNAME, "--buyer-password-file", "oci-password", "--hook", self.hook.origin]
        done = subprocess.run(command + list(more), cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("2 x Skrutrekker PH2", done.stdout)
        self.assertEqual(self.shop.basket(), [], "the article still lies in the basket")
        file = (folder / "proxy.toml").read_text(encoding="utf-8")
        for text in (file, done.stdout, done.stderr):
            self.assertNotIn(BUYER[1], text)
        proxy = Process("proxy", [config.BINARY, "run", "--config", "proxy.toml"], port, cwd=folder)
        proxy.entry = proxy.address + config.ENTRY
        self.addCleanup(proxy.end)
        return proxy, file

    def round_trip(self, proxy):
        browser = self.browser()
        self.punch_out(browser, proxy)
        self.assert_signed_in(browser, proxy)
        self.fill_basket(browser, proxy.address, [(1, 2), (2, 3)])
        self.checkout_control(browser).click()
        browser.wait(lambda: browser.url.startswith(self.hook.origin) and browser.all("#received"), "no cart arrived")
        [arrived] = self.hook.arrivals()
        lines, rest = lines_of(arrived["post"])
        read = [(line["DESCRIPTION"], line["QUANTITY"], line["PRICE"], line["VENDORMAT"]) for line in lines]
        self.assertEqual(read, LINES)
        self.assertEqual(rest, CONTROL)
        self.assertEqual(self.shop.orders(), 0)

    def test_the_platform_is_told(self):
        proxy, file = self.written("known")
        self.assertIn('preset = "django-oscar"', file)
        self.round_trip(proxy)

    def test_without_its_preset(self):
        """All rules are found from the pages, in the language that a machine without one gets."""
        proxy, file = self.written("unknown", "--no-preset")
        self.assertNotIn("preset =", file)
        self.round_trip(proxy)


if __name__ == "__main__":
    unittest.main()
