"""The running program, looked at through its admin listener with a Prometheus parser that is not ours."""
import hashlib
import os
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from prometheus_client.openmetrics.parser import text_string_to_metric_families

PROGRAM = os.environ["PUNCHOUT_PROXY"]


def free():
    import socket
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Admin(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.port, self.admin = free(), free()
        self.file = Path(self.folder.name, "proxy.toml")
        self.good = (f'listen = "127.0.0.1:{self.port}"\nadmin = "127.0.0.1:{self.admin}"\nworkers = 1\n'
                     '[shop]\norigin = "http://127.0.0.1:1"\npreset = "django-oscar"\n')
        self.file.write_text(self.good)
        self.log = open(Path(self.folder.name, "log"), "w+")
        self.addCleanup(self.log.close)
        self.program = subprocess.Popen([PROGRAM, "run", "--config", self.file], stderr=self.log)
        self.addCleanup(self.end)
        self.until("it is ready", lambda: self.health() == 0)

    def end(self):
        self.program.terminate()
        self.assertEqual(self.program.wait(30), 0)

    def until(self, what, is_so):
        begin = time.monotonic()
        while not is_so():
            self.assertLess(time.monotonic() - begin, 20, what)
            time.sleep(0.05)

    def health(self):
        return subprocess.run([PROGRAM, "health", "--config", self.file], capture_output=True).returncode

    def ask(self, path, method="GET", body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin}{path}", body, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode(), answer.headers["Content-Type"]

    def samples(self):
        text, kind = self.ask("/metrics")
        self.assertIn("openmetrics-text", kind)
        families = list(text_string_to_metric_families(text))
        self.assertGreater(len(families), 10)
        for family in families:
            self.assertTrue(family.documentation, family.name)
        return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}

    def test_every_family_parses_and_a_broken_file_shows_and_changes_nothing(self):
        checksum = lambda: ("punchout_configuration", (("sha256", hashlib.sha256(self.good.encode()).hexdigest()),))
        samples = self.samples()
        self.assertEqual(samples[checksum()], 1)
        self.assertEqual(samples["punchout_configuration_last_reload_successful", ()], 1)
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=10)
        self.assertEqual(refused.exception.code, 502)
        refused.exception.close()
        samples = self.samples()
        self.assertEqual(samples["punchout_visitor_requests_total", ()], 1)
        self.assertEqual(samples["punchout_problems_total", (("code", "PO-SHOP-UNREACHABLE"),)], 1)

        self.file.write_text(self.good.replace("origin", "orogin"))
        self.program.send_signal(signal.SIGHUP)
        self.until("the reload is counted", lambda: self.samples().get(("punchout_reloads_total", (("result", "failure"),))) == 1)
        samples = self.samples()
        self.assertEqual(samples["punchout_configuration_last_reload_successful", ()], 0)
        self.assertEqual(samples[checksum()], 1, "the old one is in force")
        self.assertEqual(self.health(), 0)

        self.good += "[session]\nidle = \"5m\"\n"
        self.file.write_text(self.good)
        self.program.send_signal(signal.SIGHUP)
        self.until("the reload is counted", lambda: self.samples().get(("punchout_reloads_total", (("result", "success"),))) == 1)
        samples = self.samples()
        self.assertEqual(samples["punchout_configuration_last_reload_successful", ()], 1)
        self.assertEqual(samples[checksum()], 1)
        self.assertEqual(len([key for key in samples if key[0] == "punchout_configuration"]), 1)

    def test_the_log_is_turned_while_it_runs(self):
        self.assertEqual(self.ask("/log-level")[0], "info\n")
        self.assertEqual(self.ask("/log-level", "PUT", b"error")[0], "error\n")
        self.assertEqual(self.ask("/log-level")[0], "error\n")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            self.ask("/log-level", "PUT", b"loud")
        self.assertEqual(refused.exception.code, 400)
        refused.exception.close()
        before = Path(self.log.name).read_text()
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=10)
        refused.exception.close()
        self.assertEqual(Path(self.log.name).read_text(), before, "a warning at level error")
        self.ask("/log-level", "PUT", b"warn")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=10)
        refused.exception.close()
        self.until("the warning", lambda: "PO-SHOP-UNREACHABLE" in Path(self.log.name).read_text()[len(before):])


if __name__ == "__main__":
    unittest.main()
