"""What all journeys share: the programs, started once, and the buyer's steps."""

import functools
import re
import unittest
from urllib.parse import urlencode

import config
from processes import WORK, Driver, Hook
from shop import Shop

SCREENS = WORK / "screens"

# Product number and quantity, as they are put into the basket.
SHOPPING = [(1, 2), (2, 3), (3, 1000)]

# What must arrive for it, and nothing else. PHP has folded `NEW_ITEM-X[n]` to X -> n.
LINES = [
    {
        "DESCRIPTION": "Skrutrekker PH2 – rød/blå",
        "VENDORMAT": "1",
        "EXT_PRODUCT_ID": "1",
        "QUANTITY": "2.000",
        "UNIT": "PCE",
        "PRICE": "49.900",
        "PRICEUNIT": "1",
        "CURRENCY": "NOK",
    },
    {
        "DESCRIPTION": 'Blåbærsyltetøy "Ærø" & Ørsted <250 g>',
        "VENDORMAT": "2",
        "EXT_PRODUCT_ID": "2",
        "QUANTITY": "3.000",
        "UNIT": "PCE",
        "PRICE": "1234.560",
        "PRICEUNIT": "1",
        "CURRENCY": "NOK",
    },
    {
        "DESCRIPTION": "Sechskantschraube M8×40 für Außenbau",
        "VENDORMAT": "3",
        "EXT_PRODUCT_ID": "3",
        "QUANTITY": "1000.000",
        "UNIT": "PCE",
        "PRICE": "0.040",
        "PRICEUNIT": "1",
        "CURRENCY": "NOK",
    },
]

# The one field whose index stands inside its name (OCI 4.0).
LONG_TEXT = re.compile(r"NEW_ITEM-LONGTEXT_(\d+):132")

# The catalog call's own fields, which come back as they were.
CONTROL = {"~OkCode": "ADDI", "~TARGET": "_top", "~CALLER": "CTLG"}


@functools.cache
def the_shop():
    return Shop()


@functools.cache
def the_hook():
    return Hook()


@functools.cache
def the_driver():
    return Driver()


def lines_of(post):
    """PHP's view of a return: a list of lines, and the fields that belong to no line."""
    lines, rest = {}, {}
    for name, value in post.items():
        if long := LONG_TEXT.fullmatch(name):
            [text] = value
            lines.setdefault(int(long[1]), {})["LONGTEXT"] = text
        elif name.startswith("NEW_ITEM-") and isinstance(value, dict):
            for index, one in value.items():
                lines.setdefault(int(index), {})[name.removeprefix("NEW_ITEM-")] = one
        elif name.startswith("NEW_ITEM-") and isinstance(value, list):
            raise AssertionError(f"{name} counts from 0: {value}")
        else:
            rest[name] = value
    assert sorted(lines) == list(range(1, len(lines) + 1)), f"line numbers with gaps: {sorted(lines)}"
    return [lines[index] for index in sorted(lines)], rest


class Journey(unittest.TestCase):
    """A test with an empty shop, and with a hook that nothing has reached."""

    maxDiff = None

    def setUp(self):
        self.shop, self.hook = the_shop(), the_hook()
        self.shop.forget()
        self.hook.arrivals()
        self.before = len(self.shop.log)

    def seen_by_the_shop(self, word):
        """The shop's log lines of this test that hold the word."""
        return [line for line in self.shop.log[self.before :].splitlines() if word in line]

    def proxy(self, origin=None, **changes):
        proxy = config.Proxy(origin or self.shop.address, [self.hook.origin], **changes)
        self.addCleanup(proxy.end)
        return proxy

    def browser(self, **changes):
        browser = the_driver().browser(**changes)
        self.addCleanup(browser.close)
        return browser

    def punch_out(self, browser, proxy, method="post", **changes):
        """From the procurement system's page, by its form or its link."""
        call = config.call(self.hook.origin + config.HOOK_PATH, **{**CONTROL, **changes})
        browser.open(f"{self.hook.origin}/start?{urlencode({'entry': proxy.entry, 'method': method, **call})}")
        browser.find("#punch-out").click()

    def assert_signed_in(self, browser, proxy):
        browser.find("a[href*='logout']")
        self.assertTrue(browser.url.startswith(proxy.address + "/"), browser.url)
        for word in ("HOOK_URL", "PASSWORD", config.USERNAME, config.HOOK_SECRET):
            self.assertNotIn(word, browser.url)

    def fill_basket(self, browser, address, shopping=SHOPPING):
        """As a person does it: product by product, then the quantities in the basket."""
        for product, _ in shopping:
            browser.open(f"{address}/catalogue/x_{product}/")
            browser.find("#add_to_basket_form [type=submit]").click()
            browser.wait(lambda: (product, 1) in self.shop.basket(), f"product {product} is not in the basket")
        browser.open(f"{address}/basket/")
        for place, (_, quantity) in enumerate(shopping):
            field = browser.find(f"#id_form-{place}-quantity")
            field.clear()
            field.type(str(quantity))
        browser.find("#basket_formset .basket-items [type=submit]").click()
        browser.wait(lambda: self.shop.basket() == shopping, "the quantities did not reach the basket")
        browser.open(f"{address}/basket/")
        browser.find("#basket_formset")

    def checkout_control(self, browser):
        """What says so to a person, whatever it has become."""

        def shown():
            controls = browser.all("#content_inner a, #content_inner button, #content_inner input[type=submit]")
            return [one for one in controls if (one.text or one.attribute("value")) == "Proceed to checkout"]

        return browser.wait(shown, "no checkout control")[-1]

    def assert_no_secret(self, proxy, *more):
        """In the proxy's log, and in the shop's, which must see nothing of a catalog call either."""
        for secret in (config.PASSWORD, config.HOOK_SECRET, *more):
            for form in config.spellings(secret):
                self.assertEqual([line for line in proxy.log.splitlines() if form in line], [])
        for word in ("HOOK_URL", config.HOOK_SECRET, config.ENTRY):
            self.assertEqual(self.seen_by_the_shop(word), [])
