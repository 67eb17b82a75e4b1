// What Express makes of a form: `qs` with the options that body-parser gives it. Body on standard input, charset as
// argument, lines as JSON on standard output.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const qs = createRequire(process.env.PARSERS_NODE + "/")("qs");
const body = readFileSync(0, "latin1");
const count = body.split("&").length;
if (count > 1000) {
    console.error("too many parameters");
    process.exit(1);
}
const post = qs.parse(body, {
    allowPrototypes: true,
    arrayLimit: Math.max(100, count),
    depth: 32,
    parameterLimit: 1000,
    charset: process.argv[2] === "UTF-8" ? "utf-8" : "iso-8859-1",
});
const lines = {};
for (const [name, values] of Object.entries(post)) {
    const long = /^NEW_ITEM-LONGTEXT_(\d+):132$/.exec(name);
    const field = /^NEW_ITEM-([A-Z0-9_]+)$/.exec(name);
    if (long) {
        (lines[long[1]] ??= {}).LONGTEXT = values[0];
    } else if (field) {
        // Indices from 1 come as an array without its first place: qs closes gaps.
        const from = Array.isArray(values) ? 1 : 0;
        for (const [line, value] of Object.entries(values)) {
            (lines[Number(line) + from] ??= {})[field[1]] = value;
        }
    }
}
process.stdout.write(JSON.stringify(lines));
