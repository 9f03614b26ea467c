import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { audienceKey, callBinding, callDigest, flatten, Forbidden, httpBinding, KeyRing, Lease, LeaseError, Malformed, mint, OPAQUE, parseJson, Unavailable, Untrusted, Verified, Verifier } from "attenuate";
import { publicOf } from "../dist/ed25519.js";

const now = 1_800_000_000;
const secret = new Uint8Array(32).fill(7), seed = new Uint8Array(32).fill(9);
const terms = { issued_at: now, run: "agt_1@2", audience: ["github"], expires: now + 900, allow: [{ actions: ["repo.*"] }] };
const ring = new KeyRing([{ id: "k1", secret }, { id: "e1", publicKey: publicOf(seed) }]);
const verifier = new Verifier(ring, { audience: "github" });
const counting = new Verifier(ring, { audience: "github", appliesCharges: true });
const asked = { action: "repo.read", run: "agt_1@2" };
const refused = (stage, code, block) => (error) => {
  assert.ok(error instanceof LeaseError && Object.isFrozen(error));
  assert.deepEqual([error.stage, error.code, error.block], [stage, code, block], error.message);
  return true;
};

for (const key of [{ id: "k1", secret }, { id: "e1", seed }]) {
  test(`${key.id}: minting, narrowing, sealing, presenting`, () => {
    const lease = mint(key, terms);
    assert.equal(verifier.verify(lease.token, asked, now).run, "agt_1@2");
    const child = lease.narrow({ run: "agt_1@2/reader@1", allow: [{ actions: ["repo.read"], where: { path: { under: ["src"] } } }] });
    assert.equal(child.blockIds[0], lease.blockIds[0]);
    assert.equal(child.unverifiedRun, "agt_1@2/reader@1");
    const below = { action: "repo.read", run: "agt_1@2/reader@1", facts: { path: "src/a" } };
    assert.throws(() => verifier.verify(child.token, asked, now), refused("forbidden", "run", 1));
    assert.throws(() => verifier.verify(child.token, { ...below, facts: { path: "src2" } }, now), refused("forbidden", "allow", 1));
    assert.throws(() => verifier.verify(child.token, below, now + 900), refused("forbidden", "expires", 0));
    assert.throws(() => verifier.verify(child.token, { ...below, run: undefined }, now), refused("malformed", "facts"));
    const sealed = child.seal();
    assert.deepEqual(verifier.verify(sealed.token, below, now).blockIds, child.blockIds);
    for (const change of [() => sealed.narrow({}), () => sealed.seal(), () => sealed.present(new Uint8Array(32))]) {
      assert.throws(change, refused("forbidden", "structure"));
    }
    const binding = callBinding("github", below.run, below.action, { path: "src/a" });
    const bound = child.present(binding, { iat: now });
    const verified = counting.verify(bound.token, { ...below, binding }, now + 60);
    assert.ok(verified instanceof Verified && Object.isFrozen(verified));
    assert.throws(() => verifier.verify(bound.token, { ...below, binding }, now + 60), refused("unavailable", "store"));
    assert.throws(() => verifier.verify(bound.token, below, now), refused("forbidden", "binding"));
    assert.throws(() => verifier.verify(bound.token, { ...below, binding }, now + 61), refused("forbidden", "stale_proof"));
    assert.throws(() => new Verifier(new KeyRing([{ id: key.id, secret: seed }]), { audience: "github" }).verify(child.token, below, now), Untrusted);
  });
}

