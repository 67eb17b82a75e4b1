// A second opinion on what was posted: Node's own form parser. Body on standard input, [[name, value], ...] on standard output.
import { readFileSync } from "node:fs";

process.stdout.write(JSON.stringify([...new URLSearchParams(readFileSync(0, "utf8"))]));
