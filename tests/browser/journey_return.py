"""The whole round: from the procurement system into the real shop, and back with the cart."""

import json
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from urllib.parse import parse_qsl

import config
from journey import CONTROL, LINES, SCREENS, SHOPPING, Journey, lines_of
from processes import TESTS, WORK
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

    def test_what_was_recorded_is_replayed_and_the_cart_is_sent_again(self):
        keep = Path(tempfile.mkdtemp(prefix="kept-", dir=WORK))
        self.addCleanup(shutil.rmtree, keep)
        top = {"audit.file": str(keep / "returns.jsonl"), "record.folder": str(keep / "records")}
        browser, proxy = self.browser(), self.proxy(top=top)
        self.punch_out(browser, proxy)
        # Until then the browser is on its way, and would leave the page that is opened next.
        self.assert_signed_in(browser, proxy)
        self.fill_basket(browser, proxy.address)
        secrets = [cookie["value"] for cookie in browser.cookies] + [*BUYER, config.PASSWORD, config.HOOK_SECRET]
        secrets.append(browser.find("#basket_formset [name=csrfmiddlewaretoken]").attribute("value"))
        self.checkout_control(browser).click()
        browser.find("#received")
        [first] = self.hook.arrivals()
        proxy.end()

        record = max((keep / "records").iterdir())
        kept = "".join((record / name).read_text(encoding="utf-8") for name in ("record.toml", "cart.html"))
        for secret in secrets:
            for form in config.spellings(secret):
                self.assertNotIn(form, kept)
        self.assertIn("Skrutrekker PH2 – rød/blå", kept)
        same = self.command("replay", record, "--config", proxy.config)
        self.assertEqual(same.returncode, 0, same.stdout + same.stderr)
        changed = keep / "changed.toml"
        changed.write_text(proxy.config.read_text(encoding="utf-8").replace('"PCE"', '"EA"'), encoding="utf-8")
        other = self.command("replay", record, "--json", "--config", changed)
        self.assertEqual(other.returncode, 1, other.stdout + other.stderr)
        differences = json.loads(other.stdout)["differences"]
        fields = [(one["line"], one["name"], one["was"], one["is"]) for one in differences if one["what"] == "field"]
        self.assertEqual(fields, [(line, "UNIT", "PCE", "EA") for line in (1, 2, 3)])
        self.assertFalse([one for one in differences if one["what"] not in ("field", "finding-new", "finding-gone")])

        reference = self.command("returns", "--config", proxy.config).stdout.splitlines()[-1].split("  ")[1]
        again = keep / "again.html"
        again.write_text(self.command("returns", "--form", reference, "--config", proxy.config).stdout, encoding="utf-8")
        browser.open(again.as_uri())
        browser.find("#again button").click()
        browser.wait(lambda: browser.all("#received"), "the cart did not arrive again")
        [second] = self.hook.arrivals()
        self.assertEqual((second["query"], second["post"]), (first["query"], first["post"]))

    def command(self, *words):
        return subprocess.run([config.BINARY, *words], capture_output=True, text=True)

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