test("approvals travel along and are charged", () => {
  const approver = new Uint8Array(32).fill(3), key = Buffer.from(publicOf(approver)).toString("hex");
  const lease = mint({ id: "k1", secret }, { ...terms, approval: [{ actions: ["repo.merge"], keys: [key] }] });
  const merge = { action: "repo.merge", run: "agt_1@2", facts: { call: callDigest({ number: 42 }) } };
  assert.throws(() => verifier.verify(lease.token, merge, now), refused("forbidden", "approval", 0));
  assert.ok(verifier.verify(lease.token, asked, now));
  const yes = mint({ id: key, seed: approver }, {
    ...terms, allow: [{ actions: ["repo.merge"], where: { call: { one_of: [merge.facts.call] } } }], for: lease.blockIds[0], budget: { calls: 1 },
  });
  assert.throws(() => verifier.verify(lease.attach(yes).token, merge, now), refused("forbidden", "approval", 0));
  assert.throws(() => verifier.verify(lease.attach(yes.seal()).token, merge, now), refused("unavailable", "store"));
  const verified = counting.verify(lease.attach(yes.seal()).token, merge, now);
  assert.deepEqual(verified.approvals, [yes.blockIds]);
  assert.ok(verified.charges.some(({ kind, key: [, id] }) => kind === "budget" && id === yes.blockIds[0]));
  assert.throws(() => verifier.verify(yes.seal().token, merge, now), Untrusted);
});

test("what needs counters is refused where nobody says that they count", () => {
  const binding = callBinding("github", "agt_1@2", "repo.read", {});
  const rows = [
    ["nothing", mint({ id: "k1", secret }, terms)],
    ["budget", mint({ id: "k1", secret }, terms).narrow({ budget: { calls: 3 } })],
    ["final", mint({ id: "k1", secret }, { ...terms, final: ["repo.merge"] })],
    ["replay", mint({ id: "e1", seed }, terms).present(binding, { iat: now })],
  ];
  for (const [kind, lease] of rows) {
    const ask = { ...asked, binding };
    const kinds = counting.verify(lease.token, ask, now).charges.map((charge) => charge.kind);
    if (kind === "nothing") {
      assert.deepEqual(kinds.filter((each) => each !== "attempt" && each !== "revoked"), []);
      assert.ok(verifier.verify(lease.token, ask, now), "the control: a lease without counters is no case for a store");
      continue;
    }
    assert.ok(kinds.includes(kind));
    for (const appliesCharges of [undefined, false, 1, "true"]) {
      const careless = new Verifier(ring, { audience: "github", appliesCharges });
      assert.throws(() => careless.verify(lease.token, ask, now), (error) => {
        assert.ok(error instanceof Unavailable && error.asked.includes(kind) && error.message.includes("appliesCharges"));
        return refused("unavailable", "store")(error);
      });
    }
    assert.throws(() => verifier.verify(lease.token, { ...ask, action: "x" }, now), refused("forbidden", "allow", 0));
  }
});

test("a lease that cannot be narrowed says so, whatever the terms are", () => {
  const sealed = mint({ id: "k1", secret }, terms).seal();
  for (const wrong of [{ expires: "5m" }, { other: 1 }, null]) assert.throws(() => sealed.narrow(wrong), refused("forbidden", "structure"));
});

test("an audience key serves one audience", () => {
  const derived = new Verifier(new KeyRing([{ id: "k1/github", secret: audienceKey(secret, "github") }]), { audience: "github" });
  const lease = mint({ id: "k1/github", secret: audienceKey(secret, "github") }, terms);
  assert.ok(derived.verify(lease.token, asked, now));
  assert.ok(verifier.verify(lease.token, asked, now), "a root answers for it");
  assert.throws(() => new Verifier(ring, { audience: "other" }).verify(lease.token, asked, now), refused("forbidden", "audience", 0));
});

test("extensions need a handler that says exactly true", () => {
  const lease = mint({ id: "k1", secret }, { ...terms, "acme/x": { __proto__: null, list: [1, "a"] } });
  const with_ = (handler) => new Verifier(ring, { audience: "github", handlers: { "acme/x": handler } });
  assert.throws(() => verifier.verify(lease.token, asked, now), refused("forbidden", "unknown_caveat", 0));
  for (const no of [() => 1, () => Promise.resolve(true), () => { throw new Error("x"); }]) {
    assert.throws(() => with_(no).verify(lease.token, asked, now), refused("forbidden", "acme/x", 0));
  }
  const spoils = (value, request) => value.delete("list") && request.facts.clear() === undefined;
  for (let i = 0; i < 2; i++) assert.ok(with_(spoils).verify(lease.token, asked, now));
});

