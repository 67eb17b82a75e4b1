"""A shop of three pages, for one test: a sign-in form, a start page, and a cart of 5 MB that leaves slowly.

It is written with sockets in mind, not shops: every answer is chunked by hand, and the cart's pieces come one by one.
"""

import http.server
import threading
import time

USER, PASSWORD = "storkunde", "Hemmelig-456"
LINES = 1000
SIZE = 5_000_000
SECONDS = 4.0
"""How long a slow cart takes to leave."""

PAGE = '<!doctype html><html lang="nb"><head><meta charset="utf-8"><title>Butikk</title></head><body>{}</body></html>'
SIGN_IN = PAGE.format(
    '<form method="post" action="/login"><input type="hidden" name="token" value="t1"><input name="user">'
    '<input type="password" name="password"><button name="in" value="1">Logg inn</button></form>'
)
START = PAGE.format('<a href="/logout">Logg ut</a> <a href="/cart">Handlekurv</a>')

# What proxy.toml says of it: keys of [shop], [shop.sign_in] and [shop.cart].
RULES = {
    "shop": {"start": "/"},
    "sign_in": {
        "page": "/login",
        "fields": {"user": "{username}", "password": "{password}"},
        "success": {"element": "a[href='/logout']"},
    },
    "cart": {
        "page": "/cart",
        "line": "#cart tr.line",
        "name": ".name a",
        "sku": ".sku",
        "quantity": "input.quantity@value",
        "price": ".price",
        "checkout": "a.checkout",
        "max_lines": 2000,
    },
}


def line(number):
    """Padding first: the values stand at the end of some 5,000 bytes of markup and text."""
    filler = f"<span class='note'>Linje {number}: rustfritt stål &amp; messing, tåler kulde. </span>"
    times = (SIZE // LINES - 250) // len(filler.encode()) + 1
    return (
        f"<tr class='line' id='l{number}'><td class='about'>{filler * times}</td>"
        f"<td class='name'><a href='/p/{number}'>Bolt M{number} &quot;galvanisert&quot;</a></td>"
        f"<td class='sku'>B-{number:04}</td><td><input class='quantity' name='q{number}' value='{number}'></td>"
        f"<td class='price'>{number},25 kr</td></tr>\n"
    )


def cart():
    """The cart page in pieces, one a line."""
    head, tail = PAGE.split("{}")
    yield head + "<table id='cart'><tbody>"
    for number in range(1, LINES + 1):
        yield line(number)
    yield "</tbody></table><a class='checkout' href='/checkout'>Til kassen</a>" + tail


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    @property
    def signed_in(self):
        return "sid=right" in self.headers.get("Cookie", "")

    def send(self, status, pieces=(), **headers):
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        for piece in pieces:
            data = piece.encode()
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.write(b"0\r\n\r\n")

    def do_GET(self):
        page = self.path.partition("?")[0]
        if page == "/login":
            self.send(200, [SIGN_IN])
        elif page == "/" and self.signed_in:
            self.send(200, [START])
        elif page == "/cart" and self.signed_in:
            self.send(200, self.cart(slow="slow" in self.path))
        else:
            self.send(302, Location="/login")

    def cart(self, slow):
        started = time.monotonic()
        for number, piece in enumerate(cart()):
            yield piece
            if slow and number % 10 == 0:
                # By the clock, so that a slow machine does not make it slower still.
                time.sleep(max(0.0, started + SECONDS * number / LINES - time.monotonic()))
        if slow:
            self.server.finished = time.monotonic()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if f"user={USER}" in body and f"password={PASSWORD}" in body and "token=t1" in body:
            self.send(302, Location="/", Set_Cookie="sid=right; Path=/; HttpOnly")
        else:
            self.send(200, [SIGN_IN])


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    finished = None
    """When the last slow cart had left, by the monotonic clock."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"
