"""What Python makes of a form: urllib with the limit that Django sets. Body on standard input, charset as argument, lines
as JSON on standard output."""

import json
import re
import sys
from urllib.parse import parse_qsl

charset = "utf-8" if sys.argv[1] == "UTF-8" else "windows-1252"
body = sys.stdin.buffer.read().decode("ascii")
lines = {}
for name, value in parse_qsl(body, keep_blank_values=True, encoding=charset, errors="strict", max_num_fields=1000):
    if found := re.fullmatch(r"NEW_ITEM-LONGTEXT_(\d+):132\[\]", name):
        lines.setdefault(found[1], {})["LONGTEXT"] = value
    elif found := re.fullmatch(r"NEW_ITEM-([A-Z0-9_]+)\[(\d+)\]", name):
        lines.setdefault(found[2], {})[found[1]] = value
json.dump(lines, sys.stdout)
