"""EverShop, as it comes from npm, behind the proxy with the preset evershop-2. Run by tests/evershop/run."""

import json
import os
import subprocess
import sys
import unittest
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "browser"))

import config  # noqa: E402
from journey import SCREENS, Journey, lines_of, the_hook  # noqa: E402

SHOP = f"http://127.0.0.1:{os.environ['SHOP_PORT']}"
PROXY_PORT = int(os.environ["PROXY_PORT"])
EMAIL, SECRET = "innkjop@acme.example", "Hemmelig1234"

# EverShop's own names, of 2.2: the button on the cart page, and the one in the drawer that opens beside any page.
CART_BUTTON, DRAWER_BUTTON = ".shopping-cart-checkout-btn button", ".minicart__checkout__button"


def ask(path, body, token=None):
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(SHOP + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["data"]


def orders():
    command = ["psql", "-h", os.environ["DB_HOST"], "-p", os.environ["DB_PORT"], "-U", "postgres", "-At", "-c", 'select count(*) from "order"', "evershop"]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def setUpModule():
    """One article and one customer, by the shop's own API."""
    token = ask("/api/user/tokens", {"email": "admin@shop.example", "password": SECRET})["accessToken"]
    article = {"name": "Skrue 4x40", "sku": "SKR-001", "url_key": "skrue", "price": 12.5, "qty": 1000, "weight": 1, "group_id": 1}
    switches = {"type": "simple", "status": 1, "visibility": 1, "manage_stock": 0, "stock_availability": 1, "no_shipping_required": True}
    ask("/api/products", article | switches, token)
    ask("/api/customers", {"email": EMAIL, "password": SECRET, "full_name": "Innkjøp"})


class EverShop(Journey):
    def setUp(self):
        self.hook = the_hook()
        self.hook.arrivals()
        SCREENS.mkdir(parents=True, exist_ok=True)
        self.assertEqual(orders(), 0)

    def enter(self, **shop):
        # The shop's pages name this address.
        config.free_port = lambda: PROXY_PORT
        changes = {"shop": {"preset": "evershop-2", **shop}, "way": "fresh", "accounts": [(EMAIL, SECRET)]}
        self.proxy_running = self.proxy(SHOP, **changes)
        browser = self.browser(languages="en-US,en")
        self.punch_out(browser, self.proxy_running)
        browser.find("#punchout-bar")
        return browser

    def put_into_cart(self, browser, quantity):
        """As a person does it; then the drawer with the cart opens."""
        browser.open(f"{self.proxy_running.address}/skrue")
        field = browser.find("#field-qty")
        field.clear()
        field.type(str(quantity))
        [button] = [one for one in browser.all("button") if one.text == "Add to cart"]
        button.click()
        browser.find(DRAWER_BUTTON)

    def assert_returned(self, browser, quantity):
        browser.wait(lambda: browser.url.startswith(self.hook.origin), "the cart did not come back")
        [arrival] = self.hook.arrivals()
        [line], _ = lines_of(arrival["post"])
        found = {name: line[name] for name in ("VENDORMAT", "DESCRIPTION", "QUANTITY", "PRICE", "CURRENCY")}
        expected = {"VENDORMAT": "SKR-001", "DESCRIPTION": "Skrue 4x40", "PRICE": "12.500", "CURRENCY": "NOK"}
        self.assertEqual(found, {**expected, "QUANTITY": f"{quantity}.000"})
        self.assertEqual(orders(), 0)
        self.assertTrue(config.log_lines(self.proxy_running, "the cart was emptied after the session", seconds=10))

    def test_the_button_on_the_cart_page_returns_the_cart(self):
        browser = self.enter()
        self.put_into_cart(browser, 2)
        browser.open(f"{self.proxy_running.address}/cart")
        browser.find(CART_BUTTON)
        browser.screenshot(SCREENS / "evershop-cart.png")
        browser.find(CART_BUTTON).click()
        self.assert_returned(browser, 2)

    def test_the_button_in_the_drawer_returns_the_cart(self):
        browser = self.enter()
        self.put_into_cart(browser, 3)
        browser.screenshot(SCREENS / "evershop-drawer.png")
        browser.find(DRAWER_BUTTON).click()
        self.assert_returned(browser, 3)

    def test_without_our_script_the_button_runs_the_shops(self):
        """Else the journeys before would prove little. The server closes its way."""
        browser = self.enter(hydrated=False)
        self.put_into_cart(browser, 1)
        browser.find(DRAWER_BUTTON).click()
        browser.wait(lambda: browser.url == f"{self.proxy_running.address}/cart", "not sent back to the cart")
        self.assertTrue(config.log_lines(self.proxy_running, "denied in a punchout session", 'path="/checkout"'))
        self.assertEqual(self.hook.arrivals(), [])

    def test_its_checkout_cannot_be_reached(self):
        browser = self.enter()
        self.put_into_cart(browser, 1)
        here = self.proxy_running.address
        for address in ("/checkout", "/checkout/", "/Checkout", "//checkout", "/checkout/success/1"):
            browser.open(here + address)
            self.assertEqual(browser.url, f"{here}/cart", address)
        cart = browser.execute("return /\\/api\\/cart\\/([0-9a-f-]{36})\\/items/.exec(document.documentElement.outerHTML)[1]")
        ask = """const [path, body, done] = arguments;
            fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
              .then((answer) => done(answer.status));"""
        for path, body in {
            f"/api/carts/{cart}/checkout": {},
            f"/api/carts/{cart}/paymentMethods": {"method_code": "cod", "method_name": "Cash"},
            f"/api/carts/{cart}/contacts": {"email": EMAIL},
            "/api/orders": {"cart_id": cart},
            "/api/paypal/orders": {"order_id": cart},
            "/api/stripe/paymentIntents": {"cart_id": cart},
        }.items():
            status = browser._ask("POST", "/execute/async", {"script": ask, "args": [path, body]})
            self.assertEqual(status, 403, path)
        self.assertEqual(orders(), 0)


if __name__ == "__main__":
    unittest.main()
