/** A lease in the hands of its holder: read it, narrow it, seal it, present it; never verify it. */
import { type Algorithm, type Block, ED25519, HMAC } from "./block.js";
import { blockJson, type Terms, wireOf } from "./blockjson.js";
import { append, blockIds, finish, isKeyId, type Proof, readToken, start, type Token, writeToken } from "./chain.js";
import { statedRun } from "./clear.js";
import { shown } from "./errors.js";
import { key32 } from "./keys.js";
import { runText } from "./run.js";
import { split } from "./text.js";
import { isCount, type Key, Redacted, type Value } from "./values.js";

const random = (size: number): Uint8Array => crypto.getRandomValues(new Uint8Array(size));

let make: (token: Token, approvals?: readonly Token[]) => Lease;

/** What may be chosen of a bound proof; both are made here by default. */
export interface Presentation {
  /** Seconds since 1970; the clock's by default. */
  readonly iat?: number | bigint;
  /** 16 bytes, fresh for each try; random by default. */
  readonly nonce?: Uint8Array;
}

/**
 * A token that was read, with its approvals. Immutable: narrowing, sealing and presenting return
 * another. Its text is a secret, and `token` is the only way to it: in a log, in JSON and in Node's
 * console a lease shows its last block's id and its key id.
 */
export class Lease extends Redacted {
  readonly #token: Token;
  readonly #approvals: readonly Token[];

  private constructor(token: Token, approvals: readonly Token[] = []) {
    super();
    this.#token = token;
    this.#approvals = approvals;
  }

  /** Returns the lease of a token's text, with its approvals, unverified; throws Malformed. */
  static parse(text: string): Lease {
    const [first, ...approvals] = split(text);
    return new Lease(readToken(first), approvals.map(readToken));
  }

  /** The text: a bearer secret. Put it in a header, never in a URL, a prompt or a log. */
  get token(): string {
    return [this.#token, ...this.#approvals].map(writeToken).join("~");
  }

  get keyId(): string {
    return this.#token.keyId;
  }

  /** The COSE algorithm: 5 (hmac) or -19 (ed25519). */
  get alg(): Algorithm {
    return this.#token.alg;
  }

  /** `bearer` (may be narrowed), `sealed`, or `bound` (to one call). */
  get proof(): Proof["kind"] {
    return this.#token.proof.kind;
  }

  /** The id of each block, in hex. */
  get blockIds(): readonly string[] {
    return blockIds(this.#token);
  }

  /** What the blocks say. Anyone can write a block; only a verifier can believe one. */
  get unverifiedBlocks(): readonly Terms[] {
    return Object.freeze(this.#token.blocks.map((block: Block) => blockJson(block)));
  }

  /** The longest run that the blocks state, as text; empty where none does. */
  get unverifiedRun(): string {
    return runText(statedRun(this.#token.blocks));
  }

  /**
   * Returns a lease with one more block, offline and without a key. It can only restrict: a later
   * expiry or a wider allow in it changes nothing.
   *
   * `seed`: of the next key in the ed25519 chain, 32 random bytes by default.
   * Throws Forbidden `structure` for a lease that is sealed or bound, Malformed for the terms.
   */
  narrow(terms: Terms, { seed = random(32) }: { readonly seed?: Uint8Array } = {}): Lease {
    return this.#changed(append(this.#token, withNonce(terms, 8), key32(seed, "a seed")));
  }

  /** Returns the lease sealed: whoever gets it can use it and not narrow it. Throws Forbidden `structure`. */
  seal(): Lease {
    return this.#changed(finish(this.#token, { kind: "sealed" }));
  }

  /** Returns the lease bound to one call, for a minute. `binding`: of `callBinding` or `httpBinding`. Throws Forbidden `structure`. */
  present(binding: Uint8Array, { iat = clock(), nonce = random(16) }: Presentation = {}): Lease {
    if (!(nonce instanceof Uint8Array && nonce.length === 16)) throw new TypeError("a nonce is a Uint8Array of 16 bytes");
    if (!isCount(iat) && !(typeof iat === "bigint" && iat >= 0n && BigInt.asIntN(64, iat) === iat)) throw new RangeError("iat is whole seconds since 1970");
    return this.#changed(finish(this.#token, { kind: "bound", iat, nonce: Uint8Array.from(nonce), binding: key32(binding, "a binding") }));
  }

  /** Returns the lease with these approvals travelling along, after those that it has; throws Malformed `too_large`. */
  attach(...approvals: readonly Lease[]): Lease {
    return this.#changed(this.#token, [...this.#approvals, ...approvals.map((approval) => approval.#token)]);
  }

  #changed(token: Token, approvals = this.#approvals): Lease {
    const lease = new Lease(token, approvals);
    split(lease.token); // with its approvals, too, it is no longer than anybody may read
    return lease;
  }

  /** Never the token. */
  override toString(): string {
    return `<Lease ${this.blockIds.at(-1)}, ${this.proof}, ${this.#token.blocks.length} block(s), key ${shown(this.keyId)}>`;
  }

  static {
    make = (token, approvals) => new Lease(token, approvals);
  }
}

/** What mints: an hmac root's secret, or an ed25519 key's seed (RFC 8032), and its key id. */
export type MintingKey = { readonly id: string; readonly secret: Uint8Array } | { readonly id: string; readonly seed: Uint8Array };

/** What a new lease must say. */
export type LeaseTerms = Terms & Required<Pick<Terms, "run" | "audience" | "expires" | "allow">>;

/**
 * Returns a new bearer lease. Of an approver's seed, with `for` and a budget of `calls`, it is an
 * approval once it is sealed; its key id is the public key in hex.
 *
 * Throws TypeError for a key or for terms that are missing, Malformed for terms that are wrong.
 */
export function mint(key: MintingKey, terms: LeaseTerms): Lease {
  if (!isKeyId(key.id)) throw new TypeError("a key id is 1 to 128 printable ASCII characters");
  const [alg, secret] = "secret" in key ? [HMAC, key32(key.secret, "a secret")] as const : [ED25519, key32(key.seed, "a seed")] as const;
  const wire = withNonce({ issued_at: clock(), ...terms }, 16);
  for (const [number, name] of [[2, "run"], [3, "audience"], [5, "expires"], [6, "allow"]] as const) {
    if (!wire.has(number)) throw new TypeError(`a lease needs ${name}: none is all-powerful by omission`);
  }
  return make(start(alg, key.id, secret, wire, random(32)));
}

function withNonce(terms: Terms, size: number): Map<Key, Value> {
  const wire = wireOf(terms);
  return wire.has(0) ? wire : wire.set(0, random(size));
}

const clock = (): number => Math.floor(Date.now() / 1000);
