/** The token: its text, header, blocks and proof; the hashes and links of the two chains (specs/token.md). */
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { type Algorithm, type Block, ED25519, HMAC, readBlock } from "./block.js";
import { decode, encode } from "./cbor.js";
import { publicOf, sign } from "./ed25519.js";
import { Forbidden, limited, Malformed, must } from "./errors.js";
import { concat, type Int, isInteger, type Key, toHex, type Value } from "./values.js";

// --- text ---------------------------------------------------------------------------------------------
const PREFIX = "lease1_";
const MAX_TOKEN = 8192, MAX_WHOLE = 16384, MAX_APPROVALS = 4;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const DIGITS = new Int8Array(128).fill(-1);
for (let i = 0; i < 64; i++) DIGITS[ALPHABET.charCodeAt(i)] = i;

/** Returns the bytes of one token's text; throws Malformed `too_large` or `text`. */
function fromText(text: string): Uint8Array {
  limited(text.length, MAX_TOKEN, "characters");
  const length = Math.max(text.length - PREFIX.length, 0), out = new Uint8Array((length * 3) >> 2);
  let good = text.startsWith(PREFIX) && length % 4 !== 1; // no bytes have that length
  let bits = 0, held = 0, at = 0;
  for (let i = PREFIX.length; i < text.length; i++) {
    const digit = DIGITS[text.charCodeAt(i)] ?? -1;
    good &&= digit >= 0;
    held = ((held << 6) | digit) & 0xfff;
    bits += 6;
    if (bits >= 8) out[at++] = held >> (bits -= 8);
  }
  // one text for one token: no unused bits that are set
  if (good && (held & ((1 << bits) - 1)) === 0) return out;
  throw new Malformed("text", "other text", "lease1_ and unpadded base64url");
}