test("names of prototypes are facts like any other", () => {
  for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    const where = Object.fromEntries([[name, { one_of: ["x"] }]]);
    const lease = mint({ id: "k1", secret }, { ...terms, where, notes: Object.fromEntries([[name, 1]]) });
    assert.throws(() => verifier.verify(lease.token, asked, now), refused("forbidden", "where", 0));
    const facts = new Map([[name, "x"]]);
    const verified = verifier.verify(lease.token, { ...asked, facts }, now);
    assert.deepEqual(Object.keys(verified.notes), [name]);
    assert.ok(verifier.verify(lease.token, { ...asked, facts: Object.fromEntries(facts) }, now));
    assert.deepEqual(Object.entries(flatten(parseJson(`{"${name}":1}`))), [[`args.${name}`, 1]]);
    const unit = mint({ id: "k1", secret }, { ...terms, budget: Object.fromEntries([[name, 1]]) });
    assert.throws(() => verifier.verify(unit.token, asked, now), refused("forbidden", "budget", 0));
  }
});

test("arguments that are spread into facts are all there", () => {
  const allow = [{ actions: ["repo.*"], where: { repo: { one_of: ["web"] }, "args.path": { under: ["src"], optional: true } }, only: true }];
  const lease = mint({ id: "k1", secret }, { ...terms, allow });
  const verify = (body) => verifier.verify(lease.token, { ...asked, facts: { repo: "web", ...flatten(parseJson(body)) } }, now);
  assert.ok(verify('{"path":"src/a"}'));
  assert.ok(verify("{}"));
  for (const attack of ['{"path":"etc/passwd"}', '{"path":"src/../x"}', '{"other":1}', '{"__proto__":1}']) {
    assert.throws(() => verify(attack), refused("forbidden", "allow", 0), attack);
  }
  const dropped = { repo: "web", ...new Map(Object.entries(flatten({ path: "etc/passwd" }))) };
  assert.ok(verifier.verify(lease.token, { ...asked, facts: dropped }, now), "the control: nobody can see what a spread Map lost");
  const flat = flatten(parseJson('{"path":"src/a","__proto__":{"x":1}}'));
  assert.equal(Object.getPrototypeOf(flat), null);
  assert.deepEqual(Object.keys(flat), ["args.path", "args.__proto__.x"]);
  // what looks like facts by name and would say nothing
  class Own { path = "src/a"; }
  for (const facts of [[], ["a"], new Set(["a"]), new Date(), new Own(), new Headers({ a: "b" }), new URLSearchParams("a=b"), Object.create(flat), Object.create({ a: 1 }), "a", 5, null, () => 1]) {
    assert.throws(() => verifier.verify(lease.token, { ...asked, facts }, now), refused("malformed", "facts"), inspect(facts));
  }
  for (const facts of [{ repo: "web", args: new Map([["path", "x"]]) }, { repo: "web", args: flat }]) {
    assert.throws(() => verifier.verify(lease.token, { ...asked, facts }, now), refused("malformed", "facts"));
  }
  const own = JSON.parse('{"__proto__":"x","repo":"web"}');
  const named = mint({ id: "k1", secret }, { ...terms, deny: [{ actions: ["*"], where: JSON.parse('{"__proto__":{"one_of":["x"]}}') }] });
  assert.throws(() => verifier.verify(named.token, { ...asked, facts: { ...own } }, now), refused("forbidden", "deny", 0));
  assert.ok(verifier.verify(named.token, { ...asked, facts: JSON.parse('{"__proto__":"y"}') }, now), "the control");
});

