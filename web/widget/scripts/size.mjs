// Prints what the loader weighs, and fails when it outgrows its budget (40 KB gzip, everything in).
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET = 40 * 1024;
const source = readFileSync(new URL("../dist/widget.js", import.meta.url));
const gzip = gzipSync(source, { level: 9 }).length;
console.log(`widget.js ${(source.length / 1024).toFixed(1)} KB, gzip ${(gzip / 1024).toFixed(1)} KB of ${BUDGET / 1024} KB`);
if (gzip > BUDGET) {
  console.error("widget.js is over its budget");
  process.exit(1);
}
