"""The admin listener's console in Chromium: a punchout simulated from it, by window and by frame, and what it then shows."""

import os
import tempfile
import unittest
from pathlib import Path

import little_shop
from processes import LOGS, Driver, Process, free_port

SECRET = "a-password-for-the-simulation"


class Console(unittest.TestCase):
    def setUp(self):
        shop = little_shop.serve(little_shop.Shop)
        self.addCleanup(shop.server_close)
        self.addCleanup(shop.shutdown)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        port, admin = free_port(), free_port()
        self.console = f"http://127.0.0.1:{admin}/"
        self.proxy = f"http://127.0.0.1:{port}"
        file = Path(folder.name, "proxy.toml")
        file.write_text(f'''
listen = "127.0.0.1:{port}"
admin = "127.0.0.1:{admin}"
workers = 1
[shop]
origin = "http://127.0.0.1:{shop.server_port}"
start = "/cart"
{little_shop.RULES}[[buyer]]
name = "acme <b>"
password = "{SECRET}"
hooks = ["https://srm.acme.example"]
accounts = {{ strategy = "shared", username = "shopper", password = "shop-secret" }}
default_unit = "PCE"
''')
        self.running = Process("proxy", [os.environ["PUNCHOUT_PROXY"], "run", "--config", file], port)
        self.addCleanup(self.running.end)
        driver = Driver()
        self.addCleanup(driver.end)
        self.browser = driver.browser()
        self.addCleanup(self.browser.close)

    def simulate(self, shown_in):
        browser = self.browser
        browser.open(self.console)
        browser.find(f"[name=in][value={shown_in}]").click()
        browser.find("form[action='/simulator'] button").click()
        browser.find("[name=PASSWORD]").type(SECRET)
        browser.find("#punch-out").click()

    def test_a_punchout_is_simulated_and_what_arrived_is_judged(self):
        browser = self.browser
        self.simulate("window")
        browser.wait(lambda: browser.url.startswith(self.proxy + "/cart"), "no session")
        browser.open(self.console)
        self.assertRegex(browser.find("main").text, r"1 open.*\n.*\n[A-Z2-7]{8} acme <b> shopper 0 min shopping simulated")
        browser.open(self.proxy + "/cart")
        browser.find("button.checkout").click()
        verdict = browser.find("#verdict").text
        self.assertEqual(verdict, "1 lines, 0 findings: the buyer's system takes it")
        arrived = browser.find("main").text
        for part in ("NEW_ITEM-DESCRIPTION[1] Bor & sag", "NEW_ITEM-PRICE[1] 12.500"):
            self.assertIn(part, arrived)
        LOGS.mkdir(parents=True, exist_ok=True)
        browser.screenshot(LOGS.parent / "console-arrived.png", whole=True)

        browser.open(self.console)
        page = browser.find("main").text
        for part in ("acme <b>", "shop.cart.line", "0 open"):
            self.assertIn(part, page)
        for secret in (SECRET, "shop-secret"):
            self.assertNotIn(secret, browser.source)
        browser.find("details summary").click()
        self.assertIn("NEW_ITEM-QUANTITY[1]", browser.find("details").text)
        self.assertIn("2 hits and 0 misses", browser.find("svg[aria-label]").attribute("aria-label"))
        # Every control can be reached and has a name that is read out.
        nameless = browser.execute("""return [...document.querySelectorAll('input,select')]
            .filter(one => one.type != 'hidden' && !one.labels.length).length""")
        self.assertEqual(nameless, 0)
        self.assertEqual(browser.execute("return document.scripts.length"), 0)
        browser.screenshot(LOGS.parent / "console.png", whole=True)

    def test_a_frame_gets_its_cart_too_and_a_foreign_hook_stays_refused(self):
        browser = self.browser
        self.simulate("frame")
        frame = "document.querySelector('iframe').contentWindow"
        browser.wait(lambda: browser.execute(f"return {frame}.length === 0 && document.querySelector('iframe') !== null"), "no frame")
        # The shop is another origin to the console's page: what is in the frame is told by the console afterwards.
        browser._ask("POST", "/frame", {"id": 0})
        browser.find("button.checkout").click()
        self.assertIn("takes it", browser.find("#verdict").text)
        browser._ask("POST", "/frame", {"id": None})
        browser.execute("""const form = document.querySelector('form');
            form.target = '_self';
            form.querySelector('[name=HOOK_URL]').value += 'x';""")
        browser.find("[name=PASSWORD]").clear()
        browser.find("[name=PASSWORD]").type(SECRET)
        browser.find("#punch-out").click()
        browser.wait(lambda: "PO-HOOK-REFUSED" in browser.source, "a hook that was never made is allowed")


if __name__ == "__main__":
    unittest.main()