test("refusals tell what was asked and what is allowed", () => {
  const of = (more, ask, at = now, options = {}) => {
    try {
      new Verifier(ring, { audience: "github", ...options }).verify(mint({ id: "k1", secret }, { ...terms, ...more }).token, { ...asked, ...ask }, at);
    } catch (error) {
      assert.ok(error instanceof LeaseError, inspect(error));
      return `${error.code}: ${error.asked} | ${error.allowed}`;
    }
    assert.fail("it was granted");
  };
  const where = { path: { under: ["src"] } }, path = { facts: { path: "docs/a.md" } };
  const rows = [
    [of({ where }, path), 'where: path "docs/a.md" | path {"under":["src"]}'],
    [of({ where }, {}), 'where: no path | path {"under":["src"]}'],
    [of({ where }, { facts: { path: OPAQUE } }), 'where: path opaque | path {"under":["src"]}'],
    [of({ where: { n: { min: 2n ** 60n, optional: true } } }, { facts: { n: [1, 2n ** 60n] } }), `where: n [1,${2n ** 60n}] | n {"min":${2n ** 60n},"optional":true}`],
    [of({ allow: [{ actions: ["x"] }, { actions: ["repo.*"], where }] }, path), 'allow: path "docs/a.md" | path {"under":["src"]}'],
    [of({ allow: [{ actions: ["*"], where }, { actions: ["repo.*"], where }] }, path), 'allow: path "docs/a.md" | path {"under":["src"]}, or what another of the grants takes'],
    [of({}, { action: "x" }), 'allow: action "x" | actions repo.*'],
    [of({ allow: [{ actions: ["*"], where: { "args.a": { any: true } }, only: true }] }, { facts: { "args.a": 1, "args.b": 2 } }), "allow: args.b 2 | args.a only"],
    [of({ deny: [{ actions: ["*"], where }] }, {}), 'deny: action "repo.read", no path | another action, or facts for which the deny certainly fails: path {"under":["src"]}'],
    [of({ deny: [{ actions: ["repo.read"] }] }, {}), 'deny: action "repo.read" | another action'],
    [of({ not_before: now + 100 }, {}, now, { leeway: 30 }), `not_before: now ${now} | from ${now + 70} on`],
    [of({}, {}, now + 930, { leeway: 30 }), `expires: now ${now + 930} | before ${now + 930}`],
    [of({}, {}, now - 61), `issued_at: now ${now - 61} | from ${now - 60} on`],
  ];
  for (const [said, wanted] of rows) assert.equal(said, wanted);
  assert.ok(!/[\n\u009b\u202e]/.test(of({ where: { "a\nb\u009b": { one_of: ["\u202e"] } } }, { facts: { "a\nb\u009b": "\u009b\u202e" } })));
  const other = new Verifier(new KeyRing([{ id: "k1/github", secret: audienceKey(secret, "github") }]), { audience: "github" });
  assert.throws(() => other.verify(mint({ id: "k2", secret }, terms).token, asked, now), { code: "unknown_key", allowed: "keys k1/github" });
});

