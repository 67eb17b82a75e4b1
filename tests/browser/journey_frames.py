"""A procurement system that shows the shop in a frame: two sites over https, in Chromium that blocks third-party cookies.

The shop does what keeps shops out of frames: X-Frame-Options, SameSite=Strict cookies, a policy of its own. Procurement system
and shop are small servers here, because only their headers matter.
"""

import functools
import html
import os
import ssl
import subprocess
import unittest

import config
import little_shop
from journey import SCREENS
from processes import WORK, Driver, Process, free_port

SHOP, BUYER = "shop.kunde.test", "srm.innkjop.test"
HEADERS = {
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'self'; style-src 'self'; form-action 'self'; frame-ancestors 'none'",
}


class FramelessShop(little_shop.Shop):
    headers_of_pages = HEADERS


class System(little_shop.Answering):
    """The procurement system: `/frame` and `/window` begin, everything posted is for the hook. `/around` shows `/cookies` of
    the other site in a frame, to see what the browser keeps there."""

    entry, arrived = "", []

    def do_GET(self):
        if self.path == "/around":
            return self.answer(f"<iframe id=other src='https://{BUYER}:{self.server.server_port}/cookies'></iframe>")
        if self.path == "/cookies":
            self.send_response(303)
            self.send_header("Set-Cookie", "plain=1; Secure; SameSite=None")
            self.send_header("Set-Cookie", "parted=1; Secure; SameSite=None; Partitioned")
            self.send_header("Location", "/kept")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if self.path == "/kept":
            return self.answer(f"<p id=kept>{self.headers.get('Cookie', '')}</p>")
        fields = {"USERNAME": "acme", "PASSWORD": "x", "HOOK_URL": f"https://{self.headers['Host']}/hook", "~TARGET": "_parent"}
        inputs = "".join(f'<input type=hidden name="{name}" value="{html.escape(value)}">' for name, value in fields.items())
        target = "shop" if self.path == "/frame" else "_self"
        frame = "<iframe name=shop id=shop width=1100 height=700></iframe>" if self.path == "/frame" else ""
        form = f"<form method=post target={target} action='{System.entry}'>{inputs}<button id=go>Punch out</button></form>"
        self.answer(f"<!doctype html><title>Procurement</title><h1>Procurement</h1>{form}{frame}")

    def do_POST(self):
        System.arrived.append(self.form())
        self.answer("<h1 id=received>Received</h1>")


@functools.cache
def certificate():
    """For both names, signed by itself: the browser is told to take it."""
    WORK.mkdir(parents=True, exist_ok=True)
    pem, key = WORK / "frames.pem", WORK / "frames.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={SHOP}", "-addext", f"subjectAltName=DNS:{SHOP},DNS:{BUYER}", "-keyout", key, "-out", pem],
        check=True, capture_output=True,
    )  # fmt: skip
    return pem, key


@functools.cache
def servers():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate())
    return little_shop.serve(FramelessShop).server_port, little_shop.serve(System, context).server_port


@functools.cache
def the_driver():
    return Driver()


