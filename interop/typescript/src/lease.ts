/** A lease in the hands of its holder: read it, narrow it, seal it, present it; never verify it. */
import { type Algorithm, ED25519, HMAC, NAMES } from "./block.js";
import { blockJson, type Terms, wireOf } from "./blockjson.js";
import { statedRun } from "./clear.js";
import { must, shown } from "./errors.js";
import type { Proof, Token } from "./token.js";
import { append, blockIds, finish, isKeyId, readToken, secretOf, split, start, writeToken } from "./token.js";
import { copyOf } from "./trust.js";
import { type Int, isInteger, type Key, Redacted, runText } from "./values.js";

const random = (size: number): Uint8Array => crypto.getRandomValues(new Uint8Array(size));

/** Module-internal: narrows by a block of the wire as it is, whatever its times are. */
export let narrowBy: (lease: Lease, wire: Map<Key, unknown>, seed: Uint8Array) => Lease;

/**
 * A token that was read, with its approvals. Immutable: narrowing, sealing and presenting return
 * another. Its text is a secret, and `token` is the only way to it: in a log, in JSON and in Node's
 * console a lease shows its last block's id and its key id.
 */
export class Lease extends Redacted {
  readonly keyId: string;
  /** The COSE algorithm: 5 (hmac) or -19 (ed25519). */
  readonly alg: Algorithm;
  /** `bearer` (may be narrowed), `sealed`, or `bound` (to one call). */
  readonly proof: Proof["kind"];
  /** The id of each block, in hex. */
  readonly blockIds: readonly string[];
  readonly #token: Token;
  readonly #approvals: readonly Token[];

  private constructor(token: Token, approvals: readonly Token[] = []) {
    super();
    this.keyId = token.keyId;
    this.alg = token.alg;
    this.proof = token.proof.kind;
    this.blockIds = blockIds(token);
    this.#token = token;
    this.#approvals = approvals;
    Object.freeze(this);
  }

  /** Returns the lease of a token's text, with its approvals, unverified; throws Malformed. */
  static parse(text: string): Lease {
    const [first, ...approvals] = split(text);
    return new Lease(readToken(first), approvals.map(readToken));
  }

  /** The text: a bearer secret. Put it in a header, never in a URL, a prompt or a log. */
  get token(): string { return [this.#token, ...this.#approvals].map(writeToken).join("~"); }

  /** What the blocks say. Anyone can write a block; only a verifier can believe one. */
  get unverifiedBlocks(): readonly Terms[] { return Object.freeze(this.#token.blocks.map(blockJson)); }

  /** The longest run that the blocks state, as text; empty where none does. */
  get unverifiedRun(): string { return runText(statedRun(this.#token.blocks)); }

  /**
   * Returns a lease with one more block, offline and without a key. It can only restrict: a later
   * expiry or a wider allow in it changes nothing.
   *
   * `seed`: of the next key in the ed25519 chain, 32 random bytes by default.
   * Throws Forbidden `structure` for a lease that is sealed or bound, Malformed for the terms.
   */
  narrow(terms: Terms, { seed = random(32) } = {}): Lease {
    secretOf(this.#token, "narrowed"); // whatever the terms are
    return narrowBy(this, withNonce(terms, 8), seed);
  }

  /** Returns the lease sealed: whoever gets it can use it and not narrow it. Throws Forbidden `structure`. */
  seal(): Lease { return this.#changed(finish(this.#token, { kind: "sealed" })); }

  /**
   * Returns the lease bound to one call, for a minute. `binding`: of `callBinding` or `httpBinding`; `iat`:
   * seconds since 1970; `nonce`: 16 bytes, fresh for each try. Throws Forbidden `structure`.
   */
  present(binding: Uint8Array, { iat = clock() as Int, nonce = random(16) } = {}): Lease {
    if (!isInteger(iat) || iat < 0 || iat >= 2n ** 63n) throw new RangeError("iat is seconds since 1970");
    const bound = { iat, nonce: copyOf(nonce, "a nonce", 16), binding: copyOf(binding, "a binding") };
    return this.#changed(finish(this.#token, { kind: "bound", ...bound }));
  }

  /** Returns the lease with these approvals after those that it has; throws Malformed `too_large`. */
  attach(...approvals: readonly Lease[]): Lease {
    return this.#changed(this.#token, [...this.#approvals, ...approvals.map((approval) => approval.#token)]);
  }

  #changed(token: Token, approvals = this.#approvals): Lease {
    const lease = new Lease(token, approvals);
    split(lease.token); // with its approvals, too, it is no longer than anybody may read
    return lease;
  }

  static {
    narrowBy = (lease, wire, seed) => lease.#changed(append(lease.#token, wire, copyOf(seed, "a seed")));
  }

  /** Never the token. */
  override toString(): string {
    const { keyId, blockIds, proof } = this;
    return `<Lease ${blockIds.at(-1)}, ${proof}, ${blockIds.length} block(s), key ${shown(keyId)}>`;
  }
}

/** What mints: an hmac root's secret, or an ed25519 key's seed (RFC 8032), and its key id. */
export type MintingKey =
  | { readonly id: string; readonly secret: Uint8Array }
  | { readonly id: string; readonly seed: Uint8Array };

/** What a new lease must say. */
export type LeaseTerms = Terms & Required<Pick<Terms, (typeof NEEDED)[number]>>;
const NEEDED = ["run", "audience", "expires", "allow"] as const;

/**
 * Returns a new bearer lease. Of an approver's seed, with `for` and a budget of `calls`, it is an
 * approval once it is sealed; its key id is the public key in hex.
 *
 * Throws TypeError for a key or for terms that are missing, Malformed for terms that are wrong.
 */
export function mint(key: MintingKey, terms: LeaseTerms): Lease {
  if (!isKeyId(key.id)) throw new TypeError("a key id is 1 to 128 printable ASCII characters");
  if (!("secret" in key || "seed" in key)) throw new TypeError("a secret or a seed mints, no public key");
  const wire = withNonce({ issued_at: clock(), ...terms }, 16);
  for (const name of NEEDED) {
    // none is all-powerful by omission
    if (!wire.has(NAMES.indexOf(name))) throw new TypeError(`a lease needs ${name}`);
  }
  const [alg, secret] = "secret" in key ? [HMAC, key.secret] as const : [ED25519, key.seed] as const;
  return Lease.parse(writeToken(start(alg, key.id, copyOf(secret, "a secret or a seed"), wire, random(32))));
}

const TIMES = ["not_before", "expires", "issued_at"] as const;

/** Returns a block of the wire, with a nonce where the terms have none; its times are no milliseconds. */
function withNonce(terms: Terms, size: number): Map<Key, unknown> {
  const wire = new Map<Key, unknown>([[0, random(size)], ...wireOf(terms)]);
  for (const name of TIMES) {
    const time = wire.get(NAMES.indexOf(name)), isFar = isInteger(time) && time > 1e11; // the year 5138
    must(time, !isFar, "seconds, not milliseconds", `${name}: ${shown(time)}`);
  }
  return wire;
}

const clock = (): number => Math.floor(Date.now() / 1000);