test("mistakes are told by name", () => {
  const lease = mint({ id: "k1", secret }, terms), empty = new Uint8Array(32);
  const rows = [
    [{ expires: "5m" }, /asked: expires: "5m"; allowed: an integer/], [{ expires: undefined }, /asked: expires: undefined/],
    [{ audience: "github" }, /asked: audience: "github"; allowed: a list/], [{ allows: [] }, /"allows" is no caveat/],
    [{ ttl: 60 }, /"ttl" is no caveat; allowed: expires/], [{ where: { path: { below: ["x"] } } }, /where: path: "below"; allowed: one_of, none_of, min\/max, under, starts, host, any/],
    [{ where: { path: { "min/max": [1, 2] } } }, /where: path: "min\/max"/], [{ where: { path: { under: ["../x"] } } }, /where: path: \["\.\.\/x"\]; allowed: under paths/],
    [{ allow: ["repo.read"] }, /allow: "repo.read"; allowed: actions, where, only/], [{ allow: [] }, /allow: \[\]/],
  ];
  for (const [wrong, said] of rows) {
    assert.throws(() => lease.narrow(wrong), (error) => said.test(error.message) && !/specs\//.test(error.message) || assert.fail(error.message));
  }
  assert.throws(() => verifier.verify(lease.token, asked, now * 1000), { name: "RangeError", message: /seconds, not milliseconds/ });
  for (const options of ["github", undefined, null, {}]) assert.throws(() => new Verifier(ring, options), { name: "TypeError", message: /\{ audience: "github" \}/ });
  assert.throws(() => new KeyRing([{ id: "k1", secret }, { id: "k1", secret }]), /twice/);
  assert.throws(() => new KeyRing([{ id: "k\n", secret }]), /1 to 128/);
  assert.throws(() => mint({ id: "e1", publicKey: empty }, terms), { name: "TypeError", message: /public key/ });
});

test("a counter's key has the bytes that other languages' stores know", () => {
  const lease = mint({ id: "k1", secret }, { ...terms, budget: { calls: 2 } });
  const { charges } = counting.verify(lease.token, asked, now);
  const bytes = (kind) => Buffer.from(charges.find((charge) => charge.kind === kind).keyBytes).toString("hex");
  assert.equal(bytes("budget"), `836662756467657450${lease.blockIds[0]}6563616c6c73`);
  assert.equal(bytes("attempt"), "8367617474656d7074626b31656167745f31");
});

test("facts of another type are malformed", () => {
  const lease = mint({ id: "k1", secret }, terms);
  for (const fact of [1.5, NaN, Infinity, 2 ** 53, 2n ** 63n, undefined, {}, new Date(), () => 1, Symbol("x"), [[1]], [undefined], "\ud800", new Array(257).fill(1)]) {
    assert.throws(() => verifier.verify(lease.token, { ...asked, facts: { x: fact } }, now), Malformed);
  }
  for (const fact of [-0, 2n ** 63n - 1n, 5n, OPAQUE, [], [OPAQUE, 1n], "\ufeff", "\u{1f600}"]) {
    assert.ok(verifier.verify(lease.token, { ...asked, facts: { x: fact } }, now));
  }
  const odd = [{ facts: [] }, { facts: new Map([[1, 1]]) }, { cost: { usd: 1.5 } }, { cost: { calls: 2 } }, { binding: new Uint8Array(31) }, { action: "a b" }, { action: "a\n" }, { run: "agt_1@2\n" }, { run: [] }];
  for (const more of odd) assert.throws(() => verifier.verify(lease.token, { ...asked, ...more }, now), Malformed);
  for (const token of [undefined, 5, {}, "", "lease1_", `${lease.token}\n`, `${lease.token}~`]) assert.throws(() => verifier.verify(token, asked, now), Malformed);
  for (const at of [undefined, 1.5, NaN, -1, "1"]) assert.throws(() => verifier.verify(lease.token, asked, at), RangeError);
});

test("bigints and numbers of one value are one fact", () => {
  const where = { n: { one_of: [5n, 2n ** 60n] }, m: { min: -(2n ** 63n), max: 3 } };
  const lease = mint({ id: "k1", secret }, { ...terms, where });
  for (const n of [5, 5n, 2n ** 60n]) assert.ok(verifier.verify(lease.token, { ...asked, facts: { n, m: -(2n ** 62n) } }, now));
  assert.throws(() => verifier.verify(lease.token, { ...asked, facts: { n: "5", m: 0 } }, now), refused("forbidden", "where", 0));
});

test("terms that are wrong, and terms that are missing", () => {
  const lease = mint({ id: "k1", secret }, terms);
  for (const wrong of [{ expires: undefined }, { expires: 1.5 }, { expires: "5m" }, { allow: [] }, { allow: ["repo.read"] }, { other: 1 }, { audience: "github" },
    { where: {} }, { where: { x: {} } }, { where: { x: { one_of: ["\ud800"] } } }, { bound: false }, { deny: [{ actions: ["x"], only: true }] }, { nonce: "00" }, { "acme/x": null }, null]) {
    assert.throws(() => lease.narrow(wrong), refused("malformed", "shape"), inspect(wrong));
  }
  for (const name of ["run", "audience", "expires", "allow"]) {
    const { [name]: _, ...less } = terms;
    assert.throws(() => mint({ id: "k1", secret }, less), TypeError);
  }
});

test("nothing shows a token or a key", () => {
  const lease = mint({ id: "k1", secret }, terms);
  const shown = [lease, ring, verifier, { lease, ring }].flatMap((each) => [String(each), JSON.stringify(each), inspect(each, { depth: 9, showHidden: true })]).join("\n");
  assert.ok(shown.includes(lease.blockIds[0]));
  assert.ok(!shown.includes("lease1_") && !shown.includes("7, 7") && !shown.includes("0707"));
  const bent = lease.token.slice(0, -1);
  for (const text of [bent, `${lease.token}=`, `x${lease.token}`]) {
    assert.throws(() => verifier.verify(text, asked, now), (error) => !inspect(error, { depth: 9 }).includes(lease.token.slice(7, 27)));
  }
  assert.throws(() => new Verified(), TypeError);
});

test("bindings look at how a number is written", () => {
  const binding = (args) => Buffer.from(callBinding("github", "agt_1@2", "x", args)).toString("hex");
  assert.equal(binding({ b: 1, a: "é" }), binding(parseJson('{"a":"\\u00e9","b":1.0}')));
  assert.throws(() => binding(parseJson("12345678901234567890")), Malformed);
  assert.equal(binding(parseJson("1e30")), binding(1e30));
  for (const args of [undefined, NaN, "\ud800", new Date(), { x: undefined }, 2n ** 60n]) assert.throws(() => binding(args), Malformed);
  assert.throws(() => parseJson('{"a":1,"a":2}'), Malformed);
  assert.throws(() => parseJson("{]"), SyntaxError);
  assert.equal(httpBinding("github", "agt_1@2", { method: "GET", scheme: "https", authority: "a", target: "/" }).length, 32);
});

test("a handler widens nothing for later blocks", () => {
  const lease = mint({ id: "k1", secret }, { ...terms, "acme/x": "y" }).narrow({ where: { paths: { under: ["src"] } } });
  const facts = { paths: ["etc/passwd", "src/a"] }, verify = (handler, facts) =>
    new Verifier(ring, { audience: "github", handlers: { "acme/x": handler } }).verify(lease.token, { ...asked, facts }, now);
  assert.throws(() => verify((_, { facts }) => facts.get("paths").shift() !== 0, facts), refused("forbidden", "acme/x", 0));
  const quiet = (_, { facts }) => Reflect.set(facts.get("paths"), 0, "src/b") || facts.delete("paths");
  assert.throws(() => verify(quiet, facts), refused("forbidden", "where", 1));
  assert.ok(verify(quiet, { paths: ["src/a"] }), "the control");
  assert.deepEqual(facts.paths.splice(0, 1), ["etc/passwd"], "the caller's own list is no frozen one");
  assert.ok(verify(() => true, facts), "the control");
});

test("a handler that promises is refused, and ends no process when it rejects", () => {
  const code = `import { KeyRing, mint, Verifier } from "attenuate";
    const secret = new Uint8Array(32), now = ${now}, key = { id: "k1", secret };
    const lease = mint(key, { ...${JSON.stringify(terms)}, "acme/x": 1 });
    const said = (handler) => {
      const verifier = new Verifier(new KeyRing([key]), { audience: "github", handlers: { "acme/x": handler } });
      try { return verifier.verify(lease.token, ${JSON.stringify(asked)}, now).run; } catch (error) { return error.code; }
    };
    const thenable = { then: (_, no) => no(new Error("late")) };
    console.log(said(async () => { throw new Error("late"); }), said(() => thenable), said(async () => true), said(() => true));
    await new Promise((done) => setTimeout(done, 20));
    console.log("alive");
    if (process.argv.includes("control")) Promise.reject(new Error("late"));`;
  const run = (...more) => spawnSync(process.execPath, ["--input-type=module", "-e", code, ...more], { cwd: fileURLToPath(new URL("..", import.meta.url)), encoding: "utf8" });
  const done = run();
  assert.deepEqual([done.status, done.stdout], [0, "acme/x acme/x acme/x agt_1@2\nalive\n"], done.stderr);
  assert.notEqual(run("control").status, 0, "the control: such a rejection does end a process");
});

test("a member of the options or of the ask that is not known is told by name", () => {
  const allow = [{ actions: ["repo.*"], where: { path: { under: ["src"], optional: true } }, only: true }];
  const lease = mint({ id: "k1", secret }, { ...terms, allow }), facts = { path: "etc/passwd" };
  assert.throws(() => new Verifier(ring, { audience: "github", max_lifetime: 60 }), { name: "TypeError", message: /"max_lifetime".*maxLifetime/ });
  assert.throws(() => new Verifier(ring, { audience: "github", maxLifetime: 60 }).verify(lease.token, asked, now), refused("forbidden", "lifetime", 0));
  assert.throws(() => verifier.verify(lease.token, { ...asked, fact: facts }, now), { code: "facts", asked: /"fact"/, allowed: /facts/ });
  assert.throws(() => verifier.verify(lease.token, Object.create({ ...asked, facts }), now), refused("malformed", "facts"));
  assert.throws(() => verifier.verify(lease.token, Object.assign(Object.create({ facts }), asked), now), refused("malformed", "facts"));
  assert.throws(() => new Verifier(ring, Object.assign(Object.create({ maxLifetime: 60 }), { audience: "github" })), TypeError);
  for (const ask of [undefined, null, "x", []]) assert.throws(() => verifier.verify(lease.token, ask, now), refused("malformed", "facts"));
  assert.throws(() => verifier.verify(lease.token, { ...asked, facts }, now), refused("forbidden", "allow", 0));
  assert.ok(verifier.verify(lease.token, { ...asked, facts: { path: "src/a" } }, now), "the control");
  assert.ok(new Verifier(ring, { audience: "github", maxLifetime: 900 }).verify(lease.token, asked, now), "the control");
});

test("a polluted prototype and a getter that changes its answer set nothing", () => {
  const budget = mint({ id: "k1", secret }, { ...terms, budget: { calls: 1 } }), lease = mint({ id: "k1", secret }, terms);
  const names = { appliesCharges: true, allowUnstatedRun: true, run: asked.run };
  try {
    for (const [name, value] of Object.entries(names)) Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true });
    const plain = new Verifier(ring, { audience: "github" });
    assert.throws(() => plain.verify(budget.token, Object.assign(Object.create(null), asked), now), refused("unavailable", "store"));
    assert.throws(() => plain.verify(lease.token, { action: asked.action }, now), refused("malformed", "facts"));
  } finally {
    for (const name of Object.keys(names)) delete Object.prototype[name];
  }
  assert.ok(!("appliesCharges" in {}));
  let reads = 0;
  const turns = new Verifier(ring, { audience: "github", get appliesCharges() { return reads++ > 0; }, handlers: {} });
  for (let i = 0; i < 3; i++) assert.throws(() => turns.verify(budget.token, asked, now), refused("unavailable", "store"));
  assert.equal(reads, 1);
  const own = { audience: "github", appliesCharges: true, allowUnstatedRun: true };
  const says = new Verifier(ring, own);
  Object.assign(own, { appliesCharges: false });
  assert.ok(says.verify(budget.token, { action: asked.action }, now), "the control");
});

