/** What a vector expects, asked of the library; the same in Node and in a browser. */

/** Returns what is wrong with the answer to one vector (a JSON text), or undefined. `flip` expects the contrary. */
export function check({ KeyRing, Lease, LeaseError, parseJson, Verifier }, text, flip = false) {
  const vector = parseJson(text); // keeps 1.0 and integers beyond 2^53 as they are written
  const expect = vector.get("expect");
  const ok = expect.get("ok") !== flip;
  const request = vector.get("request");
  const options = vector.get("options") ?? new Map();
  let said = "ok", error;
  try {
    const keys = vector.get("keys").map((row) => ({ id: row.get("id"), [row.get("alg") === 5 ? "secret" : "publicKey"]: bytes(row.get("key")) }));
    const verifier = new Verifier(new KeyRing(keys), {
      audience: request.get("audience"), allowUnstatedRun: true, appliesCharges: true,
      maxLifetime: options.get("max_lifetime"), leeway: options.get("leeway"),
    });
    const ask = { action: request.get("action"), facts: request.get("facts"), cost: request.get("cost") };
    const run = request.get("run"), binding = request.get("binding");
    const verified = verifier.verify(vector.get("token"), { ...ask, run: run ?? undefined, binding: binding === undefined ? binding : bytes(binding) }, vector.get("now"));
    if (String(verified.blockIds) !== String(vector.get("block_ids"))) return "verified other block ids";
  } catch (caught) {
    if (!(caught instanceof LeaseError)) return `${caught}`;
    error = caught;
    said = `${error.stage} ${error.code} ${error.block}`;
    if (/lease1_[\w-]/.test(error.message)) return "an error with a token in it";
  }
  const wanted = ok ? "ok" : `${expect.get("stage")} ${expect.get("code")} ${expect.get("block")}`;
  const alike = wanted.startsWith("malformed") && said.startsWith("malformed"); // of these the stage is the contract
  if (said !== wanted && !alike) return `${said}, not ${wanted}`;
  let lease;
  try {
    lease = Lease.parse(vector.get("token"));
  } catch {
    return wanted.startsWith("malformed") ? undefined : "a token that cannot be read";
  }
  if (String(lease.blockIds) !== String(vector.get("block_ids"))) return "other block ids";
  return lease.token === vector.get("token") ? undefined : "another spelling";
}

export function bytes(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));
}
