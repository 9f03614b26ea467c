/** Stage trust: the keys of a ring and which of them a key id names, the links and the proof (V3 to V5). */
import { ED25519, HMAC } from "./block.js";
import { PublicKey, publicOf } from "./ed25519.js";
import { Forbidden, listed, shown, Untrusted } from "./errors.js";
import type { Request } from "./request.js";
import { isKeyId, linkMessage, mac, proofMessage, type Token } from "./token.js";
import { equal, Redacted, utf8 } from "./values.js";

const SKEW = 60n, MAX_DERIVED = 1024;

/** A key by its id: 32 bytes of an hmac secret, or of an ed25519 public key. */
export type RingKey =
  | { readonly id: string; readonly secret: Uint8Array }
  | { readonly id: string; readonly publicKey: Uint8Array };

/** What verifies under a key id. */
export type Material =
  | { readonly alg: typeof HMAC; readonly secret: Uint8Array }
  | { readonly alg: typeof ED25519; readonly key: PublicKey };

/** Checks that a key, or a nonce, has its size, and copies it: nobody changes it afterwards. */
export function copyOf(bytes: unknown, what: string, size = 32): Uint8Array {
  if (bytes instanceof Uint8Array && bytes.length === size) return Uint8Array.from(bytes);
  throw new TypeError(`${what} is a Uint8Array of ${size} bytes`);
}

/**
 * V3, module-internal, so that a ring's keys are not for everybody: returns the key that a token's key
 * id names; throws Untrusted or Forbidden `audience`.
 */
export let keyFor: (ring: KeyRing, token: Token, audience: string) => Material;

/**
 * The keys of a verifier, each key id once. The ring decides the algorithm: an hmac secret never
 * verifies an ed25519 token, nor the other way round. A ring that holds the hmac key ROOT also
 * answers for ROOT/AUDIENCE, for its verifier's own audience.
 */
export class KeyRing extends Redacted {
  readonly #keys = new Map<string, Material>();
  readonly #derived = new Map<string, Material>();

  /** Throws TypeError for a key that is none, RangeError for a key id that is malformed or there twice. */
  constructor(keys: Iterable<RingKey>) {
    super();
    for (const key of keys) {
      const { id } = key, what = `key ${shown(id)}`;
      if (!isKeyId(id)) throw new RangeError(`${what}: an id is 1 to 128 printable ASCII characters`);
      if (this.#keys.has(id)) throw new RangeError(`${what}: it is there twice`);
      if ("secret" in key === "publicKey" in key) throw new TypeError(`${what}: a secret or a publicKey`);
      if ("secret" in key) this.#keys.set(id, { alg: HMAC, secret: copyOf(key.secret, "a secret") });
      else if (id.includes("/")) throw new RangeError(`${what}: an id with "/" is of a secret`);
      else this.#keys.set(id, { alg: ED25519, key: new PublicKey(copyOf(key.publicKey, "a publicKey")) });
    }
  }

  #keyFor({ alg, keyId }: Token, audience: string): Material {
    const slash = keyId.indexOf("/"), serves = slash < 0 ? audience : keyId.slice(slash + 1);
    const exact = this.#keys.get(keyId), root = exact ?? this.#keys.get(keyId.slice(0, Math.max(slash, 0)));
    if (!root || (!exact && root.alg !== HMAC)) {
      throw new Untrusted("unknown_key", `key id ${shown(keyId)}`, `keys ${listed([...this.#keys.keys()])}`);
    }
    if (root.alg !== alg) throw new Untrusted("algorithm", `algorithm ${alg}`, `${root.alg}`);
    // before anything is derived
    if (serves !== audience) throw new Forbidden("audience", 0, shown(audience), shown(serves));
    if (exact || root.alg !== HMAC) return root;
    const material = this.#derived.get(keyId) ?? { alg: HMAC, secret: audienceKey(root.secret, audience) };
    // one ring may serve verifiers of many audiences
    if (this.#derived.size < MAX_DERIVED) this.#derived.set(keyId, material);
    return material;
  }

  /** The key ids, and nothing of the keys. */
  override toString(): string { return `<KeyRing ${[...this.#keys.keys()].join(", ")}>`; }

  static { keyFor = (ring, token, audience) => ring.#keyFor(token, audience); }
}

/** Returns the key of one service, with key id `ROOT/AUDIENCE`: it verifies for that audience alone. */
export function audienceKey(rootSecret: Uint8Array, audience: string): Uint8Array {
  if (typeof audience !== "string") throw new TypeError("an audience is text");
  return mac(copyOf(rootSecret, "a root secret"), utf8("attenuate/1 audience\0"), utf8(audience));
}

/** V4, V5: throws Untrusted for another's chain or proof, Forbidden for a proof of another call. */
export function authenticate(token: Token, material: Material, request: Request, now: number): void {
  const good = material.alg === ED25519 ? isSigned(token, material.key) : isLinked(token, material.secret);
  const { proof } = token;
  if (!good) throw new Untrusted("proof", `a ${proof.kind} proof that is not this lease's`);
  if (proof.kind !== "bound") return;
  if (request.binding === undefined || !equal(request.binding, proof.binding)) {
    const asked = request.binding ? "another call" : "no binding";
    throw new Forbidden("binding", undefined, asked, "the call that the proof is bound to");
  }
  const age = BigInt(now) - BigInt(proof.iat);
  if (age <= SKEW && age >= -SKEW) return;
  throw new Forbidden("stale_proof", undefined, `now ${now}`, `60 s around ${proof.iat}`, "a fresh proof");
}

function isLinked({ hashes, proof }: Token, secret: Uint8Array): boolean {
  const last = hashes.reduce((above, h) => mac(above, linkMessage(h)), secret);
  if (proof.kind === "bearer") return equal(proof.secret, last);
  return equal(proof.tag, mac(last, proofMessage(hashes.at(-1)!, proof)));
}

function isSigned({ blocks, hashes, signatures, proof }: Token, key: PublicKey): boolean {
  blocks.forEach((block, index) => {
    const good = key.verify(signatures[index]!, linkMessage(hashes[index]!));
    if (!good) throw new Untrusted("signature", `the link of block ${index}`);
    key = new PublicKey(block.next_key!);
  });
  // the seed of a bearer is compared through its public key
  if (proof.kind === "bearer") return equal(publicOf(proof.secret), blocks.at(-1)!.next_key!);
  return key.verify(proof.tag, proofMessage(hashes.at(-1)!, proof));
}