test("times in milliseconds are refused where they are written", () => {
  const lease = mint({ id: "k1", secret }, terms);
  const said = { name: "Malformed", code: "shape", message: /seconds, not milliseconds/ };
  for (const name of ["expires", "issued_at", "not_before"]) {
    for (const time of [now * 1000, 1e11 + 1, BigInt(now) * 1000n]) {
      assert.throws(() => mint({ id: "k1", secret }, { ...terms, [name]: time }), said);
      assert.throws(() => lease.narrow({ [name]: time }), said);
    }
  }
  assert.ok(lease.narrow({ expires: 1e11, not_before: now }) && mint({ id: "k1", secret }, { ...terms, expires: 1e11 }), "the control");
  const line = { op: "narrow", token: lease.token, block: { nonce: "00".repeat(8), expires: now * 1000 } };
  const done = spawnSync(process.execPath, [fileURLToPath(new URL("../dist/conformance.js", import.meta.url))], { input: JSON.stringify(line), encoding: "utf8" });
  assert.equal(Lease.parse(JSON.parse(done.stdout).token).unverifiedBlocks[1].expires, now * 1000, "any implementation reads and writes it");
});

test("the example of the README runs", () => {
  const [, example] = /```ts\n([^]*?)```/.exec(readFileSync(new URL("../README.md", import.meta.url), "utf8"));
  const folder = fileURLToPath(new URL("..", import.meta.url));
  const done = spawnSync(process.execPath, ["--input-type=module", "-e", example], { cwd: folder, encoding: "utf8" });
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stdout, /^agt_1@2\/reader@1 may\nforbidden by block 1: allow; asked: args.path "docs\/a.md"; allowed: args.path {"under":\["src"\]}\n$/);
});
