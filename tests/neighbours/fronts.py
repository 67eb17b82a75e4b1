"""nginx, HAProxy, Apache and Caddy with the very files of deploy/: only addresses, and where certificate and log lie, are
put in their places."""

import os
from pathlib import Path

from processes import TESTS, Process

DEPLOY = TESTS.parent / "deploy"


def filled(name, places):
    """A file of deploy/ with every one of `places` replaced; that one is missing is an error, for then it is not tested."""
    text = (DEPLOY / name).read_text()
    for said, meant in places.items():
        if said not in text:
            raise AssertionError(f"deploy/{name} does not say {said!r}")
        text = text.replace(said, str(meant))
    return text


class Front:
    """One front proxy: how its file is made from the shipped one, and how it is started."""

    def __init__(self, folder, ports, pem, key):
        self.folder, self.pem, self.key = Path(folder), pem, key
        self.plain, self.tls, self.proxy, self.admin = ports
        self.log_file = self.folder / "shop.log"
        self.process = self.start()

    def start(self):
        raise NotImplementedError

    def written(self, name, text):
        file = self.folder / name
        file.write_text(text)
        return file

    @property
    def logged(self):
        """All it has written: requests, and what it says of itself."""
        return self.process.log + (self.log_file.read_text() if self.log_file.exists() else "")


class Nginx(Front):
    def start(self):
        site = filled("nginx/punchout-proxy.conf", {
            "127.0.0.1:8080": f"127.0.0.1:{self.proxy}",
            "listen 80;": f"listen 127.0.0.1:{self.plain};",
            "listen 443 ssl http2;": f"listen 127.0.0.1:{self.tls} ssl http2;",
            "/etc/ssl/shop.example.pem": self.pem,
            "/etc/ssl/shop.example.key": self.key,
            "/var/log/nginx/shop.log": self.log_file,
        })
        self.written("site.conf", site)
        kept = "".join(f"{name}_temp_path {self.folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        # A worker started by root is nobody's unless it is told otherwise, and could not write into the folder.
        user = "user root;" if os.geteuid() == 0 else ""
        file = self.written("nginx.conf", f"{user} daemon off; worker_processes 1; pid {self.folder}/pid; error_log stderr; "
                            f"events {{}} http {{ {kept} include {self.folder}/site.conf; }}\n")
        return Process("nginx", ["nginx", "-e", "stderr", "-c", file], self.tls)


class HAProxy(Front):
    def start(self):
        both = self.written("both.pem", Path(self.pem).read_text() + Path(self.key).read_text())
        file = self.written("haproxy.cfg", filled("haproxy/haproxy.cfg", {
            "127.0.0.1:8080": f"127.0.0.1:{self.proxy}",
            "port 9090": f"port {self.admin}",
            "inter 2s": "inter 100ms",
            "bind :80\n": f"bind 127.0.0.1:{self.plain}\n",
            "bind :443": f"bind 127.0.0.1:{self.tls}",
            "/etc/haproxy/shop.example.pem": both,
            "log /dev/log local0": "log stdout format raw local0",
        }))
        return Process("haproxy", ["haproxy", "-db", "-f", file], self.tls)


class Apache(Front):
    MODULES = "mpm_event authz_core setenvif socache_shmcb ssl http2 headers alias proxy proxy_http".split()

    def start(self):
        site = filled("apache/punchout-proxy.conf", {
            "127.0.0.1:8080": f"127.0.0.1:{self.proxy}",
            "<VirtualHost *:80>": f"<VirtualHost 127.0.0.1:{self.plain}>",
            "<VirtualHost *:443>": f"<VirtualHost 127.0.0.1:{self.tls}>",
            "/etc/ssl/shop.example.pem": self.pem,
            "/etc/ssl/shop.example.key": self.key,
            "/var/log/apache2/shop.log": self.log_file,
        })
        folder = "/usr/lib/apache2/modules"
        # Debian builds some modules into the program.
        modules = "".join(f"LoadModule {name}_module {folder}/mod_{name}.so\n" for name in self.MODULES
                          if Path(folder, f"mod_{name}.so").exists())
        user = "User www-data\nGroup www-data\n" if os.geteuid() == 0 else ""
        file = self.written("apache.conf", f"ServerRoot {self.folder}\nServerName shop.example\nPidFile {self.folder}/pid\n"
                            f"DefaultRuntimeDir {self.folder}\nErrorLog /dev/stderr\n{user}{modules}"
                            f"Listen 127.0.0.1:{self.plain}\nListen 127.0.0.1:{self.tls}\n{site}")
        return Process("apache", ["apache2", "-D", "FOREGROUND", "-f", file], self.tls)


class Caddy(Front):
    def start(self):
        site = filled("caddy/Caddyfile", {
            "127.0.0.1:8080": f"127.0.0.1:{self.proxy}",
            "health_port 9090": f"health_port {self.admin}",
            "health_interval 2s": "health_interval 100ms",
            "#tls /etc/ssl/shop.example.pem /etc/ssl/shop.example.key": f"tls {self.pem} {self.key}",
            "/var/log/caddy/shop.log": self.log_file,
        })
        top = f"{{\n\tadmin off\n\thttp_port {self.plain}\n\thttps_port {self.tls}\n\tdefault_bind 127.0.0.1\n}}\n"
        file = self.written("Caddyfile", top + site)
        # It keeps what it does not need here in its home.
        home = {"HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)}
        return Process("caddy", ["caddy", "run", "--adapter", "caddyfile", "--config", file], self.tls, **home)
