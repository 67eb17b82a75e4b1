"""What programs ask the real shop for: one product or a search, answered in the same response; a cart in three languages."""

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
        self.shop.forget()
        self.proxy = self.before(self.shop.address)

    def before(self, origin, **changes):
        proxy = config.Proxy(origin, ["http://127.0.0.1:9"], **changes)
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

    def cart_in(self, language, **changes):
        """A small cart, put in by a buyer whose browser speaks that language: its fields, and the page."""
        # A proxy and an empty shop of its own: the one before still has its account.
        self.shop.forget()
        buyer = Raw(self.before(self.shop.address, **changes).address)
        headers = {"Accept-Language": language}
        answer = buyer.ask("POST", config.ENTRY, config.call("http://127.0.0.1:9/hook"), headers=headers)
        while answer.status in (302, 303):
            answer = buyer.ask("GET", answer.location, headers=headers)
        self.assertEqual(answer.status, 200, answer.text)
        for number, quantity in [(2, 3), (3, 1000)]:
            added = buyer.post(f"/basket/add/{number}/", {"quantity": quantity}, headers=headers)
            self.assertEqual(added.status, 302, added.text)
        page = buyer.ask("GET", "/basket/", headers=headers).text
        fields = {name: value for name, value in inputs(page).items() if name.startswith("NEW_ITEM-")}
        return fields, page

    def test_the_same_cart_gives_the_same_fields_in_every_language(self):
        carts = {language: self.cart_in(language) for language in ("nb", "en", "de")}
        fields, pages = zip(*carts.values())
        self.assertEqual(fields[0]["NEW_ITEM-PRICE[1]"], "1234.560")
        self.assertEqual(fields[0], fields[1])
        self.assertEqual(fields[0], fields[2])
        printed = [re.search(r"price_color[^>]*>\s*([^<]*3[^<]*)<", page)[1].strip() for page in pages]
        self.assertGreater(len(set(printed)), 1, f"the shop prints them in its own way: {printed}")

    def test_what_the_cart_lacks_comes_from_the_product_pages(self):
        # The cart of this shop prints no number of its own, its product pages do.
        upc = {"select": "table.table-striped td", "pattern": "^[A-Z]+-[0-9]+$"}
        fields, page = self.cart_in(
            "en",
            product={"extra": {"upc": upc}},
            details={"take": ["upc"]},
            buyer={"fields": {"MANUFACTMAT": {"from": "upc"}}},
        )
        self.assertEqual(fields["NEW_ITEM-PRICE[1]"], "1234.560", page)
        self.assertEqual([fields[f"NEW_ITEM-MANUFACTMAT[{n}]"] for n in (1, 2)], ["KV-0002", "KV-0003"])

    def test_a_shop_that_is_down_says_nothing_of_a_product(self):
        proxy = self.before(f"http://127.0.0.1:{free_port()}")
        answer = self.ask("VALIDATE", proxy, PRODUCTID="2")
        self.assertEqual(answer.status, 503, answer.text)
        self.assertEqual(config.told(answer.text)[0], "PO-FUNCTION-FAILED", answer.text)
        self.assertNotIn("NEW_ITEM", answer.text)


if __name__ == "__main__":
    unittest.main()
