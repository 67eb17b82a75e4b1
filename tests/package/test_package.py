"""The Debian package: what is in it, what lintian says, and its whole life on a machine with systemd: installed, started,
reloaded, killed, removed, purged, and nothing left.

That machine is this one's own files under an overlay, booted by systemd-nspawn with a network of its own: nothing of it
is seen outside, and it is gone afterwards. It needs root.
"""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
PROGRAM = Path(os.environ["PUNCHOUT_PROXY"]).resolve()


def run(*command, **more):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **more)
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


class Files(unittest.TestCase):
    """Files of deploy/ for what is not on this machine, by those who know what may stand in them."""

    LINTERS = Path(os.environ.get("TESTS_WORK", TESTS / ".work")) / "linters/bin"
    DEPLOY = TESTS.parent / "deploy"

    def test_the_container_file(self):
        run(self.LINTERS / "hadolint", self.DEPLOY / "container/Containerfile")

    def test_the_sidecar_in_kubernetes(self):
        told = run(self.LINTERS / "kubernetes-validate", "--strict", self.DEPLOY / "kubernetes/sidecar.yaml")
        for resource in ("configmap/punchout-proxy", "service/shop", "deployment/shop"):
            self.assertIn(f"passed for resource {resource}", told)

    def test_traefiks_is_yaml(self):
        told = run(self.LINTERS / "python", "-c", "import sys, yaml; print(yaml.safe_load(open(sys.argv[1]))['http'].keys())",
                   self.DEPLOY / "traefik/punchout-proxy.yaml")
        self.assertIn("serversTransports", told)


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        # Packed quickly; what is shipped is packed well.
        quickly = {**os.environ, "DPKG_DEB_COMPRESSOR_LEVEL": "1"}
        cls.package = Path(run(TESTS.parent / "deploy/deb/build", PROGRAM, cls.folder, env=quickly).strip())

    def test_1_what_is_in_it(self):
        contents = {line.split()[-1]: line.split()[:2] for line in run("dpkg-deb", "--contents", self.package).splitlines()}
        for name, mode in {
            "./usr/bin/punchout-proxy": "-rwxr-xr-x",
            "./usr/lib/systemd/system/punchout-proxy@.service": "-rw-r--r--",
            "./usr/lib/systemd/system/punchout-proxy@.socket": "-rw-r--r--",
            "./usr/share/man/man1/punchout-proxy.1.gz": "-rw-r--r--",
            "./usr/share/man/man1/punchout-proxy-run.1.gz": "-rw-r--r--",
            "./usr/share/bash-completion/completions/punchout-proxy": "-rw-r--r--",
            "./usr/share/zsh/vendor-completions/_punchout-proxy": "-rw-r--r--",
            "./usr/share/fish/vendor_completions.d/punchout-proxy.fish": "-rw-r--r--",
            "./usr/share/punchout-proxy/proxy.schema.json": "-rw-r--r--",
            "./usr/share/doc/punchout-proxy/copyright": "-rw-r--r--",
            "./usr/share/doc/punchout-proxy/examples/proxy.toml": "-rw-r--r--",
            "./etc/punchout-proxy/": "drwxr-xr-x",
            "./etc/logrotate.d/punchout-proxy": "-rw-r--r--",
        }.items():
            self.assertIn(name, contents)
            self.assertEqual(contents[name][0], mode, name)
        self.assertEqual({owner for _, owner in contents.values()}, {"root/root"})
        conffiles = run("dpkg-deb", "--info", self.package, "conffiles").split()
        self.assertEqual(conffiles, ["/etc/logrotate.d/punchout-proxy"])

    def test_2_lintian_has_nothing_to_say(self):
        told = run("lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", self.package)
        self.assertNotRegex(told, r"(?m)^[EW]:")

    def test_3_its_life_under_systemd(self):
        if os.geteuid() != 0:
            self.skipTest("not root: an overlay cannot be mounted, and no machine booted")
        disk = self.folder / "disk"
        disk.mkdir()
        may_mount = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", disk], capture_output=True, text=True)
        if may_mount.returncode != 0:
            self.skipTest(f"root may not mount here, as in most containers: {may_mount.stderr.strip()}")
        run("mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", disk)
        self.addCleanup(run, "umount", "--lazy", disk)
        machine = disk / "machine"
        for name in ("new", "work", "machine"):
            (disk / name).mkdir()
        run("mount", "-t", "overlay", "-o", f"lowerdir=/,upperdir={disk}/new,workdir={disk}/work", "overlay", machine)
        self.addCleanup(run, "umount", "--lazy", machine)
        within = machine / "package-test"
        within.mkdir()
        shutil.copy(self.package, within / "package.deb")
        shutil.copy(TESTS / "package/life", within / "life")
        (machine / "etc/systemd/system/package-test.service").write_text(
            "[Unit]\nSuccessAction=exit-force\nFailureAction=exit-force\nFailureActionExitStatus=1\n"
            "[Service]\nType=oneshot\nExecStart=/package-test/life\nStandardOutput=file:/package-test/log\n"
            "StandardError=inherit\nTimeoutStartSec=150\n")
        # It has no network to wait for.
        for waits in ("systemd-networkd-wait-online", "NetworkManager-wait-online", "ifupdown-wait-online", "networking"):
            unit = machine / f"etc/systemd/system/{waits}.service"
            unit.unlink(missing_ok=True)
            unit.symlink_to("/dev/null")
        # Not systemd's idea of this machine, and not beside another of these.
        (machine / "etc/machine-id").unlink(missing_ok=True)
        (machine / "etc/machine-id").write_text("uninitialized\n")
        tried = subprocess.run(
            ["systemd-nspawn", "--quiet", f"--directory={machine}", f"--machine=package-{os.getpid()}", "--register=no",
             "--keep-unit", "--private-network", "--resolv-conf=off", "--timezone=off", "/bin/true"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, errors="replace")
        if tried.returncode != 0:
            self.skipTest(f"systemd-nspawn cannot run even /bin/true here: {tried.stderr.strip()}")
        booted = subprocess.run(
            ["systemd-nspawn", "--quiet", f"--directory={machine}", f"--machine=package-{os.getpid()}", "--register=no",
             "--keep-unit", "--private-network", "--resolv-conf=off", "--timezone=off", "--boot",
             "systemd.unit=package-test.service"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=170, errors="replace")
        log = within / "log"
        told = log.read_text(errors="replace") if log.exists() else f"it did not boot:\n{booted.stdout}{booted.stderr}"
        print(told)
        self.assertIn("\nall of its life was shown\n", told)
        self.assertEqual(booted.returncode, 0, booted.stderr)
        exposure = re.search(r"Overall exposure level.*: ([0-9.]+) (\w+)", told)
        print(f"note: systemd-analyze security: exposure {exposure.group(1)} {exposure.group(2)}")
        self.assertLess(float(exposure.group(1)), 2.5)


if __name__ == "__main__":
    unittest.main()
