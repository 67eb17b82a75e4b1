#!/usr/bin/env bash
# How long from a clone to the first cart that comes back from a real shop: clone, build, `init`, `run`, one punchout.
#
#   tests/run tools && tests/first_round_trip.sh
#
# The shop is the django-oscar that `tests/run` makes. Nobody reads or types in between: a person adds that time. What cargo
# downloads it may have already.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
shop=18731 proxy=18732
started=()
end() {
    for one in "${started[@]}"; do kill "$one" 2>/dev/null || true; done
    rm -rf "$work"
}
trap end EXIT
listening() { until (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do sleep 0.1; done; }
began=$(date +%s.%N) since=$began
told() {
    local now
    now=$(date +%s.%N)
    printf '%-40s %7.1f s\n' "$1" "$(echo "$now - $since" | bc)"
    since=$now
}

(cd "$root/tests/oscar" && SHOP_DATA=$root/tests/.work/shop exec "$root/tests/.work/venv/bin/gunicorn" -w1 -kgthread --threads=4 \
    -b127.0.0.1:$shop wsgi:application) >"$work/shop.log" 2>&1 &
started+=($!)
listening $shop
began=$(date +%s.%N) since=$began

git clone --quiet "$root" "$work/punchout-proxy"
cd "$work/punchout-proxy"
told "git clone"
CARGO_TARGET_DIR=$work/target cargo build --release --locked --quiet
program=$work/target/release/punchout-proxy
told "cargo build --release"
printf %s 'Hemmelig-123' >shop-password
"$program" init "http://127.0.0.1:$shop" --account innkjop@kunde.example --password-file shop-password --product /catalogue/x_1/ \
    --currency NOK --hook http://127.0.0.1 --listen 127.0.0.1:$proxy --out first.toml >init.log
told "init"
"$program" run --config first.toml 2>run.log &
started+=($!)
listening $proxy
python3 - "http://127.0.0.1:$proxy" acme.password <<'PYTHON'
import re
import sys
import urllib.parse
import urllib.request

proxy, password = sys.argv[1], open(sys.argv[2]).read().strip()
browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())


def opened(path, **fields):
    body = urllib.parse.urlencode(fields).encode() if fields else None
    request = urllib.request.Request(proxy + path, body, {"Origin": proxy, "Referer": proxy + path})
    return browser.open(request).read().decode()


opened("/_punchout/enter", HOOK_URL="http://127.0.0.1/hook", USERNAME="acme", PASSWORD=password)
article = opened("/catalogue/x_1/")
token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', article)[1]
opened("/basket/add/1/", csrfmiddlewaretoken=token, quantity="1", action="add")
cart = opened("/basket/")
assert re.search(r'NEW_ITEM-DESCRIPTION\[1\]"[^>]*value="Skrutrekker', cart), "the cart page holds no hand-over form"
PYTHON
told "run, and one punchout until the hand-over"
since=$began
told "in all"
echo "on $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"
