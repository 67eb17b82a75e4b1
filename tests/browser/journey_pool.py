"""Several buyers at once, each with an account and a cart of its own; and the ways back."""

import json
import subprocess
import unittest

import config
from journey import Journey, the_driver
from processes import free_port
from shop import BUYER, SECOND

MESSAGES = {"waiting": "PO-POOL-BUSY", "over": "PO-SESSION-OVER"}


class Pool(Journey):
    def buy(self, browser, proxy, product):
        browser.open(f"{proxy.address}/catalogue/x_{product}/")
        browser.find("#add_to_basket_form [type=submit]").click()
        browser.find("#messages .alert-success")

    def test_two_buyers_on_two_accounts_and_a_third(self):
        proxy = self.proxy(accounts=[BUYER, SECOND])
        first, second, third = self.browser(), self.browser(), self.browser()
        for browser in (first, second):
            self.punch_out(browser, proxy)
            self.assert_signed_in(browser, proxy)
        self.buy(first, proxy, 1)
        self.buy(second, proxy, 2)
        self.assertEqual((self.shop.basket_of(BUYER), self.shop.basket_of(SECOND)), ([1], [2]), "carts do not mix")

        self.punch_out(third, proxy)
        third.wait(lambda: MESSAGES["waiting"] in third.source, "the third is not told to wait")
        self.assertNotIn("PASSWORD", third.url)

        first.open(proxy.address + "/basket/")
        self.checkout_control(first).click()
        first.find("#received")
        [arrived] = self.hook.arrivals()
        self.assertEqual([field for field in arrived["post"] if field == "NEW_ITEM-VENDORMAT"], ["NEW_ITEM-VENDORMAT"])
        first.wait(lambda: self.shop.basket_of(BUYER) == [], "the cart was not emptied after the return")
        self.assertEqual(self.shop.basket_of(SECOND), [2], "nobody else's cart was touched")

        # By itself: nobody touches the third browser.
        third.find("a[href*='logout']", seconds=25)
        third.open(proxy.address + "/basket/")
        third.find("#content_inner")
        self.assertEqual(third.all("#basket_formset"), [], "an empty cart")
        self.buy(third, proxy, 5)
        self.assertEqual((self.shop.basket_of(BUYER), self.shop.basket_of(SECOND)), ([5], [2]))

        # Back, to the cart that was sent.
        first.execute("history.back()")
        first.wait(lambda: MESSAGES["over"] in first.source, "the first is not told that its session is over")
        self.assertEqual(self.shop.orders(), 0)

    def test_the_bar_leads_back_with_and_without_the_cart(self):
        for way, fields in (("form:not([action*='cancel'])", True), ("form[action*='cancel']", False)):
            browser, proxy = self.browser(), self.proxy()
            self.punch_out(browser, proxy)
            self.assert_signed_in(browser, proxy)
            self.buy(browser, proxy, 1)
            button = browser.find(f"#punchout-bar {way} button")
            style = "return getComputedStyle(document.getElementById('punchout-bar')).position"
            self.assertEqual(browser.execute(style), "fixed", "the style sheet is applied")
            button.click()
            browser.find("#received")
            [arrived] = self.hook.arrivals()
            self.assertEqual(any(name.startswith("NEW_ITEM") for name in arrived["post"]), fields)
            browser.wait(lambda: self.shop.basket_of(BUYER) == [], "the cart was not emptied")

    def test_the_doctor_looks_without_disturbing_a_buyer(self):
        product = {"product": "/catalogue/x_1/", "form": "#add_to_basket_form", "fields": {"quantity": "1"}}
        proxy = self.proxy(accounts=[BUYER, SECOND], top={"admin": f"127.0.0.1:{free_port()}", "canary": product})
        browser = self.browser()
        self.punch_out(browser, proxy)
        self.assert_signed_in(browser, proxy)
        self.buy(browser, proxy, 2)
        command = [config.BINARY, "doctor", "--json", "--config", proxy.config]
        done = subprocess.run(command, capture_output=True, text=True)
        found = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("1 of 2 free", found["accounts"]["seen"])
        self.assertIn("Skrutrekker", found["cart"]["seen"])
        self.assertIn("NEW_ITEM-VENDORMAT[1] = 1", found["canary"]["details"])
        self.assertEqual((self.shop.basket_of(BUYER), self.shop.basket_of(SECOND)), ([2], []))
        self.assertEqual((self.shop.orders(), self.hook.arrivals()), (0, []))
        self.assertNotIn(BUYER[1], done.stdout + done.stderr)

    def test_a_double_click_sends_one_cart(self):
        browser, proxy = self.browser(), self.proxy()
        self.punch_out(browser, proxy)
        self.assert_signed_in(browser, proxy)
        self.buy(browser, proxy, 1)
        browser.open(proxy.address + "/basket/")
        control = "document.querySelector('#content_inner [form^=punchout-return]')"
        browser.execute(f"const one = {control}; one.click(); one.click(); one.click()")
        browser.find("#received")
        self.assertEqual(len(self.hook.arrivals()), 1)

    def test_who_closes_the_browser_gives_the_account_back(self):
        proxy = self.proxy(session={"idle": "3s"})
        with the_driver().browser() as gone:
            self.punch_out(gone, proxy)
            self.assert_signed_in(gone, proxy)
            self.buy(gone, proxy, 1)
        # Nobody asks for anything: the cart is emptied all the same.
        browser = self.browser()
        browser.wait(lambda: self.shop.basket_of(BUYER) == [], "the cart was not emptied after expiry", seconds=20)
        self.punch_out(browser, proxy)
        self.assert_signed_in(browser, proxy)


if __name__ == "__main__":
    unittest.main()
