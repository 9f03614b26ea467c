// The peer in JavaScript: it knows macaroons and nothing of leases.
//
//     {"macaroon": "AgEJ…" or "{\"i\": …}", "key": "hex", "holds": ["run agt_1@2", …]}
//     {"op": "narrow", "macaroon": …, "caveat": "expires 1800000300"}
//
// One JSON object a line in, one answer a line out: {"ok": …, "caveats": […]}, {"ok": true,
// "macaroon": …} or {"ok": false, "error": …}. A caveat holds if it is in "holds".
import { createInterface } from "node:readline";
import macaroon from "macaroon";

const text = (bytes) => new TextDecoder("utf-8", { fatal: true }).decode(bytes);

function read(given) {
  return macaroon.importMacaroon(given.startsWith("{") ? JSON.parse(given) : macaroon.base64ToBytes(given));
}

// Gives a macaroon the form that it came in.
function write(m, asJSON) {
  return asJSON ? JSON.stringify(m.exportJSON()) : Buffer.from(m.exportBinary()).toString("base64url");
}

function holdsIn(lines) {
  const holds = new Set(lines);
  return (caveat) => (holds.has(caveat) ? null : "does not hold");
}

function verifies(m, key, holds) {
  try {
    m.verify(key, holdsIn(holds), []);
    return true;
  } catch {
    return false;
  }
}

function reply(question) {
  const m = read(question.macaroon);
  if (question.op === "narrow") {
    m.addFirstPartyCaveat(question.caveat);
    return { ok: true, macaroon: write(m, question.macaroon.startsWith("{")) };
  }
  const key = Uint8Array.from(Buffer.from(question.key, "hex"));
  const ok = verifies(m, key, question.holds);
  return { ok, caveats: m.caveats.map((caveat) => text(caveat.identifier)) };
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  let answer;
  try {
    answer = reply(JSON.parse(line));
  } catch (error) {
    answer = { ok: false, error: String(error?.message ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
