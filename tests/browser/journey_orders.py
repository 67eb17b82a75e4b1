"""No order in a punchout session, by any way that we could think of. The shop's own table of orders is the judge.

Every attempt is made at the shop itself first, where those that are real ones must succeed: an attempt that could never
have placed an order proves nothing.
"""

import http.client
import unittest
from urllib.parse import urlsplit

import config
from journey import SHOPPING, Journey
from raw import Raw
from shop import BUYER

ADDRESS = {
    "first_name": "Åse",
    "last_name": "Ødegård",
    "line1": "Storgata 1",
    "line4": "Trondheim",
    "postcode": "7010",
    "country": "NO",
}

# How a path below /checkout/ may be written.
SPELLINGS = {
    "plain": lambda path: path,
    "letter encoded": lambda path: path.replace("/checkout", "/%63heckout"),
    "all encoded": lambda path: "/" + "".join(f"%{ord(one):02x}" if one != "/" else one for one in path[1:]),
    "slash encoded": lambda path: path[:-1].replace("/", "%2f").replace("%2f", "/", 1) + "/",
    "encoded twice": lambda path: path.replace("/checkout", "/%2563heckout"),
    "two slashes": lambda path: "/" + path,
    "two slashes inside": lambda path: path.replace("/checkout/", "/checkout//"),
    "dot": lambda path: "/." + path,
    "dots": lambda path: "/checkout/.." + path,
    "dots encoded": lambda path: "/basket/%2e%2e" + path,
    "dots with encoded slash": lambda path: "/basket/..%2f" + path[1:],
    "capitals": lambda path: path.replace("/checkout", "/Checkout"),
    "path parameter": lambda path: path.replace("/checkout", "/checkout;x=1"),
    "query": lambda path: path + "?next=/basket/",
    "query that looks like the cart": lambda path: path + "?/basket/",
    "no last slash": lambda path: path.rstrip("/"),
    "language": lambda path: "/en-gb" + path,
    "backslash": lambda path: path.replace("/checkout/", "/checkout\\"),
    "script name": lambda path: "/basket/add" + path,
    "fragment": lambda path: path + "#/basket/",
}


