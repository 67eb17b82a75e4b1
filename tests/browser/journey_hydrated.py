"""A shop that draws its pages again in the browser, over what the proxy wrote into them: React and Vue as they come from npm.

The shop's server is small, for what matters is in the browser: after hydration every control is the framework's own again and
runs script. Each journey presses one of them.
"""

import functools
import json
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from journey import SCREENS, Journey, lines_of, the_hook
from processes import WORK

HERE = Path(__file__).parent / "hydrated"
MODULES = WORK / "hydrated/node_modules"
SCRIPTS = {
    "react": [MODULES / "react/umd/react.production.min.js", MODULES / "react-dom/umd/react-dom.production.min.js", HERE / "shop.js", HERE / "react.js"],
    "vue": [MODULES / "vue/dist/vue.runtime.global.prod.js", HERE / "shop.js", HERE / "vue.js"],
}  # fmt: skip
SCRIPTS["whole"] = SCRIPTS["react"]
FILES = {f"/static/{file.name}": file for files in SCRIPTS.values() for file in files}

# The shop's own scripts run, and ours only where its policy is opened for it.
POLICY = "default-src 'none'; script-src 'nonce-shop'; style-src 'self' 'unsafe-inline'; connect-src 'self'; form-action 'self'"

# Byte for byte what the frameworks draw first.
MAIN = """<main><p class="ad">Become a member</p><table><tbody><tr class="line"><td class="name">Drill</td><td class="sku">A-1</td>\
<td class="quantity">{quantity}</td><td class="price">12,50</td></tr></tbody></table><button id="more" type="button">One more</button>\
<a id="link" class="checkout" href="/checkout">To checkout</a><button id="button" class="checkout" type="button">Checkout</button>\
<button id="pressed" class="checkout" type="button">Checkout by press</button>\
<div id="div" class="checkout" role="button" tabindex="0">Checkout by div</div>\
<form class="checkout" action="/checkout"><input id="note" name="note"><button id="send">Send</button></form><buy-now></buy-now></main>"""


class Shop(BaseHTTPRequestHandler):
    """Three pages that show one cart. Whatever reaches its checkout is remembered."""

    protocol_version = "HTTP/1.1"
    quantity, reached = 2, []

    def answer(self, body, kind="text/html; charset=utf-8", **headers):
        body = body if isinstance(body, bytes) else body.encode()
        self.send_response(200)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path, name = self.path, self.path.lstrip("/")
        if "checkout" in path:
            Shop.reached.append(path)
        if path in FILES:
            return self.answer(FILES[path].read_bytes(), "text/javascript")
        if path == "/login":
            return self.answer("<form method=post><input name=user><input name=pass></form>")
        if name not in SCRIPTS:
            return self.answer("<p>Nothing here</p>")
        state = json.dumps({"quantity": Shop.quantity, "whole": name == "whole"})
        scripts = "".join(f'<script nonce=shop src="/static/{file.name}" defer></script>' for file in SCRIPTS[name])
        self.answer(
            f'<!doctype html><html lang="en"><head><title>Shop</title><script type="application/json" id="state">{state}</script>{scripts}</head>'
            f'<body><div id="app">{MAIN.format(quantity=Shop.quantity)}</div></body></html>',
            Content_Security_Policy=POLICY,
        )

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "checkout" in self.path:
            Shop.reached.append(self.path)
        if self.path == "/api/more":
            Shop.quantity += 1
            return self.answer(json.dumps({"quantity": Shop.quantity}), "application/json")
        self.answer("<a href=/logout>bye</a>", Set_Cookie="sid=1; Path=/; HttpOnly")

    def log_message(self, *_):
        pass


@functools.cache
def the_small_shop():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


