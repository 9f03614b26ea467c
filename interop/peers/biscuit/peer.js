// The WebAssembly build of biscuit-auth: one JSON object a line in, one answer a line out.
//
//     npm ci && node --experimental-wasm-modules peer.js < lines
//
// {"biscuit", "root", "authorizer"} → {"ok": true} or {"ok": false, "error"}: verified by the root
// key and decided by the authorizer's Datalog. With "request" too, a JSON object, the authorizer is the
// template of biscuit-datalog.md, and is filled in here. {"op": "append", "biscuit", "root", "block"}
// → {"ok": true, "biscuit"}. A root is 64 hex digits of an Ed25519 public key.

// The module prints a line as it loads; answers alone go to standard output.
console.log = console.error;
const { AuthorizerBuilder, Biscuit, PublicKey, SignatureAlgorithm } = await import("@biscuit-auth/biscuit-wasm");
const { createInterface } = await import("node:readline");

const LIMITS = { max_facts: 1000, max_iterations: 100, max_time_micro: 20_000_000 };

// Datalog knows two escapes in a string, \\ and \", so JSON's own text would not do.
const string = (text) => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;

function literal(value) {
  if (typeof value === "string") return string(value);
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (value === null || typeof value === "boolean" || Number.isSafeInteger(value)) return String(value);
  if (typeof value !== "object") throw new Error("no Datalog for this");
  return `{${Object.entries(value).map(([name, member]) => `${string(name)}: ${literal(member)}`).join(", ")}}`;
}

function authorize({ authorizer, request }, biscuit) {
  const builder = new AuthorizerBuilder();
  builder.addCode(request ? authorizer.replace("{request}", () => literal(request)) : authorizer);
  builder.buildAuthenticated(biscuit).authorizeWithLimits(LIMITS);
  return { ok: true };
}

function append({ block }, biscuit) {
  const builder = Biscuit.block_builder();
  builder.addCode(block);
  return { ok: true, biscuit: biscuit.appendBlock(builder).toBase64() };
}

function answer(line) {
  const root = PublicKey.fromString(line.root, SignatureAlgorithm.Ed25519);
  const biscuit = Biscuit.fromBase64(line.biscuit, root);
  return line.op === "append" ? append(line, biscuit) : authorize(line, biscuit);
}

for await (const text of createInterface({ input: process.stdin })) {
  let out;
  try {
    out = answer(JSON.parse(text));
  } catch (error) {
    out = { ok: false, error: error instanceof Error ? error.message : JSON.stringify(error) };
  }
  process.stdout.write(`${JSON.stringify(out)}\n`);
}