/** Returns the text form of bytes. */
function toText(bytes: Uint8Array): string {
  let raw = "";
  for (const byte of bytes) raw += String.fromCharCode(byte);
  return PREFIX + btoa(raw).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Returns a token's text and those of its approvals (V1); throws Malformed `too_large`. */
export function split(text: string): [first: string, ...approvals: string[]] {
  if (typeof text !== "string") throw new Malformed("text", `a ${typeof text}`, "the text of a token");
  limited(text.length, MAX_WHOLE, "characters");
  const parts = text.split("~", MAX_APPROVALS + 2);
  limited(parts.length - 1, MAX_APPROVALS, "approvals");
  return parts as [string, ...string[]];
}

// --- chains -------------------------------------------------------------------------------------------
const MAX_BLOCKS = 16, MAX_UNITS = 32;
const KEY_ID = /^[ -~]{1,128}$/;
const label = (name: string): Uint8Array => new TextEncoder().encode(`attenuate/1 ${name}\0`);
const LABEL = {
  header: label("header"), block: label("block"), link: label("link"), seal: label("seal"), use: label("use"),
};

/** A block that is still to be encoded and read back. */
type Wire = ReadonlyMap<Key, unknown>;
type Bytes = Uint8Array;

/** What ends a token. */
export type Proof =
  | { readonly kind: "bearer"; readonly secret: Uint8Array }
  | (Signed & { readonly tag: Uint8Array });

/** What a seal or a bound proof says, without its tag. */
type Signed =
  | { readonly kind: "sealed" }
  | { readonly kind: "bound"; readonly iat: Int; readonly nonce: Uint8Array; readonly binding: Uint8Array };

/** What stands in a token's text. */
interface Parts {
  readonly header: Uint8Array;
  readonly blocks: readonly Pick<Block, "raw">[];
  readonly signatures: readonly Uint8Array[];
  readonly proof: Proof;
}

/** A token that was read, and not verified. `hashes` are h[0] to h[n]; they need no key. */
export interface Token extends Parts {
  readonly alg: Algorithm;
  readonly keyId: string;
  readonly blocks: readonly Block[];
  readonly hashes: readonly Uint8Array[];
}

export const hash = (...parts: readonly Uint8Array[]): Uint8Array => sha256(concat(...parts));
export const mac = (key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array =>
  hmac(sha256, key, concat(...parts));
export const idOf = (h: Uint8Array): Uint8Array => h.subarray(0, 16);
export const isKeyId = (text: unknown): text is string => typeof text === "string" && KEY_ID.test(text);
export const blockIds = ({ hashes }: Token): readonly string[] =>
  Object.freeze(hashes.map((h) => toHex(idOf(h))));

/** What a link authenticates. */
export const linkMessage = (h: Uint8Array): Uint8Array => concat(LABEL.link, h);

/** What a seal or a tag authenticates. */
export function proofMessage(h: Uint8Array, proof: Signed): Uint8Array {
  if (proof.kind === "sealed") return concat(LABEL.seal, h);
  const iat = new Uint8Array(8);
  new DataView(iat.buffer).setBigUint64(0, BigInt(proof.iat));
  return concat(LABEL.use, h, iat, proof.nonce, proof.binding);
}

// --- reading (V1, V2) ---------------------------------------------------------------------------------
const form = <T>(value: unknown, good: boolean, asked: string): T =>
  must(value, good, "the form of a token", asked);
const array = (value: Value | undefined, length?: number): readonly Value[] =>
  form(value, Array.isArray(value) && (length ?? value.length) === value.length, "another array");
const bytes = (value: Value | undefined, size?: number): Uint8Array =>
  form(value, value instanceof Uint8Array && (size ?? value.length) === value.length, "other bytes");

function strings(value: Value | undefined, size?: number): readonly Uint8Array[] {
  const members = array(value);
  limited(members.length, MAX_BLOCKS, "blocks or signatures");
  return members.map((each) => bytes(each, size));
}

function readProof(value: Value | undefined, alg: Algorithm): Proof {
  const size = alg === HMAC ? 32 : 64;
  const [kind, first, nonce, binding, tag] = array(value, Array.isArray(value) && value[0] === 2 ? 5 : 2);
  if (kind === 0) return { kind: "bearer", secret: bytes(first, 32) };
  if (kind === 1) return { kind: "sealed", tag: bytes(first, size) };
  const iat = form<Int>(first, kind === 2 && isInteger(first) && first >= 0, "another proof");
  return { kind: "bound", iat, nonce: bytes(nonce, 16), binding: bytes(binding, 32), tag: bytes(tag, size) };
}

/** Returns what one token's text says, unverified; throws Malformed. */
export function readToken(text: string): Token {
  const [first, given, signed, ended] = array(decode(fromText(text)), 4);
  const header = bytes(first);
  const [version, alg, keyId] = array(decode(header), 3);
  const known = version === 1 && (alg === HMAC || alg === ED25519) && isKeyId(keyId);
  const kind = form<{ alg: Algorithm; keyId: string }>({ alg, keyId }, known, "another header");
  const raws = strings(given), signatures = strings(signed, 64);
  const expected = alg === HMAC ? 0 : raws.length;
  form(raws, raws.length > 0 && signatures.length === expected, "no blocks, or another number of signatures");
  const proof = readProof(ended, kind.alg);
  const blocks = raws.map((raw, index) => readBlock(raw, index, kind.alg));
  limited(blocks.reduce((sum, block) => sum + (block.budget?.size ?? 0), 0), MAX_UNITS, "budget units");
  let h = hash(LABEL.header, header);
  const hashes = blocks.map((block) => (h = hash(LABEL.block, h, block.raw)));
  return { header, ...kind, blocks, hashes, signatures, proof };
}

// --- writing ------------------------------------------------------------------------------------------
/** Returns a token's text. */
export function writeToken({ header, blocks, signatures, proof }: Parts): string {
  const end = proof.kind === "bearer" ? [0, proof.secret]
    : proof.kind === "sealed" ? [1, proof.tag] : [2, proof.iat, proof.nonce, proof.binding, proof.tag];
  return toText(encode([header, blocks.map((block) => block.raw), signatures, end]));
}

/** Returns a token after reading it back as anybody would: nothing is made that nobody could read. */
const made = (parts: Parts): Token => readToken(writeToken(parts));

/** Returns a bearer token of one block. `secret`: the hmac key, or the signing key's seed. */
export function start(alg: Algorithm, keyId: string, secret: Bytes, wire: Wire, seed: Bytes): Token {
  const header = encode([1, alg, keyId]);
  const proof = { kind: "bearer", secret } as const;
  return append({ header, alg, keyId, blocks: [], hashes: [], signatures: [], proof }, wire, seed);
}
/** Returns a bearer token with one more block. `seed`: of its next key; not used in the hmac chain. */
export function append(token: Token, wire: Wire, seed: Uint8Array): Token {
  const { header, alg, blocks, hashes, signatures } = token;
  const secret = secretOf(token, "narrowed");
  const raw = encode(alg === HMAC ? wire : new Map(wire).set(1, publicOf(seed)));
  const link = linkMessage(hash(LABEL.block, hashes.at(-1) ?? hash(LABEL.header, header), raw));
  const signed = alg === HMAC ? signatures : [...signatures, sign(secret, link)];
  const proof = { kind: "bearer", secret: alg === HMAC ? mac(secret, link) : seed } as const;
  return made({ header, blocks: [...blocks, { raw }], signatures: signed, proof });
}

/** Returns a token sealed or bound to one call, for good. */
export function finish(token: Token, proof: Signed): Token {
  const secret = secretOf(token, proof.kind === "sealed" ? "sealed" : "presented");
  const message = proofMessage(token.hashes.at(-1)!, proof);
  const tag = token.alg === HMAC ? mac(secret, message) : sign(secret, message);
  return made({ ...token, proof: { ...proof, tag } });
}

/** Returns a bearer's secret; throws Forbidden `structure` for what is not to be changed any more. */
export function secretOf({ proof }: Token, verb: string): Uint8Array {
  if (proof.kind === "bearer") return proof.secret;
  throw new Forbidden("structure", undefined, `a ${proof.kind} lease to be ${verb}`, "use as it is");
}
