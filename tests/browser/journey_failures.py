"""What goes wrong is told: a page with a code, and a log line with the same code and the same reference."""

import re
import subprocess
import unittest
from urllib.parse import urlencode

import config
from journey import SCREENS, Journey
from processes import free_port
from raw import Raw
from shop import BUYER, Shop


def without_its_own(page):
    """A problem page without what differs from one answer to the next."""
    _, reference = config.told(page)
    return re.sub(r'nonce="[^"]*"', "", page.replace(reference, ""))


class Failures(Journey):
    def assert_told(self, proxy, page, code, cause=None):
        """The page's code, and its reference in one log line with it, or with the cause."""
        told, reference = config.told(page)
        self.assertEqual(told, code, page)
        cause = cause or code
        self.assertTrue(config.log_lines(proxy, cause, reference), f"no line with {cause} and {reference} in:\n{proxy.log}")
        self.assert_no_secret(proxy, BUYER[1], "wrong-password")

    def enter_in_vain(self, proxy, code, status, shown=True, **changes):
        """By GET and POST, raw and, when it is to be `shown`, in the browser; nobody is given anything of the shop's."""
        fields = config.call(self.hook.origin + config.HOOK_PATH, **changes)
        raw = Raw(proxy.address)
        answers = [raw.ask("POST", config.ENTRY, fields), raw.ask("GET", f"{config.ENTRY}?{urlencode(fields)}")]
        for answer in answers:
            self.assertEqual(answer.status, status)
            self.assert_told(proxy, answer.text, code)
            self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertEqual(raw.cookies, {}, "no session, and none of the shop's cookies")

        if shown:
            self.enter_in_vain_by_browser(proxy, code, changes)
        self.assertEqual(self.hook.arrivals(), [])
        return answers[0].text

    def enter_in_vain_by_browser(self, proxy, code, changes):
        browser = self.browser(script=False)
        for method in ("get", "post"):
            self.punch_out(browser, proxy, method, **changes)
            browser.wait(lambda: code in browser.source, f"no {code}")
            self.assert_told(proxy, browser.source, code)
            self.assertFalse(browser.all("a[href*='logout']"))
        SCREENS.mkdir(parents=True, exist_ok=True)
        browser.screenshot(SCREENS / f"problem-{code.lower()}.png")
        browser.close()

    def test_wrong_password_and_unknown_buyer_look_the_same(self):
        proxy = self.proxy()
        pages = []
        for changes in ({"PASSWORD": "wrong-password"}, {"USERNAME": "nobody"}, {"PASSWORD": ""}):
            with self.subTest(changes):
                page = self.enter_in_vain(proxy, "PO-ENTRY-REFUSED", 403, **changes)
                pages.append(without_its_own(page))
        self.assertEqual(len(set(pages)), 1, "the answers tell who is a buyer")

    def test_hook_not_allowed(self):
        proxy = self.proxy()
        origin, secret = self.hook.origin, config.HOOK_SECRET
        bare = origin.removeprefix("http://")
        for hook in (
            f"http://elsewhere.example/?sess={secret}",
            f"{origin}.evil.example/?sess={secret}",
            f"{origin}@evil.example/?sess={secret}",
            f"http://evil.example\\@{bare}/?sess={secret}",
            f"http://procurement.localhost:1/?sess={secret}",
            f"javascript:alert('{secret}')//{bare}",
            f"data:text/html,{secret}",
            "SAPEVENT:POST",
        ):
            with self.subTest(hook):
                self.enter_in_vain(proxy, "PO-HOOK-REFUSED", 403, shown=hook.startswith(origin), HOOK_URL=hook)

    def test_shop_down(self):
        proxy = self.proxy(origin=f"http://127.0.0.1:{free_port()}")
        self.enter_in_vain(proxy, "PO-SHOP-UNREACHABLE", 502)
        # A visitor is told the same.
        answer = Raw(proxy.address).ask("GET", "/catalogue/")
        self.assertEqual(answer.status, 502)
        self.assert_told(proxy, answer.text, "PO-SHOP-UNREACHABLE")

    def test_shop_goes_down_in_a_session(self):
        shop = Shop()
        self.addCleanup(shop.end)
        browser, proxy = self.browser(), self.proxy(origin=shop.address)
        self.punch_out(browser, proxy)
        self.assert_signed_in(browser, proxy)
        shop.end()
        browser.open(proxy.address + "/basket/")
        self.assert_told(proxy, browser.source, "PO-SHOP-UNREACHABLE")

    def test_sign_in_refused(self):
        proxy = self.proxy(account=(BUYER[0], "wrong-password"))
        self.enter_in_vain(proxy, "PO-SIGNIN-REFUSED", 502)

    def test_no_sign_in_form(self):
        proxy = self.proxy(sign_in={"page": "/catalogue/"})
        self.enter_in_vain(proxy, "PO-SIGNIN-FORM", 502)

    def refused_cart(self, findings, shopping=((1, 2),), **changes):
        """Both ways of returning: the control leads to a page that says what is wrong, and nothing is sent."""
        for way in ("page", "fresh"):
            for script in (True, False):
                with self.subTest(way=way, script=script):
                    self.shop.forget()
                    SCREENS.mkdir(parents=True, exist_ok=True)
                    browser, proxy = self.browser(script=script), self.proxy(way=way, **changes)
                    self.punch_out(browser, proxy)
                    self.assert_signed_in(browser, proxy)
                    self.fill_basket(browser, proxy.address, list(shopping))
                    self.checkout_control(browser).click()
                    browser.wait(lambda: "PO-CART-REFUSED" in browser.source, "no problem page")
                    shown = [finding for finding in findings if finding in browser.source]
                    self.assertTrue(shown, f"none of {findings} on the page")
                    self.assert_told(proxy, browser.source, "PO-CART-REFUSED", cause=shown[0])
                    browser.screenshot(SCREENS / f"problem-{shown[0].lower()}-{way}.png")
                    self.assertEqual(self.hook.arrivals(), [])
                    self.assertEqual(self.shop.orders(), 0)
                    browser.close()
                    proxy.end()

    def test_cart_rule_without_match(self):
        self.refused_cart(["PO-CART-NO-LINES"], cart={"line": "#basket_formset .no-such-line"})

    def test_a_line_without_its_name(self):
        self.refused_cart(["PO-LINE-VALUE-MISSING", "PO-FIELD-MISSING"], cart={"name": ".no-such-name"})

    def test_a_price_that_cannot_be_read(self):
        # The name has no digit in it: a price on request, to a reader of numbers.
        self.refused_cart(["PO-PRICE-UNREADABLE"], ((1, 2), (5, 1)), cart={"price": "h3 a", "total": "h3 a"})

    def test_a_stale_session(self):
        """Somebody else's cookie, or an old one: told, and nothing of it reaches the shop."""
        proxy = self.proxy()
        raw = Raw(proxy.address, {config.COOKIE: "AAAAAAAAAAAAAAAAAAAAAA"})
        answer = raw.ask("GET", "/_punchout/return")
        self.assertEqual(answer.status, 410)
        self.assert_told(proxy, answer.text, "PO-SESSION-OVER")


class Configuration(Journey):
    def test_our_own_configuration_passes_the_check(self):
        proxy = self.proxy()
        check = [str(config.BINARY), "check", "--config", str(proxy.config)]
        done = subprocess.run(check, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        proxy.config.write_text(proxy.config.read_text() + "\n[shop.carts]\n")
        for command in (check, [str(config.BINARY), "run", "--config", str(proxy.config)]):
            done = subprocess.run(command, capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 78, done.stdout + done.stderr)
            self.assertIn("carts", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
