"""Requests as no browser writes them: the target goes out letter by letter, and cookies are whatever is asked for."""

import http.client
import re
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode("utf-8", errors="replace")

    @property
    def location(self):
        return self.headers.get("Location", "")


class Raw:
    """A client with a cookie jar of its own for one address."""

    def __init__(self, address, cookies=None):
        self.address, self.cookies = address, dict(cookies or {})
        self.authority = urlsplit(address).netloc

    def connection(self):
        return http.client.HTTPConnection(self.authority, timeout=30)

    def ask(self, method, target, fields=None, headers=None, body=None):
        """`target` is not touched; `fields` are sent as a form. Redirects are not followed."""
        headers = {"Host": self.authority, "Accept": "text/html", "User-Agent": "journey", **(headers or {})}
        if self.cookies:
            headers.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        if fields is not None:
            body = urlencode(fields).encode()
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        connection = self.connection()
        try:
            # http.client refuses nothing but control characters and blanks in a target.
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            if body is not None:
                headers["Content-Length"] = str(len(body))
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        for line in answer.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        return Answer(answer.status, answer.headers, content)

    def token(self, page="/basket/"):
        """Django's token against forged forms, as the page prints it now."""
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.ask("GET", page).text)
        return found.group(1) if found else ""

    def post(self, target, fields, headers=None):
        """A form with Django's token, as the shop's own pages send it."""
        token = {"csrfmiddlewaretoken": self.token()}
        headers = {"Referer": self.address + "/", "Origin": self.address, **(headers or {})}
        return self.ask("POST", target, {**token, **fields}, headers)
