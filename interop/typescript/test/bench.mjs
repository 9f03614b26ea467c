/** How many verifications a second, from text to decision: one JSON line for each kind of chain and number of blocks. */
import { KeyRing, mint, Verifier } from "attenuate";
import { publicOf } from "../dist/ed25519.js";

const SECONDS = 2;
const now = 1_800_000_000;
const key = crypto.getRandomValues(new Uint8Array(32));
const verifier = new Verifier(new KeyRing([{ id: "k1", secret: key }, { id: "e1", publicKey: publicOf(key) }]), { audience: "github" });
const ask = { action: "repo.read", run: "agt_1@2", facts: { repo: "clord", path: "src/a.py" } };

function token(minting, blocks) {
  let lease = mint(minting, {
    issued_at: now, run: "agt_1@2", audience: ["github"], expires: now + 900,
    allow: [{ actions: ["repo.read", "repo.write.*"], where: { repo: { one_of: ["clord"] } } }],
  });
  for (let index = 1; index < blocks; index++) lease = lease.narrow({ expires: now + 900 - index, where: { path: { under: ["src"] } } });
  return lease.token;
}

for (const [chain, minting] of [["hmac", { id: "k1", secret: key }], ["ed25519", { id: "e1", seed: key }]]) {
  for (const blocks of [1, 3, 8]) {
    const text = token(minting, blocks);
    const run = (seconds) => {
      const start = performance.now();
      let done = 0;
      for (; performance.now() - start < seconds * 1000; done++) verifier.verify(text, ask, now);
      return Math.round((done * 1000) / (performance.now() - start));
    };
    run(0.5); // warm up
    console.log(JSON.stringify({ chain, blocks, verifications_per_second: run(SECONDS) }));
  }
}
