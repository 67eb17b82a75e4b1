#!/usr/bin/env python3
"""punchout-proxy and its peers in turn on this machine, in front of the same origin: medians and ratios.

  compare.py                       all of it: small answers, the cart page passed and rewritten, 10 MiB, TLS, idle memory
  compare.py small cart            only these
  compare.py --rounds 5 --seconds 4 --connections 32,64,256

One worker on one core, load generator and origin on the other; contenders take turns within each round, so that what
disturbs the machine disturbs them all; a round waits until the machine is quiet. Needs nginx haproxy apache2 wrk openssl
(Debian's packages) and a release build. Every ratio is to the first contender of its table.
"""
import argparse
import glob
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "target" / "compare"
TOOLS = HERE / "tools" / "target" / "release"
HERTZ = os.sysconf("SC_CLK_TCK")
ORIGIN = 9001
QUIET = int(os.environ.get("QUIET", "60"))

FIELDS = ["Host: shop.example.no",
          "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
          "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
          "Accept-Language: nb-NO,nb;q=0.9,en;q=0.6", "Accept-Encoding: gzip, deflate, br",
          "Referer: https://shop.example.no/category/12", "Upgrade-Insecure-Requests: 1"]
COOKIE = "sid=8f2c1d6f0b77a1; cart=a81bc81b-dead-4e5d-abff-90865d1e13b1; consent=1"

PROXY_TOML = """
{listen}
workers = 1
compress = false
[log]
level = "error"
{tls}
[shop]
origin = "http://127.0.0.1:{origin}"
[shop.sign_in]
page = "/login"
fields = {{ user = "{{username}}", password = "{{password}}" }}
success = {{ element = "a.logout" }}
[shop.cart]
page = "/cart"
line = "tr.cart-line"
name = "a.product-name"
sku = "span.sku"
quantity = "input.qty-input@value"
price = "span.amount"
currency = "span.currency"
unit = "td.unit"
extra = {{ manufacturer = "span.mref" }}
checkout = ["button.checkout"]
[shop.deny]
paths = ["/checkout/**"]
[[buyer]]
name = "bench"
password = "bench"
hooks = ["https://srm.buyer.example"]
accounts = [{{ username = "u", password = "p" }}]
[buyer.fields]
MANUFACTMAT = {{ from = "manufacturer" }}
"""

# What is compared: path, contenders (the first is the measure), connections.
TABLES = {
    "small": ("/1k", ["nginx", "haproxy", "punchout-proxy", "relay"], None),
    "cart": ("/cart", ["nginx-tuned", "nginx", "haproxy", "punchout-proxy"], "64"),
    "big": ("/10m", ["nginx-tuned", "haproxy", "punchout-proxy"], "8"),
    "rewrite": ("/cart", ["nginx-sub8", "apache-phtml", "punchout-session"], "32"),
    "tls": ("/1k", ["nginx-tls", "punchout-tls"], "64"),
}


def children(pid):
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        for file in glob.glob(f"/proc/{one}/task/*/children"):
            try:
                todo += [int(word) for word in open(file).read().split()]
            except OSError:
                pass
    return found


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        try:
            words = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
            total += int(words[11]) + int(words[12])
        except OSError:
            pass
    return total / HERTZ


def resident_kib(pids):
    total = 0
    for pid in pids:
        try:
            total += next(int(line.split()[1]) for line in open(f"/proc/{pid}/smaps_rollup") if line.startswith("Pss:"))
        except (OSError, StopIteration):
            pass
    return total


def busy():
    """CPU seconds that all cores have spent not idle."""
    total = 0
    for line in open("/proc/stat"):
        if re.match(r"cpu\d", line):
            words = [int(word) for word in line.split()[1:9]]
            total += sum(words) - words[3] - words[4]
    return total / HERTZ


def wait_until_quiet(limit=0.15, seconds=QUIET):
    end = time.time() + seconds
    while time.time() < end:
        before, since = busy(), time.time()
        time.sleep(0.5)
        if (busy() - before) / (time.time() - since) < limit:
            return
    print("   (the machine does not come to rest; measured all the same)", flush=True)


