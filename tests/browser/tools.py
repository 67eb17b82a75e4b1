"""The tests' own tools, tried without the proxy: a journey that fails later then fails for the proxy's sake."""

import unittest
from urllib.parse import urlencode

import config
from journey import CONTROL, LINES, Journey, lines_of
from shop import BUYER

PROBE = """data:text/html;charset=utf-8,<p id=probe>off</p><script>document.getElementById('probe').textContent='on'</script>"""


class Tools(Journey):
    def test_script_is_off_where_it_should_be(self):
        for script, shown in ((True, "on"), (False, "off")):
            browser = self.browser(script=script)
            browser.open(PROBE)
            self.assertEqual(browser.find("#probe").text, shown)
            browser.open(self.hook.origin + "/start?entry=x&method=post")
            self.assertEqual(browser.execute("return 1 + 1"), 2, "the driver's own scripts run")

    def test_the_shop_by_itself_leads_to_checkout(self):
        browser = self.browser(script=False)
        browser.open(self.shop.address + "/accounts/login/")
        browser.find("[name=login-username]").type(BUYER[0])
        browser.find("[name=login-password]").type(BUYER[1])
        browser.find("[name=login_submit]").click()
        browser.find("a[href*='logout']")
        self.fill_basket(browser, self.shop.address)
        self.checkout_control(browser).click()
        browser.wait(lambda: browser.url.endswith("/checkout/shipping-address/"), "no checkout")

    def test_the_hook_tells_what_a_browser_posts(self):
        fields = {f"NEW_ITEM-{name}[{n}]": value for n, line in enumerate(LINES, 1) for name, value in line.items()}
        hook = self.hook.origin + config.HOOK_PATH
        for script in (True, False):
            browser = self.browser(script=script)
            # The start page can post anything anywhere: here it plays the hand-over form.
            browser.open(f"{self.hook.origin}/start?{urlencode({'entry': hook, 'method': 'post', **CONTROL, **fields})}")
            browser.find("#punch-out").click()
            browser.find("#received")
            [arrived] = self.hook.arrivals()
            self.assertEqual(arrived["query"], config.HOOK_QUERY)
            self.assertEqual(lines_of(arrived["post"]), (LINES, CONTROL))

    def test_a_catalog_call_keeps_its_names(self):
        browser = self.browser()
        call = config.call(self.hook.origin + config.HOOK_PATH, **CONTROL)
        for method in ("get", "post"):
            entry = self.hook.origin + "/entry"
            browser.open(f"{self.hook.origin}/start?{urlencode({'entry': entry, 'method': method, **call})}")
            browser.find("#punch-out").click()
            browser.find("#received")
            [arrived] = self.hook.arrivals()
            self.assertEqual(arrived["query" if method == "get" else "post"], call)


if __name__ == "__main__":
    unittest.main()
