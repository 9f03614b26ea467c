/** Strict Ed25519 (specs/token.md, chains), without the cofactor; noble's own verify multiplies by it. */
import { ed25519 } from "@noble/curves/ed25519.js";
import { bytesToNumberLE } from "@noble/curves/utils.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { concat, equal } from "./values.js";

const { Point } = ed25519;
const ORDER = Point.Fn.ORDER;
const TABLE_FROM = 3; // uses; a table costs about eight verifications and saves most of each

/** A public key. One that is used again, such as a ring's, gets a table. */
export class PublicKey {
  #point: InstanceType<typeof Point> | null | undefined;
  #uses = 0;

  constructor(readonly bytes: Uint8Array) {}

  /** Returns -A, or null where A is not canonical, not on the curve, or of order 1, 2, 4 or 8. */
  #negated(): InstanceType<typeof Point> | null {
    if (this.#point === undefined) {
      try {
        const point = Point.fromBytes(this.bytes); // y below p, and no sign on an x of 0
        this.#point = point.isSmallOrder() ? null : point.negate();
      } catch {
        this.#point = null;
      }
    }
    if (++this.#uses === TABLE_FROM) this.#point?.precompute(5);
    return this.#point;
  }

  /** Says whether a signature (64 bytes) is strictly valid: s < L, and s B - k A is R, byte for byte. */
  verify(signature: Uint8Array, message: Uint8Array): boolean {
    if (signature.length !== 64 || this.bytes.length !== 32) return false;
    const s = bytesToNumberLE(signature.subarray(32));
    if (s >= ORDER) return false;
    const negated = this.#negated();
    if (negated === null) return false;
    const r = signature.subarray(0, 32);
    // reduced before it multiplies A: where A has a part of small order, that is the verdict's rule
    const k = bytesToNumberLE(sha512(concat(r, this.bytes, message))) % ORDER;
    // all of it is public: the time may differ
    const expected = Point.BASE.multiplyUnsafe(s).add(negated.multiplyUnsafe(k));
    return !expected.isSmallOrder() && equal(expected.toBytes(), r); // toBytes is canonical, so R is too
  }
}

/** Returns the signature of a message by the key of a seed (RFC 8032). */
export const sign = (seed: Uint8Array, message: Uint8Array): Uint8Array => ed25519.sign(message, seed);

/** Returns the public key of a seed. */
export const publicOf = (seed: Uint8Array): Uint8Array => ed25519.getPublicKey(seed);
