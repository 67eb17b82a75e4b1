"""The one place that knows the proxy's command line, its proxy.toml, its own addresses and how its problem pages look."""

import html
import json
import os
import re
import time
from urllib.parse import quote, quote_plus

from processes import TESTS, WORK, Process, free_port
from shop import BUYER

BINARY = os.environ.get("PUNCHOUT_PROXY", TESTS.parent / "target/release/punchout-proxy")
ENTRY = "/_punchout/enter"
COOKIE = "punchout"

USERNAME = "acme"
PASSWORD = "Grønn+te & 4%"
HOOK_SECRET = "hook-session-7731"
HOOK_PATH = f"/hook?client=100&sess={HOOK_SECRET}&x=a%26b"
HOOK_QUERY = {"client": "100", "sess": HOOK_SECRET, "x": "a&b"}
"""How PHP reads the query in HOOK_PATH."""

PROBLEM = re.compile(r"<code>(PO-[A-Z-]+)</code></dd>.*?<dd><code>([A-Z2-7]{8})</code></dd>", re.DOTALL)
"""Code and reference at the foot of a problem page."""


def toml(value):
    """A value as TOML writes it: a JSON string is a TOML string too."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {toml(one)}" for name, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def proxy_toml(listen, origin, hooks, *, account=BUYER, accounts=None, way="page", form=None, session=None, public=None, buyer=None, top=None, **tables_of_shop):
    """django-oscar by its preset, with keys of [shop.sign_in], [shop.cart] or [shop.deny] over it; with keys of [shop]
    itself, another shop."""
    more = {"shop": {"preset": "django-oscar"}, "sign_in": {}, "cart": {}, "deny": {}, **tables_of_shop}
    tables = {
        "session": session or {},
        "shop": {"origin": origin, **more["shop"]},
        "shop.sign_in": more["sign_in"],
        "shop.cart": {"return": way, "currency": "NOK", **more["cart"]},
        "shop.deny": more["deny"],
        "shop.product": more.get("product"),
        "shop.details": more.get("details"),
        "[buyer]": {
            "name": "acme",
            "username": USERNAME,
            "password": PASSWORD,
            "hooks": hooks,
            "accounts": accounts
            if isinstance(accounts, dict)
            else [{"username": name, "password": password} for name, password in accounts or [account]],
            "default_unit": "PCE",
            "form": {"charset": "utf-8", **(form or {})},
            **(buyer or {}),
        },
    }
    text = [f"listen = {toml(f'127.0.0.1:{listen}')}", "workers = 2"]
    text += [f"{key} = {toml(value)}" for key, value in (top or {}).items()]
    if public:
        text.append(f"public = {toml(public.format(port=listen))}")
    for name, keys in tables.items():
        if keys:
            text += [f"\n[{name}]", *(f"{key} = {toml(value)}" for key, value in keys.items())]
    return "\n".join(text) + "\n"


class Proxy(Process):
    """punchout-proxy in front of a shop, with a `proxy.toml` of its own."""

    def __init__(self, origin, hooks, **changes):
        port = free_port()
        self.config = WORK / f"proxy-{os.getpid()}-{port}.toml"
        self.config.write_text(proxy_toml(port, origin, hooks, **changes), encoding="utf-8")
        super().__init__("proxy", [BINARY, "run", "--config", self.config], port, cwd=WORK)

    @property
    def entry(self):
        return self.address + ENTRY


def call(hook, **more):
    """The parameters of a catalog call; what is None is left out."""
    fields = {"HOOK_URL": hook, "USERNAME": USERNAME, "PASSWORD": PASSWORD, **more}
    return {name: value for name, value in fields.items() if value is not None}


def spellings(secret):
    """A secret in every form in which it may stand in a log."""
    forms = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), html.escape(secret)}
    forms |= {json.dumps(form)[1:-1] for form in forms}
    return forms | {quote(secret.encode("latin-1"), safe="")}


def told(page):
    """Code and reference of a problem page; (None, None) for any other page."""
    found = PROBLEM.search(page)
    return found.groups() if found else (None, None)


def log_lines(proxy, *words, seconds=3):
    """The proxy's log lines that hold all the words, waited for: a log may be a moment behind."""
    end = time.monotonic() + seconds
    while True:
        lines = [line for line in proxy.log.splitlines() if all(word in line for word in words)]
        if lines or time.monotonic() > end:
            return lines
        time.sleep(0.05)
