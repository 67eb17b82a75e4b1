"""A visitor's whole session at the real shop, once with the proxy and once without: what arrives is the same.

The shop itself answers no page twice alike: tokens against forged forms, and the padding that Django gives to compressed
pages, are random, and pages tell the minute in which they were made. Those are taken out on both sides; static files are
compared as they are.
"""

import gzip
import re
import unittest

from journey import Journey
from processes import WORK
from raw import Raw

# RFC 9110, 7.6.1: of a connection, not of an answer; and the clock.
OWN = {"connection", "keep-alive", "transfer-encoding", "date"}
TOKEN = re.compile(rb'(name="csrfmiddlewaretoken" value=")[^"]+')
CREATED = re.compile(rb'(<meta name="created" content=")[^"]+')
BIG = "/static/big.bin"
STYLES = "/static/oscar/css/styles.css"
JAM = "/catalogue/blabxe6rsyltetxf8y-xc6rxf8-xd8rsted-250-g_2/"

VISIT = [
    ("GET", "/", {}),
    ("GET", "/catalogue/", {"Accept-Language": "de"}),
    ("GET", "/catalogue/x_2/", {}),
    ("GET", JAM, {"Accept-Encoding": "gzip"}),
    ("GET", "/catalogue/category/verktxf8y_1/?sort_by=price-desc", {}),
    ("GET", "/search/?q=pumpe+%3C%3E", {}),
    ("GET", "/basket/", {}),
    ("POST", "/basket/add/2/", {"quantity": "1"}),
    ("GET", "/basket/", {"Accept-Language": "nb"}),
    ("GET", "/accounts/login/", {}),
    ("GET", "/checkout/", {}),
    ("GET", "/no/such/page", {}),
    ("GET", "//checkout/", {}),
    ("GET", "/%63atalogue/?a=%2f&b", {}),
    ("OPTIONS", "/", {}),
    ("HEAD", STYLES, {}),
    ("GET", STYLES, {}),
    ("GET", STYLES, {"Accept-Encoding": "gzip, br"}),
    ("GET", STYLES, {"If-Modified-Since": "Tue, 01 Jan 2999 00:00:00 GMT"}),
    ("GET", BIG, {}),
    ("GET", BIG, {"Range": "bytes=1000-1999"}),
    ("GET", BIG, {"Range": "bytes=-1"}),
    ("GET", BIG, {"Range": "bytes=99999999-"}),
]


def told(answer):
    """What of an answer must be the same."""
    body = answer.body
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        if answer.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        body = CREATED.sub(rb"\1", TOKEN.sub(rb"\1", body))
    headers = []
    for name, value in answer.headers.items():
        if name.lower() == "set-cookie":
            # Signed and dated; attributes stay.
            value = re.sub(r"^([^=]+)=[^;]*(; expires=[^;]+)?", r"\1=..", value)
        # The padding of a compressed page has a random length.
        if name.lower() == "content-length" and body is not answer.body and "Content-Encoding" in answer.headers:
            value = ".."
        if name.lower() not in OWN:
            headers.append((name.lower(), value))
    return answer.status, sorted(headers), body


class Visitor(Journey):
    def visit(self, address, host):
        raw, answers = Raw(address), []
        for method, target, more in VISIT:
            if method == "POST":
                token = {"csrfmiddlewaretoken": raw.token(JAM)}
                fields, headers = {**token, **more}, {"Referer": f"http://{host}/", "Origin": f"http://{host}"}
            else:
                fields, headers = None, more
            answers.append(raw.ask(method, target, fields, {"Host": host, **headers}))
        return answers

    def test_a_visit_is_the_same_with_and_without_us(self):
        with open(WORK / "shop/static/big.bin", "rb") as big:
            self.assertEqual(len(big.read()), 10 * 1024 * 1024)
        proxy = self.proxy()
        # The same Host on both ways: the shop builds addresses of it.
        host = proxy.address.removeprefix("http://")
        without = self.visit(self.shop.address, host)
        self.shop.forget()
        through = self.visit(proxy.address, host)
        for (method, target, more), one, other in zip(VISIT, without, through, strict=True):
            with self.subTest(f"{method} {target} {more}"):
                # Not the bodies themselves: 10 MiB are no message.
                self.assertEqual(told(one)[:2], told(other)[:2])
                self.assertTrue(told(one)[2] == told(other)[2], "the bodies differ")
        compressed = [answer for answer in without if "Content-Encoding" in answer.headers]
        self.assertEqual(len(compressed), 2, "a page and a file")
        statuses = {answer.status for answer in without}
        self.assertLessEqual({200, 206, 302, 304, 404, 416}, statuses, "the visit is less than it was meant to be")


if __name__ == "__main__":
    unittest.main()
