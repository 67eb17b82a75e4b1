"""A shop of a few pages with one article in its cart, for tests in which only the way there and back matters; django-oscar's
journeys are elsewhere. It is that of tests/common/punchout.rs, for browsers."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

# Its rules, for proxy.toml: stands behind [shop] and its `origin`.
RULES = """
[shop.sign_in]
page = "/login"
form = "form"
fields = { user = "{username}", pass = "{password}" }
success = { element = "a[href='/logout']" }
[shop.deny]
paths = ["/checkout/**", "/logout"]
[shop.cart]
page = "/cart"
line = "tr.line"
name = "td.name"
sku = "td.sku"
quantity = "td.quantity"
price = "td.price"
currency = "NOK"
checkout = ["a.checkout"]
"""
CART = """<table><tr class=line><td class=name>Bor &amp; sag</td><td class=sku>A-1</td><td class=quantity>2</td>
<td class=price>12,50</td></tr></table><a class=checkout href=/checkout>Checkout</a>"""
# What scripts do: the address is put together from the root, and the answer is shown.
SCRIPT = """document.getElementById('by-script').onclick = function () {
  fetch('/api/' + 'add', { method: 'POST', body: 'sku=A-1' })
    .then(function (answer) { return answer.text(); })
    .then(function (text) { document.getElementById('added').textContent = text; });
};
document.getElementById('go-by-script').onclick = function () { location.href = '/' + 'cart'; };
"""


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body, status=200, **headers):
        self.send_response(status)
        headers = {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(body.encode())), **headers}
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body.encode())

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()

    def form(self):
        return parse_qs(self.body(), keep_blank_values=True)


class Shop(Answering):
    """Whoever has the cookie is signed in, and only they see a cart."""

    headers_of_pages = {}

    def page(self, body, **more):
        self.answer(f"<!doctype html><html><body>{body}</body></html>", **self.headers_of_pages, **more)

    def is_signed_in(self):
        return "sid=signed-in" in self.headers.get("Cookie", "")

    def do_GET(self):
        if self.path == "/login":
            return self.page("<form method=post><input name=user><input name=pass></form>")
        if self.path == "/shop.js":
            return self.answer(SCRIPT, Content_Type="text/javascript")
        if not self.is_signed_in():
            return self.page("<p id=stranger>You are not signed in</p>")
        if self.path == "/cart":
            return self.page(f"<a href=/logout>bye</a>{CART}")
        self.page("""<a href=/logout>bye</a> <a id=to-cart href=/cart>cart</a> <p id=added></p>
            <button id=by-script>Add</button> <button id=go-by-script>Go</button><script src=/shop.js></script>""")

    def do_POST(self):
        body = self.body()
        if self.path == "/api/add":
            return self.answer(f"added {body}" if self.is_signed_in() else "a stranger's", Content_Type="text/plain")
        self.page("<a href=/logout>bye</a>", Set_Cookie="sid=signed-in; Path=/; HttpOnly; SameSite=Strict")


def serve(handler, context=None):
    """Serves on a free port until the tests end; over TLS with a context."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