class Contender:
    """One program, running, pinned to a core."""

    def __init__(self, name, port, core="0"):
        self.name, self.port = name, port
        self.tls = name.endswith("-tls")
        run = WORK / name
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir(parents=True)
        command = self.command(run)
        self.log = open(run / "log", "w")
        self.process = subprocess.Popen(["taskset", "-c", core, *map(str, command)], stdout=self.log, stderr=self.log,
                                        stdin=subprocess.DEVNULL, start_new_session=True, cwd=run)
        end = time.time() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if time.time() > end or self.process.poll() is not None:
                    raise SystemExit(f"{name} did not start: {(run / 'log').read_text()[-800:]}") from None
                time.sleep(0.05)
        self.cookie = COOKIE + ("; " + punch_out(port) if name == "punchout-session" else "")

    def command(self, run):
        if self.name == "origin":
            return [TOOLS / "origin", f"127.0.0.1:{self.port}", WORK]
        if self.name == "relay":
            return [TOOLS / "relay", f"127.0.0.1:{self.port}", f"127.0.0.1:{ORIGIN}"]
        if self.name.startswith("punchout"):
            pair = f'[[tls]]\ncertificate = "{WORK}/cert.pem"\nkey = "{WORK}/key.pem"\n' if self.tls else ""
            listen = f'{"listen_tls" if self.tls else "listen"} = "127.0.0.1:{self.port}"'
            (run / "proxy.toml").write_text(PROXY_TOML.format(listen=listen, tls=pair, origin=ORIGIN))
            return [os.environ.get("PUNCHOUT_PROXY", ROOT / "target/release/punchout-proxy"), "run", "--config", run / "proxy.toml"]
        text = (HERE / "conf" / f"{self.name}.conf").read_text()
        for word, value in {"RUN": run, "PORT": self.port, "ORIGIN": ORIGIN, "WORKERS": 1, "APW": 320, "BENCH": WORK}.items():
            text = text.replace(f"@{word}@", str(value))
        (run / "conf").write_text(text)
        return {"nginx": ["nginx", "-c", run / "conf", "-p", run], "haproxy": ["haproxy", "-f", run / "conf", "-db"],
                "apache": ["apache2", "-f", run / "conf", "-DFOREGROUND"]}[self.name.split("-")[0]]

    def pids(self):
        return children(self.process.pid)

    def stop(self):
        pids = self.pids()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(6)
        except subprocess.TimeoutExpired:
            pass
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        self.process.wait()
        self.log.close()


def punch_out(port):
    """Our session cookie, as a buyer's browser gets it."""
    call = urllib.parse.urlencode({"HOOK_URL": "https://srm.buyer.example/sap/hook?sid=7f3a", "USERNAME": "bench", "PASSWORD": "bench"})
    with socket.create_connection(("127.0.0.1", port)) as stream:
        stream.sendall(f"GET /_punchout/enter?{call} HTTP/1.1\r\nHost: shop.example.no\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: stream.recv(65536), b"")).decode("latin-1")
    found = re.search(r"(?i)set-cookie: (punchout=[^;]+)", answer)
    if not found:
        raise SystemExit(f"no session: {answer}")
    return found[1]


def get(contender, path):
    head = "\r\n".join([f"GET {path} HTTP/1.1", *FIELDS, f"Cookie: {contender.cookie}", "Connection: close", "", ""])
    with socket.create_connection(("127.0.0.1", contender.port)) as stream:
        stream.sendall(head.encode())
        return b"".join(iter(lambda: stream.recv(1 << 20), b""))


def load(contender, path, connections, seconds):
    scheme = "https" if contender.tls else "http"
    fields = sum((["-H", field] for field in [*FIELDS, f"Cookie: {contender.cookie}"]), [])
    out = subprocess.run(["taskset", "-c", "1", "wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout",
                          "10s", "--latency", *fields, f"{scheme}://127.0.0.1:{contender.port}{path}"],
                         capture_output=True, text=True).stdout

    def number(pattern, usual=None):
        found = re.search(pattern, out, re.M)
        if not found and usual is None:
            raise SystemExit(f"wrk failed on {contender.name}: {out}")
        return found[1] if found else usual

    def micro(text):
        value, unit = re.match(r"([\d.]+)(us|ms|s)", text).groups()
        return float(value) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]

    return {"rate": float(number(r"Requests/sec:\s+([\d.]+)")), "count": int(number(r"(\d+) requests in")),
            "p50": micro(number(r"^\s+50%\s+(\S+)")), "p99": micro(number(r"^\s+99%\s+(\S+)")),
            "bad": int(number(r"Non-2xx or 3xx responses: (\d+)", "0"))}


def measure(contender, path, connections, seconds):
    load(contender, path, connections, 1)
    pids = contender.pids()
    before = cpu_seconds(pids)
    result = load(contender, path, connections, seconds)
    result["cpu"] = (cpu_seconds(pids) - before) / result["count"] * 1e6
    result["pss"] = resident_kib(pids) / 1024
    return result