class Frames(unittest.TestCase):
    def setUp(self):
        System.arrived.clear()
        SCREENS.mkdir(parents=True, exist_ok=True)

    def browser(self, preferences):
        arguments = ["--ignore-certificate-errors", f"--host-resolver-rules=MAP {SHOP} 127.0.0.1, MAP {BUYER} 127.0.0.1"]
        browser = the_driver().browser(arguments=arguments, preferences=preferences)
        self.addCleanup(browser.close)
        return browser

    def start(self, embed, preferences, onward="redirect", cookies="auto"):
        (shop, system), port = servers(), free_port()
        pem, key = certificate()
        file = WORK / f"proxy-{os.getpid()}-{port}.toml"
        file.write_text(f"""
listen_tls = "127.0.0.1:{port}"
public = "https://{SHOP}:{port}"
workers = 1
[[tls]]
certificate = "{pem}"
key = "{key}"
[shop]
origin = "http://127.0.0.1:{shop}"
onward = "{onward}"
{little_shop.RULES}[[buyer]]
name = "acme"
password = "x"
hooks = ["https://{BUYER}:{system}"]
accounts = {{ strategy = "shared", username = "shopper", password = "x" }}
default_unit = "PCE"
embed = "{embed}"
cookies = "{cookies}"
""")
        proxy = Process("proxy", [config.BINARY, "run", "--config", file], port, cwd=WORK)
        self.addCleanup(proxy.end)
        System.entry = f"https://{SHOP}:{port}{config.ENTRY}"
        browser = self.browser(preferences)
        browser.open(f"https://{BUYER}:{system}/{'frame' if embed == 'iframe' else 'window'}")
        browser.find("#go").click()
        if embed == "iframe":
            browser.enter_frame("#shop")
        return browser

    def shop_and_return(self, browser, screen=None):
        browser.find("#to-cart").click()
        control = browser.find(".checkout")
        if screen:
            browser.screenshot(SCREENS / screen)
        control.click()
        browser.leave_frames()
        browser.find("#received")
        [arrived] = System.arrived
        self.assertEqual(arrived["NEW_ITEM-VENDORMAT[1]"], ["A-1"])
        self.assertEqual(arrived["NEW_ITEM-QUANTITY[1]"], ["2.000"])

    BLOCKED = {"profile.cookie_controls_mode": 1, "profile.block_third_party_cookies": True}

    def test_this_browser_blocks_third_party_cookies(self):
        """Else the journey in the frame would prove little."""
        browser = self.browser(self.BLOCKED)
        browser.open(f"https://{SHOP}:{servers()[1]}/around")
        browser.enter_frame("#other")
        self.assertEqual(browser.find("#kept").text, "parted=1")

    def test_a_cart_returns_from_a_frame_without_third_party_cookies(self):
        browser = self.start("iframe", self.BLOCKED)
        self.shop_and_return(browser, "frames-cart.png")
        browser.screenshot(SCREENS / "frames-hook.png")

    def test_without_our_editing_the_shop_does_not_show_in_the_frame(self):
        """Else the test before it would prove nothing."""
        browser = self.start("window", self.BLOCKED)
        browser.find("#stranger, #to-cart")
        address = f"https://{BUYER}:{servers()[1]}"
        browser.open(f"{address}/frame")
        browser.find("#go").click()
        browser.enter_frame("#shop")
        with self.assertRaises(AssertionError):
            browser.find("#to-cart", seconds=3)

    NONE = {"profile.default_content_setting_values.cookies": 2}

    def test_this_browser_keeps_no_cookie_at_all(self):
        browser = self.browser(self.NONE)
        browser.open(f"https://{SHOP}:{servers()[1]}/cookies")
        self.assertEqual(browser.find("#kept").text, "")

    def test_a_cart_returns_from_a_frame_without_any_cookie(self):
        browser = self.start("iframe", self.NONE)
        self.shop_and_return(browser, "frames-no-cookies.png")

    def test_a_cart_returns_from_a_window_without_any_cookie(self):
        browser = self.start("window", self.NONE)
        browser.find("#to-cart")
        root = browser.url.rsplit("/", 1)[0]
        self.assertRegex(root, r"/_punchout/s/[\w-]{22}$")
        # Again and back are ways within the session's own pages; an address that is typed or sent to somebody is not.
        browser.again()
        browser.find("#to-cart").click()
        browser.find(".checkout")
        browser.back()
        browser.find("#to-cart")
        self.assertEqual(browser.url, root + "/")
        browser.open(root + "/cart")
        browser.find("#stranger")
        self.assertNotIn("/s/", browser.url)
        browser.back()
        self.shop_and_return(browser)

    def test_what_a_script_asks_for_stays_in_a_session_without_any_cookie(self):
        browser = self.start("iframe", self.NONE)
        browser.find("#by-script").click()
        browser.wait(lambda: browser.find("#added").text == "added sku=A-1", "the script's request was a visitor's")
        browser.find("#go-by-script").click()
        browser.find(".checkout").click()
        browser.leave_frames()
        browser.find("#received")
        self.assertEqual(System.arrived[0]["NEW_ITEM-VENDORMAT[1]"], ["A-1"])

    def test_a_buyer_whose_sessions_need_cookies_is_told_so_in_the_frame(self):
        browser = self.start("iframe", self.NONE, cookies="required")
        browser.wait(lambda: "PO-NO-COOKIES" in browser.source, "nobody was told")
        self.assertEqual(browser.all("#stranger"), [])

    def test_a_strict_cookie_survives_a_post_from_another_site_by_a_page(self):
        self.shop_and_return(self.start("window", self.BLOCKED, onward="page"))


if __name__ == "__main__":
    unittest.main()
