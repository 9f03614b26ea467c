/**
 * Every vector in a real browser, from this folder and without a bundler.
 *
 *     npm run browser                          0: all passed; 1: not; 77: no Chromium (CHROMIUM, or on PATH)
 *     npm run browser -- --control             expects the contrary of one vector, so it must end with 1
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { readVectors } from "./vectors.mjs";

const WAIT = 120_000;
const folder = fileURLToPath(new URL("..", import.meta.url));
const vectors = readVectors();
const page = `<!doctype html><meta charset="utf-8"><title>attenuate</title>
<script type="importmap">{"imports": {"attenuate": "/dist/index.js",
 "@noble/curves/": "/node_modules/@noble/curves/", "@noble/hashes/": "/node_modules/@noble/hashes/"}}</script>
<script type="module">
const tell = (result) => fetch("/result", { method: "POST", body: JSON.stringify(result) });
try {
  const attenuate = await import("attenuate");
  const { check } = await import("/test/check.mjs");
  const vectors = await (await fetch("/vectors")).json();
  const flipped = new URLSearchParams(location.search).get("flip");
  const wrong = vectors.map(({ name, text }) => [name, check(attenuate, text, name === flipped)]).filter(([, fault]) => fault);
  await tell({ passed: vectors.length - wrong.length, wrong, agent: navigator.userAgent });
} catch (error) {
  await tell({ passed: 0, wrong: [["the page", String(error)]], agent: navigator.userAgent });
}
</script>`;

let settle;
const result = new Promise((resolve) => (settle = resolve));
const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, "http://127.0.0.1");
  const send = (type, body) => response.writeHead(200, { "content-type": type }).end(body);
  if (request.method === "POST") {
    let body = "";
    request.on("data", (chunk) => (body += chunk)).on("end", () => (send("text/plain", ""), settle(JSON.parse(body))));
  } else if (pathname === "/") send("text/html", page);
  else if (pathname === "/vectors") send("application/json", JSON.stringify(vectors));
  else if (/^\/(?:dist|test|node_modules\/@noble)\/[\w./-]+\.m?js$/.test(normalize(pathname))) {
    try {
      send("text/javascript", readFileSync(join(folder, normalize(pathname))));
    } catch {
      response.writeHead(404).end();
    }
  } else response.writeHead(404).end();
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

const profile = mkdtempSync(join(tmpdir(), "attenuate-browser-"));
const query = process.argv.includes("--control") ? `?flip=${encodeURIComponent(vectors[0].name)}` : "";
const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", `--user-data-dir=${profile}`];
const browser = spawn(process.env.CHROMIUM || "chromium", [...flags, `http://127.0.0.1:${server.address().port}/${query}`], { stdio: "ignore" });
const ended = new Promise((resolve) => browser.on("exit", resolve).on("error", resolve));
browser.on("error", () => settle({ missing: true }));
const timer = setTimeout(() => settle({ passed: 0, wrong: [["the browser", `no answer in ${WAIT / 1000} s`]] }), WAIT);

const { missing, passed, wrong, agent } = await result;
clearTimeout(timer);
browser.kill();
await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 5000))]);
server.close();
server.closeAllConnections();
try {
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
} catch {
  // a helper of the browser still writes; what is left is in the folder for temporary files
}
if (missing) {
  console.error("no Chromium: install it, or name it in the environment variable CHROMIUM");
  process.exitCode = 77;
} else {
  for (const [name, fault] of wrong) console.log(`${name}: ${fault}`);
  console.log(`${passed} of ${vectors.length} vectors passed in ${agent ?? "no browser"}`);
  process.exitCode = wrong.length === 0 && passed === vectors.length ? 0 : 1;
}
