"""Beside the shop, not in its place: django-oscar serves under its own name alone, and browsers know it by another.

The name is one that no browser could resolve: an address of the shop's that reaches one unmapped leads nowhere.
"""

import functools
import unittest

from journey import LINES, SCREENS, SHOPPING, Journey, lines_of
from raw import Raw
from shop import Shop

HOST = "shop.test"
PASSWORD = "Ganske-hemmelig-7"
ADDRESS = {
    "first_name": "Åse",
    "last_name": "Ødegård",
    "line1": "Storgata 1",
    "line4": "Bergen",
    "postcode": "5003",
}


@functools.cache
def the_named_shop():
    return Shop(HOST)


class Name(Journey):
    def setUp(self):
        super().setUp()
        self.shop = the_named_shop()
        self.before = len(self.shop.log)

    def proxy(self, **changes):
        shop = {"preset": "django-oscar", "host": [self.shop.authority, HOST]}
        return super().proxy(public="http://127.0.0.1:{port}", shop=shop, **changes)

    def assert_under_our_name(self, browser, proxy):
        """The page with all it consists of, and the browser's cookies."""
        self.assertTrue(browser.url.startswith(proxy.address + "/"), browser.url)
        loaded = browser.execute(
            "return performance.getEntriesByType('resource').map(one => [one.name, one.responseStatus])"
        )
        self.assertEqual([address for address, _ in loaded if HOST in address], [])
        files = {address: status for address, status in loaded if address.startswith(proxy.address + "/static/")}
        self.assertTrue(files, f"a page of this shop has files: {loaded}")
        self.assertEqual(set(files.values()), {200}, files)
        self.assertTrue(browser.execute("return document.styleSheets.length > 0"))
        addresses = browser.execute(
            "return [...document.querySelectorAll('[href],[src],[action]')]"
            ".map(one => one.href || one.src || one.action).map(String)"
        )
        self.assertEqual([one for one in addresses if HOST in one], [])
        self.assertEqual({one["domain"] for one in browser.cookies} - {"127.0.0.1"}, set())

    def submit(self, browser, button, **fields):
        for selector, text in fields.items():
            field = browser.find(f"[name={selector}]")
            field.clear()
            field.type(text)
        browser.find(button).click()

    def test_the_shop_insists_on_its_name(self):
        """Else the other tests would prove nothing."""
        self.assertEqual(Raw(self.shop.address).ask("GET", "/").status, 400)
        page = Raw(self.shop.address).ask("GET", "/accounts/login/", headers={"Host": self.shop.authority})
        self.assertIn(f'"http://{self.shop.authority}/static/', page.text)
        self.assertIn(f"Domain={HOST}", page.headers["Set-Cookie"])

    def test_a_visitor_registers_and_orders(self):
        browser, proxy = self.browser(languages="en-GB,en"), self.proxy()
        browser.open(proxy.address + "/accounts/login/")
        self.assert_under_our_name(browser, proxy)
        mail = f"kunde-{proxy.port}@besok.example"
        fields = [("registration-email", mail), ("registration-password1", PASSWORD), ("registration-password2", PASSWORD)]
        for name, text in fields:
            browser.find(f"[name={name}]").type(text)
        browser.find("[name=registration_submit]").click()
        # A form that comes from elsewhere is a 403 in this shop.
        browser.find("a[href*='logout']")
        self.assert_under_our_name(browser, proxy)
        # Not signed in at the shop's name, which the browser never met.
        browser.find("a[href*='logout']").click()
        browser.open(proxy.address + "/accounts/login/")
        browser.find("[name=login-username]").type(mail)
        browser.find("[name=login-password]").type(PASSWORD)
        browser.find("[name=login_submit]").click()
        browser.find("a[href*='logout']")
        self.fill_basket(browser, proxy.address, SHOPPING[:2])
        self.assert_under_our_name(browser, proxy)
        SCREENS.mkdir(parents=True, exist_ok=True)
        browser.screenshot(SCREENS / "name-visitor-cart.png", whole=True)
        self.checkout_control(browser).click()
        self.submit(browser, "#new_shipping_address [type=submit]", **ADDRESS)
        self.assert_under_our_name(browser, proxy)
        # One way to ship and nothing to pay: the shop itself goes on from page to page, by redirects.
        browser.wait(lambda: "/checkout/shipping" not in browser.url, "the address was not taken")
        if "/checkout/payment-details/" in browser.url:
            browser.find("#view_preview").click()
        browser.find("#place-order").click()
        browser.wait(lambda: "/checkout/thank-you/" in browser.url, "no thanks for the order")
        self.assert_under_our_name(browser, proxy)
        self.assertEqual(self.shop.orders(), 1)

    def go(self, way):
        browser, proxy = self.browser(), self.proxy(way=way)
        self.punch_out(browser, proxy)
        self.assert_signed_in(browser, proxy)
        self.assert_under_our_name(browser, proxy)
        self.fill_basket(browser, proxy.address)
        self.assert_under_our_name(browser, proxy)
        browser.screenshot(SCREENS / f"name-{way}-cart.png", whole=True)
        self.checkout_control(browser).click()
        browser.wait(lambda: browser.url.startswith(self.hook.origin) and browser.all("#received"), "no cart arrived")
        [arrived] = self.hook.arrivals()
        self.assertEqual(lines_of(arrived["post"])[0], LINES)
        self.assertEqual(self.shop.orders(), 0)

    def test_a_buyer_returns_with_the_cart_page(self):
        SCREENS.mkdir(parents=True, exist_ok=True)
        self.go("page")

    def test_a_buyer_returns_with_the_cart_read_anew(self):
        SCREENS.mkdir(parents=True, exist_ok=True)
        self.go("fresh")


if __name__ == "__main__":
    unittest.main()
