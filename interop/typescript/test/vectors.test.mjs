import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import * as attenuate from "attenuate";
import { PublicKey } from "../dist/ed25519.js";
import { bytes, check } from "./check.mjs";
import { readSignatures, readVectors } from "./vectors.mjs";

const vectors = readVectors();

test("every vector", () => {
  assert.ok(vectors.length > 600);
  const wrong = vectors.map(({ name, text }) => [name, check(attenuate, text)]).filter(([, fault]) => fault);
  assert.deepEqual(wrong, []);
});

test("the control: a vector that expects the contrary fails", () => {
  const passing = vectors.filter(({ text }) => check(attenuate, text, true) === undefined);
  assert.deepEqual(passing.map(({ name }) => name), []);
});

for (const name of ["speccheck", "wycheproof", "small"]) {
  test(`signatures: ${name}`, () => {
    for (const { name: what, public: key, signature, message, valid } of readSignatures(name)) {
      assert.equal(new PublicKey(bytes(key)).verify(bytes(signature), bytes(message)), valid, what);
    }
  });
}

test("signatures: a key with a table gives the same verdicts", () => {
  const cases = readSignatures("small").filter(({ public: key }) => key.length === 64);
  const keys = new Map(cases.map(({ public: key }) => [key, new PublicKey(bytes(key))]));
  for (let round = 0; round < 2; round++) {
    for (const { name, public: key, signature, message, valid } of cases) {
      assert.equal(keys.get(key).verify(bytes(signature), bytes(message)), valid, name);
    }
  }
});

// --- the conformance executable ------------------------------------------------------------------------
const program = fileURLToPath(new URL("../dist/conformance.js", import.meta.url));

function ask(lines) {
  const done = spawnSync(process.execPath, [program], { input: lines.map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join(""), encoding: "utf8", maxBuffer: 2 ** 28 });
  assert.equal(done.status, 0, done.stderr);
  const answers = done.stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.equal(answers.length, lines.length);
  return answers;
}

test("vectors are verified by the executable", () => {
  const answers = ask(vectors.map(({ text }) => `{"op":"verify",${text.trim().slice(1).replaceAll("\n", " ")}`));
  vectors.forEach(({ name, text }, index) => {
    const { expect } = JSON.parse(text), { block_ids, charges, ...answer } = answers[index];
    if (expect.stage === "malformed") assert.equal(answer.stage, "malformed", name);
    else assert.deepEqual(answer, expect, name);
    assert.equal(Array.isArray(charges), expect.ok, name);
  });
});

test("valid vectors are minted again, to the same bytes", () => {
  const parsed = vectors.map(({ name, text }) => ({ name, ...JSON.parse(text) })).filter(({ expect, name, seeds }) =>
    (expect.ok || expect.stage === "forbidden") && seeds !== undefined && !/curve|unknown-value-of-any/.test(name));
  const inspected = ask(parsed.map(({ token }) => ({ op: "inspect", token: token.split("~")[0] })));
  const lines = [], texts = [], proofs = [];
  parsed.forEach(({ token, keys, seeds }, index) => {
    const { alg, key_id, blocks, proof } = inspected[index];
    const key = alg === 5 ? keys.find((row) => row.id === key_id && row.alg === 5)?.key : seeds.root;
    const exact = !/\d{16}/.test(JSON.stringify(blocks.map(({ nonce, next_key, for: _, approval, ...block }) => block))); // JSON.parse here rounds more
    if (key === undefined || !exact || (alg !== 5 && seeds.next?.length !== blocks.length)) return;
    lines.push({ op: "mint", alg, key_id, key, blocks: blocks.map(({ next_key, ...block }) => block), seeds: seeds.next ?? [] });
    texts.push(token.split("~")[0]);
    proofs.push(proof);
  });
  const minted = ask(lines);
  const sealed = ask(minted.map(({ token }) => ({ op: "seal", token })));
  let compared = 0;
  texts.forEach((text, index) => {
    if (proofs[index] === "bound") return;
    assert.equal((proofs[index] === "bearer" ? minted : sealed)[index].token, text);
    compared++;
  });
  assert.ok(compared > 200, `${compared}`);
});

test("the executable answers what it cannot do, and ends at a line that is no JSON", () => {
  const malformed = { ok: false, stage: "malformed", code: "facts" };
  const lines = ["[]", "1", '{"op":"other"}', '{"op":"flatten","op":"flatten","args":{}}', '{"op":"flatten","args":NaN}',
    '{"op":"verify"}', `{"op":"flatten","args":${"[".repeat(5000)}`];
  assert.deepEqual(ask(lines), lines.map(() => malformed));
  for (const line of ["", "{", "{} x", "\ufeff{}", "01", '{"a":1,}', '"\t"']) {
    const done = spawnSync(process.execPath, [program], { input: `{}\n${line}\n{}\n`, encoding: "utf8" });
    assert.equal(done.status, 1, line);
    assert.equal(done.stdout, `${JSON.stringify(malformed)}\n`);
  }
});

test("the executable answers a line before the next one comes", async () => {
  const child = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "inherit"] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  for (let index = 0; index < 5; index++) {
    child.stdin.write(`{"op":"flatten","args":{"n":${index}}}\n`);
    assert.deepEqual(JSON.parse((await answers.next()).value), { facts: { "args.n": index } });
  }
  child.stdin.end();
  assert.equal(await new Promise((resolve) => child.on("exit", resolve)), 0);
});
