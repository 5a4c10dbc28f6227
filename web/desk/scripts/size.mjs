// Prints what the page weighs, and fails when the first load outgrows its budget (what index.html names, gzip).
import { readFileSync, readdirSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET = 260 * 1024;
const dist = new URL("../dist/", import.meta.url);
const weight = (path) => gzipSync(readFileSync(new URL(path, dist)), { level: 9 }).length;
const kb = (bytes) => `${(bytes / 1024).toFixed(1)} KB`;

const page = readFileSync(new URL("index.html", dist), "utf8");
const first = [...page.matchAll(/(?:src|href)="\/desk\/([^"]+\.(?:js|css))"/g)].map((match) => match[1]);
const total = readdirSync(new URL("assets/", dist)).reduce((sum, name) => sum + weight(`assets/${name}`), 0);
const initial = first.reduce((sum, path) => sum + weight(path), 0);
console.log(`desk: first load ${kb(initial)} gzip of ${kb(BUDGET)}, everything ${kb(total)}`);
if (initial > BUDGET) {
  console.error("the desk's first load is over its budget");
  process.exit(1);
}