class Hydrated(Journey):
    def setUp(self):
        self.hook = the_hook()
        self.hook.arrivals()
        Shop.quantity, Shop.reached = 2, []
        SCREENS.mkdir(parents=True, exist_ok=True)

    def small_shop(self, page, hydrated=True, **buyer):
        sign_in = {"page": "/login", "form": "form", "fields": {"user": "{username}", "pass": "{password}"}}
        cells = {name: f"td.{name}" for name in ("name", "sku", "quantity", "price")}
        return self.proxy(
            the_small_shop(),
            shop={"hydrated": hydrated, "start": f"/{page}", "hide": {"elements": [".ad"]}},
            sign_in={**sign_in, "success": {"element": "a[href='/logout']"}},
            cart={"page": ["/react", "/vue", "/whole"], "line": "tr.line", "checkout": [".checkout"], **cells},
            deny={"paths": ["/checkout/**", "/api/checkout/**"]},
            way="fresh",
            accounts={"strategy": "shared", "username": "shopper", "password": "x"},
            buyer=buyer,
        )

    def enter(self, browser, proxy):
        """As far as the page that the framework has drawn anew."""
        self.punch_out(browser, proxy)
        browser.wait(lambda: self.state(browser, "drawn") == "1", "the framework did not draw")

    def state(self, browser, name):
        return browser.execute("return document.documentElement.dataset[arguments[0]] || null", name)

    def press(self, browser, control):
        if control == "shadow":
            # No selector of WebDriver's finds the button in that tree.
            return browser.execute("document.querySelector('buy-now').shadowRoot.querySelector('button').click()")
        if control == "keys":
            return browser.find("#div").type("\ue007")
        if control == "field":
            return browser.find("#note").type("x\ue007")
        browser.find(f"#{control}").click()

    def assert_returned(self, browser, quantity):
        """With the cart as it is in the shop now, and nothing of the shop's checkout was asked for."""
        browser.wait(lambda: browser.url.startswith(self.hook.origin), "the cart did not come back")
        [arrival] = self.hook.arrivals()
        [line], _ = lines_of(arrival["post"])
        self.assertEqual((line["VENDORMAT"], line["QUANTITY"]), ("A-1", f"{quantity}.000"))
        self.assertEqual(Shop.reached, [])

    def test_without_our_script_the_framework_takes_the_controls_back(self):
        """Else the other journeys would prove little. Checkout is closed all the same."""
        browser = self.browser()
        for page in ("react", "vue", "whole"):
            self.enter(browser, self.small_shop(page, hydrated=False))
            for control, runs in {"button": "button", "pressed": "pressed", "keys": "div", "field": "form", "shadow": "shadow"}.items():
                self.press(browser, control)
                self.assertEqual(self.state(browser, "ordered"), runs, page)
            self.assertTrue(browser.find(".ad").text, "what was hidden is shown")
            self.assertEqual(len(browser.all("#punchout-bar")), 0 if page == "whole" else 1)
        self.assertEqual(self.hook.arrivals(), [])
        self.assertEqual(Shop.reached, [])

    def test_every_control_leads_back_with_the_cart_as_it_is_now(self):
        browser = self.browser()
        for page in ("react", "vue", "whole"):
            proxy = self.small_shop(page)
            for control in ("link", "button", "pressed", "div", "keys", "send", "field", "shadow"):
                with self.subTest(page, control=control):
                    self.enter(browser, proxy)
                    now = Shop.quantity + 1
                    browser.find("#more").click()
                    browser.wait(lambda: browser.find("td.quantity").text == str(now), "the quantity did not change")
                    self.press(browser, control)
                    self.assert_returned(browser, now)

    def test_what_is_ours_stays_and_what_is_hidden_stays_hidden(self):
        browser = self.browser()
        for page in ("react", "vue", "whole"):
            with self.subTest(page):
                self.enter(browser, self.small_shop(page))
                browser.wait(lambda: browser.execute("return getComputedStyle(document.querySelector('.ad')).display") == "none", "shown")
                browser.wait(lambda: browser.all("#punchout-bar button"), "the bar is gone")
                style = "return getComputedStyle(document.getElementById('punchout-bar')).position"
                browser.wait(lambda: browser.execute(style) == "fixed", "the bar has lost its style")
                self.assertEqual(len(browser.all("#punchout-bar")), 1)
                browser.wait(lambda: "/_punchout/return?key=" in browser.find("#link").attribute("href"), "another tab would open checkout")
                browser.screenshot(SCREENS / f"hydrated-{page}.png")
                browser.find("#punchout-bar button").click()
                self.assert_returned(browser, Shop.quantity)

    def test_a_shop_that_draws_without_a_pause_keeps_its_browser(self):
        """And one that takes our bar away each time gets it back each time."""
        browser = self.browser()
        self.enter(browser, self.small_shop("react"))
        draw = """const done = arguments[arguments.length - 1], end = Date.now() + 1500; let drawn = 0;
            (function again() {
              document.getElementById('punchout-bar')?.remove();
              document.getElementById('link').setAttribute('href', '/checkout?' + drawn++);
              Date.now() < end ? setTimeout(again) : done(drawn);
            })();"""
        drawn = browser._ask("POST", "/execute/async", {"script": draw, "args": []})
        self.assertGreater(drawn, 100, "the page hardly came to draw")
        browser.wait(lambda: len(browser.all("#punchout-bar")) == 1, "the bar did not come back")
        browser.find("#link").click()
        self.assert_returned(browser, Shop.quantity)

    def test_without_script_all_is_as_before(self):
        browser = self.browser(script=False)
        self.punch_out(browser, self.small_shop("react"))
        self.assertEqual(browser.find(".ad").text, "")
        browser.find("#button").click()
        # Our return page, where a person presses instead of a script.
        browser.find("form[action^='http'] button").click()
        self.assert_returned(browser, Shop.quantity)

    def test_a_visitor_has_nothing_of_it(self):
        proxy, browser = self.small_shop("react"), self.browser()
        browser.open(f"{proxy.address}/react")
        browser.wait(lambda: self.state(browser, "drawn") == "1", "the framework did not draw")
        self.assertEqual(browser.all("[id^=punchout-]"), [])
        browser.find("#button").click()
        browser.wait(lambda: Shop.reached == ["/api/checkout"], "a visitor could not buy")


if __name__ == "__main__":
    unittest.main()
