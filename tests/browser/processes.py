"""The programs a journey needs, each on a free port of the loopback address and ended with the tests, whatever happens."""

import atexit
import ctypes
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
WORK = Path(os.environ.get("TESTS_WORK", TESTS / ".work"))
LOGS = WORK / "logs"
PR_SET_PDEATHSIG = 1

# Python ends on SIGTERM without a word, and chromedriver so ended leaves its browsers running. As an interrupt it
# reaches `atexit`, through unittest too.
signal.signal(signal.SIGTERM, signal.default_int_handler)


def free_port():
    """A port that nobody listens on now. Somebody may take it before its user does: all users are ours."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Process:
    """A running program whose output goes to a file of its own in the work folder."""

    _count = 0

    def __init__(self, name, command, port=None, cwd=None, **environment):
        LOGS.mkdir(parents=True, exist_ok=True)
        Process._count += 1
        self.name, self.port = name, port
        self.log_file = LOGS / f"{os.getpid()}-{Process._count:02}-{name}.log"
        with open(self.log_file, "wb") as log:
            self._process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
                # A group of its own, so that a driver's browsers end with it.
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        atexit.register(self.end)
        if port is not None:
            self._wait_until_listening()

    def _wait_until_listening(self, seconds=60):
        end = time.monotonic() + seconds
        while True:
            if self._process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self._process.returncode}:\n{self.log}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > end:
                    raise RuntimeError(f"{self.name} does not listen on {self.port}:\n{self.log}") from None
                time.sleep(0.05)

    @property
    def pid(self):
        return self._process.pid

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self):
        """All it has written until now."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def end(self):
        """Ends it and all that it started; a second time nothing happens."""
        atexit.unregister(self.end)
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Hook(Process):
    """The procurement system: PHP's form parser, or nothing."""

    # Another site than the shop's to a browser: as in life, and SameSite and form-action mean something.
    host = "procurement.localhost"

    def __init__(self):
        port = free_port()
        self.keep = WORK / f"hook-{os.getpid()}-{port}"
        self.keep.mkdir(parents=True)
        self._seen = 0
        command = ["php", "-d", "variables_order=GPCS", "-S", f"127.0.0.1:{port}", TESTS / "hook/hook.php"]
        super().__init__("hook", command, port, HOOK_KEEP=str(self.keep))

    @property
    def origin(self):
        return f"http://{self.host}:{self.port}"

    def arrivals(self):
        """What was posted since the last time this was asked, oldest first."""
        files = sorted(self.keep.glob("*.json"), key=lambda file: int(file.stem))
        new = [json.loads(file.read_text()) for file in files[self._seen :]]
        self._seen = len(files)
        return new


class Driver(Process):
    """chromedriver, with Chromium as the project's rules have it started."""

    ARGUMENTS = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-proxy-server",
        "--window-size=1280,1000",
    ]

    def __init__(self):
        port = free_port()
        super().__init__("chromedriver", ["chromedriver", f"--port={port}"], port)

    def browser(self, script=True, languages="nb-NO,nb", arguments=(), preferences=None):
        """A browser with an empty profile; without `script`, pages run none (what the driver asks for still runs)."""
        from webdriver import Browser

        preferences = {"intl.accept_languages": languages, **(preferences or {})}
        if not script:
            preferences["profile.managed_default_content_settings.javascript"] = 2
        return Browser(self.address, [*self.ARGUMENTS, *arguments], preferences)
