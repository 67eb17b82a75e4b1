"""The whole round: from the procurement system into the real shop, and back with the cart."""

import json
import shutil
import subprocess
import unittest
from urllib.parse import parse_qsl

import config
from journey import CONTROL, LINES, SCREENS, SHOPPING, Journey, lines_of
from processes import TESTS
from shop import BUYER


class Return(Journey):
    def go(self, way, method, script):
        # GET in English, POST in Norwegian: the shop prints its prices by the browser's language.
        browser = self.browser(script=script, languages="en-US,en" if method == "get" else "nb-NO,nb")
        proxy = self.proxy(way=way)
        self.punch_out(browser, proxy, method)
        self.assert_signed_in(browser, proxy)
        cookies = [cookie["value"] for cookie in browser.cookies]
        self.fill_basket(browser, proxy.address)

        name = f"{way}-{method}-{'script' if script else 'plain'}"
        SCREENS.mkdir(parents=True, exist_ok=True)
        browser.screenshot(SCREENS / f"{name}-cart.png", whole=True)
        self.checkout_control(browser).click()
        self.arrive(browser, proxy, way, script)
        browser.screenshot(SCREENS / f"{name}-hook.png")

        arrived = self.hook.arrivals()
        self.assertEqual(len(arrived), 1, "the cart is sent once")
        self.assert_right(arrived[0])
        self.assertEqual(self.shop.orders(), 0)
        self.assert_no_secret(proxy, BUYER[1], *cookies)
        self.assertTrue(config.log_lines(proxy, "acme"), "the log tells that the buyer came")

    def arrive(self, browser, proxy, way, script):
        at_hook = lambda: browser.url.startswith(self.hook.origin) and browser.all("#received")
        if way == "fresh" and not script:
            # Without script our page cannot send itself: it has a button.
            at_ours = lambda: browser.url.startswith(f"{proxy.address}/_punchout/")
            browser.wait(at_ours, "the control does not lead to the return page")
            browser.find(f"form[action^='{self.hook.origin}'] :is(button, [type=submit])").click()
        browser.wait(at_hook, "the cart did not arrive")

    def assert_right(self, arrived):
        self.assertEqual(arrived["method"], "POST")
        self.assertEqual(arrived["query"], config.HOOK_QUERY, "HOOK_URL's own query is kept")
        self.assertEqual(arrived["type"], "application/x-www-form-urlencoded")
        lines, rest = lines_of(arrived["post"])
        self.assertEqual(lines, LINES)
        self.assertEqual(rest, CONTROL)
        self.assert_same_to_node(arrived)

    def assert_same_to_node(self, arrived):
        """Where Node is at hand its parser must have read the same, field by field."""
        pairs = parse_qsl(arrived["raw"], keep_blank_values=True, strict_parsing=True)
        if shutil.which("node"):
            command = ["node", TESTS / "hook/fields.mjs"]
            read = subprocess.run(command, input=arrived["raw"], capture_output=True, text=True, check=True)
            self.assertEqual([tuple(pair) for pair in json.loads(read.stdout)], pairs)
        names = [name for name, _ in pairs]
        self.assertEqual(len(names), len(set(names)), "no name twice")
        for number, line in enumerate(LINES, start=1):
            for field, value in line.items():
                self.assertIn((f"NEW_ITEM-{field}[{number}]", value), pairs)

    def test_latin_1(self):
        """The buyer's system reads ISO-8859-1: the form's bytes are its."""
        browser, proxy = self.browser(), self.proxy()
        self.punch_out(browser, proxy, http_content_charset="iso-8859-1")
        self.assert_signed_in(browser, proxy)
        self.fill_basket(browser, proxy.address, SHOPPING[1:])
        self.checkout_control(browser).click()
        browser.find("#received")
        pairs = parse_qsl(self.hook.arrivals()[0]["raw"], encoding="iso-8859-1", strict_parsing=True, keep_blank_values=True)
        for number, line in enumerate(LINES[1:], start=1):
            self.assertIn((f"NEW_ITEM-DESCRIPTION[{number}]", line["DESCRIPTION"]), pairs)

    def test_a_second_punchout_replaces_the_first(self):
        browser, proxy = self.browser(), self.proxy()
        for caller in ("FIRST", "SECOND"):
            self.punch_out(browser, proxy, **{"~CALLER": caller})
            self.assert_signed_in(browser, proxy)
        self.fill_basket(browser, proxy.address, SHOPPING[:1])
        self.checkout_control(browser).click()
        browser.find("#received")
        self.assertEqual([one["post"]["~CALLER"] for one in self.hook.arrivals()], ["SECOND"])


def _every_way():
    for way in ("page", "fresh"):
        for method in ("get", "post"):
            for script in (True, False):

                def test(self, way=way, method=method, script=script):
                    self.go(way, method, script)

                name = f"test_{way}_from_{method}_{'with' if script else 'without'}_script"
                setattr(Return, name, test)


_every_way()

if __name__ == "__main__":
    unittest.main()