class Orders(Journey):
    def in_session(self, **changes):
        """A browser in a punchout session with a full basket, and its cookies for requests of our own."""
        browser, proxy = self.browser(script=False), self.proxy(**changes)
        self.punch_out(browser, proxy)
        self.assert_signed_in(browser, proxy)
        self.fill_basket(browser, proxy.address, SHOPPING[:1])
        cookies = {cookie["name"]: cookie["value"] for cookie in browser.cookies}
        self.assertIn(config.COOKIE, cookies)
        return browser, proxy, Raw(proxy.address, cookies)

    def at_the_shop(self, raw):
        """The same shop session without the proxy: what a buyer could do who knew the shop's real address."""
        return Raw(self.shop.address, {name: value for name, value in raw.cookies.items() if name != config.COOKIE})

    def customer(self, address):
        """Somebody who signed in to the shop by hand, with something in the basket."""
        raw = Raw(address)
        login = {"login-username": BUYER[0], "login-password": BUYER[1], "login_submit": "Log In"}
        token = {"csrfmiddlewaretoken": raw.token("/accounts/login/")}
        self.assertEqual(raw.ask("POST", "/accounts/login/", {**token, **login}, {"Referer": address}).status, 302)
        self.fill(raw)
        return raw

    def fill(self, raw):
        raw.post("/basket/add/1/", {"quantity": "1"})

    def prepare(self, raw, spell=SPELLINGS["plain"]):
        """Checkout up to its last page."""
        raw.post(spell("/checkout/shipping-address/"), ADDRESS)
        for page in ("shipping-method", "payment-method", "payment-details"):
            raw.ask("GET", spell(f"/checkout/{page}/"))

    def place(self, raw, spell=SPELLINGS["plain"], headers=None):
        """Checkout's last click."""
        return raw.post(spell("/checkout/preview/"), {"action": "place_order"}, headers)

    def test_every_spelling_of_the_checkout(self):
        shop = self.customer(self.shop.address)
        real = set()
        for name, spell in SPELLINGS.items():
            before = self.shop.orders()
            self.prepare(shop, spell)
            self.place(shop, spell)
            if self.shop.orders() > before:
                real.add(name)
                self.fill(shop)
        self.assertLessEqual({"plain", "letter encoded", "all encoded", "query"}, real, "no real attempts")

        self.shop.forget()
        _, _, raw = self.in_session()
        for name, spell in SPELLINGS.items():
            with self.subTest(name, real=name in real):
                self.prepare(raw, spell)
                self.place(raw, spell)
                self.assertEqual(self.shop.orders(), 0)

    def test_the_last_click_alone(self):
        """Everything before it done at the shop itself: each step is closed, not only the first."""
        _, proxy, raw = self.in_session()
        # The session's own cookies are sealed and worth nothing at the shop: the steps are a customer's, by hand.
        shop = self.customer(self.shop.address)
        self.prepare(shop)
        clicking = Raw(proxy.address, {**shop.cookies, config.COOKIE: raw.cookies[config.COOKIE]})
        for name, spell in SPELLINGS.items():
            with self.subTest(name):
                self.place(clicking, spell)
                self.assertEqual(self.shop.orders(), 0)
        self.place(shop)
        self.assertEqual(self.shop.orders(), 1, "at the shop itself that click places the order")

    def test_headers_that_tell_another_path(self):
        _, _, raw = self.in_session()
        self.prepare(self.at_the_shop(raw))
        fields = {"action": "place_order"}
        # gunicorn takes SCRIPT_NAME from a trusted neighbour, and cuts it off the path: /basket/checkout/ is /checkout/.
        for headers in (
            {"X-Original-URL": "/checkout/preview/"},
            {"X-Rewrite-URL": "/checkout/preview/"},
            {"X-HTTP-Method-Override": "POST"},
            {"X-Forwarded-Host": "other.example", "X-Forwarded-Prefix": "/checkout"},
            {"Script-Name": "/basket"},
            {"SCRIPT_NAME": "/basket"},
            {"script_name": "/basket"},
            {"SCRIPT_NAME": "/basket", "PATH_INFO": "/checkout/preview/"},
        ):
            with self.subTest(headers):
                for target in ("/checkout/preview/", "/basket/", "/", "/basket/checkout/preview/", "/basket/%63heckout/preview/"):
                    raw.post(target, fields, headers)
                    raw.ask("GET", target, headers=headers)
                self.assertEqual(self.shop.orders(), 0)

    def test_other_methods_and_forms(self):
        _, _, raw = self.in_session()
        shop = self.at_the_shop(raw)
        self.prepare(shop)
        token = raw.token()
        multipart = "".join(
            f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in (("csrfmiddlewaretoken", token), ("action", "place_order"))
        )
        for method in ("POST", "PUT", "PATCH", "DELETE", "post", "BREW"):
            with self.subTest(method):
                body, kind = (multipart + "--b--\r\n").encode(), {"Content-Type": "multipart/form-data; boundary=b"}
                raw.ask(method, "/checkout/preview/", body=body, headers=kind)
                absolute = f"{raw.address}/checkout/preview/"
                raw.ask(method, absolute, {"csrfmiddlewaretoken": token, "action": "place_order"})
                self.assertEqual(self.shop.orders(), 0)

    def test_a_second_request_behind_the_first(self):
        """One connection, a harmless request with the order's in its body: what the shop reads is what we read."""
        _, _, raw = self.in_session()
        self.prepare(self.at_the_shop(raw))
        token = raw.token()
        cookie = "; ".join(f"{name}={value}" for name, value in raw.cookies.items())
        form = f"csrfmiddlewaretoken={token}&action=place_order"
        order = (
            f"POST /checkout/preview/ HTTP/1.1\r\nHost: {raw.authority}\r\nCookie: {cookie}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n\r\n{form}"
        ).encode()
        chunked = b"0\r\n\r\n" + order
        for headers, body in (
            ({"Content-Length": "0"}, order),
            ({"Content-Length": str(len(chunked)), "Transfer-Encoding": "chunked"}, chunked),
            ({"Content-Length": str(len(chunked)), "Transfer-Encoding": "xchunked"}, chunked),
            ({"Transfer-Encoding": "chunked"}, chunked),
        ):
            with self.subTest(headers):
                split = urlsplit(raw.address)
                connection = http.client.HTTPConnection(split.hostname, split.port, timeout=10)
                connection.putrequest("POST", "/basket/", skip_host=True, skip_accept_encoding=True)
                for name, value in {"Host": raw.authority, "Cookie": cookie, **headers}.items():
                    connection.putheader(name, value)
                connection.endheaders()
                try:
                    connection.send(body)
                    connection.getresponse().read()
                except (OSError, http.client.HTTPException):
                    pass
                finally:
                    connection.close()
                self.assertEqual(self.shop.orders(), 0)

    def test_the_shops_cookies_without_ours(self):
        """A cookie banner, or a curious buyer, deletes our cookie: the account must not be a visitor's then."""
        _, proxy, raw = self.in_session()
        left = Raw(proxy.address, {name: value for name, value in raw.cookies.items() if name != config.COOKIE})
        self.prepare(left)
        self.place(left)
        self.assertEqual(self.shop.orders(), 0)

    def test_after_the_browser_was_closed(self):
        """Cookies with a date survive it, and a shop's sign-in may last for weeks: next day's visitor is no customer."""
        browser, proxy, _ = self.in_session()
        kept = {cookie["name"]: cookie["value"] for cookie in browser.cookies if "expiry" in cookie}
        self.assertIn("sessionid", kept, "this shop's sign-in survives")
        next_day = Raw(proxy.address, kept)
        self.prepare(next_day)
        self.place(next_day)
        self.assertEqual(self.shop.orders(), 0)

    def test_after_the_return(self):
        """The cart has gone back; the browser still has what the shop gave it."""
        browser, proxy, raw = self.in_session()
        self.checkout_control(browser).click()
        browser.find("#received")
        browser.open(proxy.address + "/checkout/")
        self.assertNotIn("/checkout/shipping", browser.url)
        after = Raw(proxy.address, {cookie["name"]: cookie["value"] for cookie in browser.cookies})
        for cookies in (raw, after):
            self.prepare(cookies)
            self.place(cookies)
            self.assertEqual(self.shop.orders(), 0)

    def test_a_visitor_may_order_as_before(self):
        visitor = self.customer(self.proxy().address)
        self.prepare(visitor)
        self.place(visitor)
        self.assertEqual(self.shop.orders(), 1)

    def test_every_link_and_form_to_checkout(self):
        """With the shop's own script running, from the pages a buyer walks."""
        proxy, browser = self.proxy(), self.browser()
        self.punch_out(browser, proxy)
        self.assert_signed_in(browser, proxy)
        self.fill_basket(browser, proxy.address, SHOPPING[:1])
        pages = [f"{proxy.address}{path}" for path in ("/", "/catalogue/", "/catalogue/x_1/", "/basket/", "/search/?q=pumpe")]
        for page in pages:
            browser.open(page)
            links = {one.attribute("href") for one in browser.all("a[href*='checkout']")}
            forms = {one.attribute("action") for one in browser.all("form[action*='checkout']")}
            with self.subTest(page):
                self.assertFalse(forms, "no form to the shop's checkout is left")
                for link in links:
                    browser.open(link if "://" in link else proxy.address + link)
                    self.assertFalse(browser.all("form [name=country], [name=action][value=place_order]"), link)
        browser.open(proxy.address + "/checkout/")
        self.assertNotIn("/checkout/shipping", browser.url)
        self.assertEqual(self.seen_by_the_shop("GET /checkout"), [])
        self.assertEqual(self.shop.orders(), 0)


if __name__ == "__main__":
    unittest.main()
