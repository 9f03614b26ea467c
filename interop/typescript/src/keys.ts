/** The keys that a verifier has, and which of them a key id names (specs/token.md, keys). */
import { ED25519, HMAC } from "./block.js";
import { isKeyId, mac } from "./chain.js";
import { PublicKey } from "./ed25519.js";
import { shown } from "./errors.js";
import { Redacted, utf8 } from "./values.js";

const MAX_DERIVED = 1024;

/** A key by its id: 32 bytes of an hmac secret, or of an ed25519 public key. */
export type RingKey =
  | { readonly id: string; readonly secret: Uint8Array }
  | { readonly id: string; readonly publicKey: Uint8Array };

/** What verifies under a key id. */
export type Material = { readonly alg: typeof HMAC; readonly secret: Uint8Array } | { readonly alg: typeof ED25519; readonly key: PublicKey };

/** A key, and the audience that it serves; undefined where it serves any. */
export interface Found {
  readonly material: Material;
  readonly serves: string | undefined;
}

/** Checks that a key is 32 bytes, and copies it: nobody changes it afterwards. */
export function key32(bytes: unknown, what: string): Uint8Array {
  if (bytes instanceof Uint8Array && bytes.length === 32) return Uint8Array.from(bytes);
  throw new TypeError(`${what} is a Uint8Array of 32 bytes`);
}

/** Module-internal: how a ring is asked without its keys being for everybody. */
export let findKey: (ring: KeyRing, keyId: string, audience: string) => Found | undefined;

/**
 * The keys of a verifier, each key id once. The ring decides the algorithm: an hmac secret never
 * verifies an ed25519 token, nor the other way round. A ring that holds the hmac key ROOT also
 * answers for ROOT/AUDIENCE, for its verifier's own audience.
 */
export class KeyRing extends Redacted {
  readonly #keys = new Map<string, Material>();
  readonly #derived = new Map<string, Material>();

  /** Throws TypeError for a key that is not 32 bytes, RangeError for a key id that is malformed or there twice. */
  constructor(keys: Iterable<RingKey>) {
    super();
    for (const key of keys) {
      const { id } = key;
      const hmac = "secret" in key;
      if (!isKeyId(id) || this.#keys.has(id)) throw new RangeError(`key id ${shown(id)}: 1 to 128 printable ASCII characters, each once`);
      if (id.includes("/") && !hmac) throw new RangeError(`key id ${shown(id)}: only an audience key has a "/", and it is a secret`);
      if (hmac === "publicKey" in key) throw new TypeError(`key ${shown(id)}: a secret or a publicKey`);
      this.#keys.set(id, hmac ? { alg: HMAC, secret: key32(key.secret, "a secret") } : { alg: ED25519, key: new PublicKey(key32(key.publicKey, "a publicKey")) });
    }
  }

  #find(keyId: string, audience: string): Found | undefined {
    const slash = keyId.indexOf("/");
    const serves = slash < 0 ? undefined : keyId.slice(slash + 1);
    const exact = this.#keys.get(keyId);
    if (exact !== undefined || serves === undefined) return exact && { material: exact, serves };
    const root = this.#keys.get(keyId.slice(0, slash));
    if (root?.alg !== HMAC) return undefined;
    if (serves !== audience) return { material: root, serves }; // refused before anything is derived (V3)
    const material = this.#derived.get(keyId) ?? { alg: HMAC, secret: audienceKey(root.secret, serves) };
    if (this.#derived.size < MAX_DERIVED) this.#derived.set(keyId, material); // one ring may serve verifiers of many audiences
    return { material, serves };
  }

  /** The key ids, and nothing of the keys. */
  override toString(): string {
    return `<KeyRing ${[...this.#keys.keys()].join(", ")}>`;
  }

  static {
    findKey = (ring, keyId, audience) => ring.#find(keyId, audience);
  }
}

/** Returns the audience key of one service, of key id `ROOT/AUDIENCE`: it verifies leases for that audience alone. */
export function audienceKey(rootSecret: Uint8Array, audience: string): Uint8Array {
  if (typeof audience !== "string") throw new TypeError("an audience is text");
  return mac(key32(rootSecret, "a root secret"), utf8("attenuate/1 audience\0"), utf8(audience));
}
