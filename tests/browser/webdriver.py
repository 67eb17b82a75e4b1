"""A browser driven by the W3C WebDriver protocol, with nothing but Python's standard library.

https://www.w3.org/TR/webdriver2/ names every command used here.
"""

import base64
import json
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key that marks an element in answers: fixed by the standard."""


class Refused(Exception):
    """The driver answered with an error; `code` is the standard's name for it."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message.splitlines()[0] if message else ''}")
        self.code = code


class Element:
    """One element of the page that was open when it was found."""

    def __init__(self, browser, id):
        self.browser, self.id = browser, id

    def _ask(self, method, path, body=None):
        return self.browser._ask(method, f"/element/{self.id}{path}", body)

    def click(self):
        """Out from under what is fixed to the window's edges first, as a person scrolls."""
        center = "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})"
        self.browser.execute(center, {ELEMENT: self.id})
        self._ask("POST", "/click", {})

    def clear(self):
        self._ask("POST", "/clear", {})

    def type(self, text):
        self._ask("POST", "/value", {"text": text})

    @property
    def text(self):
        """As it is shown: whitespace folded, hidden parts left out."""
        return self._ask("GET", "/text")

    def attribute(self, name):
        return self._ask("GET", f"/attribute/{name}")


class Browser:
    """A session at a driver. Leaving the `with` block closes the browser."""

    def __init__(self, driver, arguments, preferences=None):
        """`driver` is chromedriver's address; `arguments` and `preferences` are Chromium's."""
        chromium = {"args": arguments, "prefs": preferences or {}}
        capabilities = {"browserName": "chrome", "goog:chromeOptions": chromium, "pageLoadStrategy": "normal"}
        self._session, self._closed = driver, False
        answer = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self._session = f"{driver}/session/{answer['sessionId']}"
        self._ask("POST", "/timeouts", {"pageLoad": 30_000, "script": 10_000, "implicit": 0})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Closes the browser; a second time nothing happens."""
        if not self._closed:
            self._closed = True
            self._ask("DELETE", "")

    def _ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._session + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as refused:
            value = json.load(refused)["value"]
            raise Refused(value["error"], value["message"]) from None

    def open(self, url):
        self._ask("POST", "/url", {"url": url})

    def again(self):
        """Loads the page anew, as its reload button does."""
        self._ask("POST", "/refresh", {})

    def back(self):
        self._ask("POST", "/back", {})

    @property
    def url(self):
        return self._ask("GET", "/url")

    @property
    def title(self):
        return self._ask("GET", "/title")

    @property
    def source(self):
        """The page as the browser understood it, not the bytes that came."""
        return self._ask("GET", "/source")

    def enter_frame(self, selector):
        """What is asked from here on is asked of the page in that frame."""
        self._ask("POST", "/frame", {"id": {ELEMENT: self.find(selector).id}})

    def leave_frames(self):
        """Back to the page around all frames."""
        self._ask("POST", "/frame", {"id": None})

    def all(self, selector):
        """Every element a CSS selector finds now."""
        found = self._ask("POST", "/elements", {"using": "css selector", "value": selector})
        return [Element(self, one[ELEMENT]) for one in found]

    def find(self, selector, seconds=10):
        """The first element a CSS selector finds, waited for."""
        self.wait(lambda: self.all(selector), f"no {selector!r}", seconds)
        return self.all(selector)[0]

    def wait(self, ready, complaint, seconds=10):
        """Until `ready()` is true; else the complaint with the page's address and beginning."""
        end = time.monotonic() + seconds
        while True:
            try:
                result = ready()
            except Refused as refused:
                # Between two pages: the old one's elements are gone.
                if refused.code not in ("stale element reference", "no such element", "no such window"):
                    raise
                result = None
            if result:
                return result
            if time.monotonic() > end:
                shown = self.all("body")
                raise AssertionError(f"{complaint} at {self.url}:\n{shown[0].text[:1500] if shown else '(no body)'}")
            time.sleep(0.05)

    def execute(self, script, *arguments):
        """Runs a function body in the page, by the debugger: also where pages may run none themselves."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    @property
    def cookies(self):
        return self._ask("GET", "/cookie")

    def clear_cookies(self):
        self._ask("DELETE", "/cookie")

    def screenshot(self, file, whole=False):
        """Of the window; of the `whole` page, when the window is made as high as it."""
        if whole:
            height = self.execute("return document.documentElement.scrollHeight")
            self._ask("POST", "/window/rect", {"width": 1280, "height": min(height + 200, 6000)})
        with open(file, "wb") as out:
            out.write(base64.b64decode(self._ask("GET", "/screenshot")))
