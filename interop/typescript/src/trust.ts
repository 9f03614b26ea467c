/** Stage trust: which key, the links and the proof (V3 to V5). */
import { ED25519 } from "./block.js";
import { linkMessage, mac, proofMessage, type Token } from "./chain.js";
import { PublicKey, publicOf } from "./ed25519.js";
import { Forbidden, shown, Untrusted } from "./errors.js";
import { findKey, type KeyRing, type Material } from "./keys.js";
import type { Request } from "./request.js";
import { equal } from "./values.js";

const SKEW = 60n;

/** V3: returns the key that a token's key id names; throws Untrusted or Forbidden `audience`. */
export function keyFor(token: Token, ring: KeyRing, audience: string): Material {
  const found = findKey(ring, token.keyId, audience);
  if (found === undefined) throw new Untrusted("unknown_key", { asked: `key id ${shown(token.keyId)}`, allowed: "a key of the ring" });
  if (found.material.alg !== token.alg) throw new Untrusted("algorithm", { asked: `algorithm ${token.alg}`, allowed: `${found.material.alg}` });
  if (found.serves !== undefined && found.serves !== audience) {
    throw new Forbidden("audience", 0, { asked: shown(audience), allowed: shown(found.serves) });
  }
  return found.material;
}

/** V4, V5: throws Untrusted where a link or the proof is not authentic, Forbidden where a bound proof is for something else. */
export function authenticate(token: Token, material: Material, request: Request, now: number): void {
  const { hashes, proof } = token;
  const tip = hashes.at(-1)!;
  let good: boolean;
  if (material.alg === ED25519) {
    let key = material.key;
    token.blocks.forEach((block, index) => {
      if (!key.verify(token.signatures[index]!, linkMessage(hashes[index]!))) throw new Untrusted("signature", { asked: `the link of block ${index}` });
      key = new PublicKey(block.next_key!);
    });
    // the seed of a bearer is compared through its public key
    good = proof.kind === "bearer" ? equal(publicOf(proof.secret), token.blocks.at(-1)!.next_key!) : key.verify(proof.tag, proofMessage(tip, proof));
  } else {
    const last = hashes.reduce((secret, h) => mac(secret, linkMessage(h)), material.secret);
    good = proof.kind === "bearer" ? equal(proof.secret, last) : equal(proof.tag, mac(last, proofMessage(tip, proof)));
  }
  if (!good) throw new Untrusted("proof", { asked: `a ${proof.kind} proof that is not this lease's` });
  if (proof.kind !== "bound") return;
  if (request.binding === undefined || !equal(request.binding, proof.binding)) {
    throw new Forbidden("binding", undefined, { asked: request.binding ? "another call" : "no binding", allowed: "the call that the proof is bound to" });
  }
  const age = BigInt(now) - BigInt(proof.iat);
  if (age > SKEW || age < -SKEW) throw new Forbidden("stale_proof", undefined, { asked: `now ${now}`, allowed: `60 seconds around ${proof.iat}`, wouldPass: "a fresh proof" });
}
