"""What a buyer's server asks the real shop for: one product, or a search, answered in the same response."""

import html
import re
import unittest

import config
from processes import free_port
from raw import Raw
from shop import Shop


def inputs(page):
    """As a crude program reads them: hidden inputs, by name."""
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    return {html.unescape(name): html.unescape(value) for name, value in found}


class Functions(unittest.TestCase):
    def setUp(self):
        self.shop = Shop()
        self.addCleanup(self.shop.end)
        self.proxy = self.before(self.shop.address)

    def before(self, origin):
        proxy = config.Proxy(origin, ["http://127.0.0.1:9"])
        self.addCleanup(proxy.end)
        return proxy

    def ask(self, function, proxy=None, **more):
        proxy = proxy or self.proxy
        fields = config.call(None, FUNCTION=function, **more)
        return Raw(proxy.address).ask("POST", config.ENTRY, fields, headers={"Accept-Language": "en"})

    def test_one_product(self):
        answer = self.ask("VALIDATE", PRODUCTID="2", QUANTITY="3")
        self.assertEqual(answer.status, 200, answer.text)
        found = inputs(answer.text)
        for name, value in {
            "DESCRIPTION": 'Blåbærsyltetøy "Ærø" & Ørsted <250 g>',
            "VENDORMAT": "2",
            "EXT_PRODUCT_ID": "2",
            "QUANTITY": "3.000",
            "UNIT": "PCE",
            "PRICE": "1234.560",
            "PRICEUNIT": "1",
            "CURRENCY": "NOK",
        }.items():
            self.assertEqual(found.get(f"NEW_ITEM-{name}[1]"), value, name)
        self.assertFalse([name for name in found if name.endswith("[2]")])
        self.assertEqual(self.shop.basket(), [], "nothing was put into a basket")

    def test_an_unknown_product_gives_no_data(self):
        answer = self.ask("VALIDATE", PRODUCTID="4711")
        self.assertEqual(answer.status, 200, answer.text)
        self.assertNotIn("NEW_ITEM", answer.text)

    def test_a_search(self):
        hook = "http://127.0.0.1:9/hook"
        answer = self.ask("BACKGROUND_SEARCH", SEARCHSTRING="Skrutrekker", HOOK_URL=hook)
        self.assertEqual(answer.status, 200, answer.text)
        found = inputs(answer.text)
        self.assertEqual(found.get("NEW_ITEM-VENDORMAT[1]"), "1", answer.text)
        self.assertEqual(found.get("NEW_ITEM-PRICE[1]"), "49.900")
        self.assertNotIn("<script", answer.text)
        nothing = self.ask("BACKGROUND_SEARCH", SEARCHSTRING="finnes ikke", HOOK_URL=hook)
        self.assertEqual(nothing.status, 200, nothing.text)
        self.assertNotIn("NEW_ITEM", nothing.text)

    def test_a_shop_that_is_down_says_nothing_of_a_product(self):
        proxy = self.before(f"http://127.0.0.1:{free_port()}")
        answer = self.ask("VALIDATE", proxy, PRODUCTID="2")
        self.assertEqual(answer.status, 503, answer.text)
        self.assertEqual(config.told(answer.text)[0], "PO-FUNCTION-FAILED", answer.text)
        self.assertNotIn("NEW_ITEM", answer.text)


if __name__ == "__main__":
    unittest.main()