def table(name, arguments):
    path, contenders, connections = TABLES[name]
    results = {}
    for turn in range(arguments.rounds):
        at = turn % len(contenders)
        for one in contenders[at:] + contenders[:at]:
            for count in (connections or arguments.connections).split(","):
                wait_until_quiet()
                contender = Contender(one, 8100 + contenders.index(one))
                try:
                    if turn == 0:
                        check(name, contender, path)
                    results.setdefault(count, {}).setdefault(one, []).append(measure(contender, path, count, arguments.seconds))
                finally:
                    contender.stop()
    for count, rows in results.items():
        show(name, path, count, contenders, rows, arguments)
        with open(WORK / "results.jsonl", "a") as file:
            file.write(json.dumps({"table": name, "path": path, "connections": count, "at": time.time(), "rows": rows}) + "\n")


def check(name, contender, path):
    """A contender that answers something else than the others is not compared."""
    if contender.tls or contender.name == "relay":
        return
    answer = get(contender, path)
    if name == "rewrite":
        right = b"NEW_ITEM-PRICE[20]" in answer if contender.name.startswith("punchout") else b"srm.buyer.example" in answer
    else:
        right = answer.endswith((WORK / {"/1k": "1k.html", "/cart": "cart.html", "/10m": "10m.bin"}[path]).read_bytes())
    if not right:
        raise SystemExit(f"{contender.name} does not answer {path} as it should: {answer[:300]}")


def show(name, path, count, contenders, rows, arguments):
    def median(one, key):
        return statistics.median(row[key] for row in rows[one])

    first = contenders[0]
    print(f"\n### {name}: {path}, {count} connections, medians of {arguments.rounds} rounds of {arguments.seconds} s\n")
    print("| | requests/s | ratio | p50 us | p99 us | CPU us/request | PSS MiB | errors |\n|---|---:|---:|---:|---:|---:|---:|---:|")
    for one in contenders:
        ratio = median(one, "rate") / median(first, "rate")
        print(f"| {one} | {median(one, 'rate'):.0f} | {ratio:.2f} | {median(one, 'p50'):.0f} | {median(one, 'p99'):.0f} "
              f"| {median(one, 'cpu'):.1f} | {median(one, 'pss'):.0f} | {sum(row['bad'] for row in rows[one])} |", flush=True)


def idle(arguments):
    """Memory of connections that made one request and stay."""
    print(f"\n### idle: {arguments.idle} keep-alive connections, ten seconds after their only request\n")
    print("| | PSS MiB before | after | KiB a connection |\n|---|---:|---:|---:|")
    head = "\r\n".join(["GET /1k HTTP/1.1", *FIELDS, f"Cookie: {COOKIE}", "", ""]).encode()
    for number, one in enumerate(["nginx", "haproxy", "punchout-proxy"]):
        contender = Contender(one, 8120 + number)
        streams = []
        try:
            # What the first requests need is no connection's: code that is read in, tables that grow.
            for _ in range(50):
                get(contender, "/1k")
            time.sleep(1)
            before = resident_kib(contender.pids())
            for _ in range(arguments.idle):
                stream = socket.create_connection(("127.0.0.1", contender.port))
                stream.sendall(head)
                streams.append(stream)
            for stream in streams:
                stream.recv(65536)
            time.sleep(10)
            after = resident_kib(contender.pids())
            print(f"| {one} | {before / 1024:.1f} | {after / 1024:.1f} | {(after - before) / arguments.idle:.1f} |", flush=True)
        finally:
            for stream in streams:
                stream.close()
            contender.stop()


def prepare():
    WORK.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cargo", "build", "--release", "-q"], cwd=HERE / "tools", check=True)
    if not (WORK / "cart.html").exists():
        subprocess.run(["python3", HERE / "gen_cart.py", WORK], check=True, stdout=subprocess.DEVNULL)
    if not (WORK / "cert.pem").exists():
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                        "-subj", "/CN=localhost", "-keyout", WORK / "key.pem", "-out", WORK / "cert.pem"], check=True, capture_output=True)
    resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=[*TABLES, "idle", []], help="which tables")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", default="32,64,256", help="for `small`")
    parser.add_argument("--idle", type=int, default=1000)
    arguments = parser.parse_args()
    prepare()
    origin = Contender("origin", ORIGIN, core="1")
    try:
        for name in arguments.what or [*TABLES, "idle"]:
            if name == "idle":
                idle(arguments)
            else:
                table(name, arguments)
    finally:
        origin.stop()


if __name__ == "__main__":
    main()
