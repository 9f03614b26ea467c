/** The token and its two chains: header, blocks, signatures and proof; hashes and links (specs/token.md). */
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { type Algorithm, type Block, ED25519, HMAC, readBlock } from "./block.js";
import { decode, encode } from "./cbor.js";
import { publicOf, sign } from "./ed25519.js";
import { Forbidden, Malformed, must } from "./errors.js";
import { fromText, toText } from "./text.js";
import { concat, type Int, type Key, toHex, type Value } from "./values.js";

const MAX_BLOCKS = 16, MAX_UNITS = 32;
const KEY_ID = /^[ -~]{1,128}$/;
const label = (name: string): Uint8Array => new TextEncoder().encode(`attenuate/1 ${name}\0`);
const LABEL = { header: label("header"), block: label("block"), link: label("link"), seal: label("seal"), use: label("use") };

/** What ends a token. */
export type Proof =
  | { readonly kind: "bearer"; readonly secret: Uint8Array }
  | { readonly kind: "sealed"; readonly tag: Uint8Array }
  | { readonly kind: "bound"; readonly tag: Uint8Array; readonly iat: Int; readonly nonce: Uint8Array; readonly binding: Uint8Array };

/** A token that was read, and not verified. `hashes` are h[0] to h[n]; they need no key. */
export interface Token {
  readonly header: Uint8Array;
  readonly alg: Algorithm;
  readonly keyId: string;
  readonly blocks: readonly Block[];
  readonly hashes: readonly Uint8Array[];
  readonly signatures: readonly Uint8Array[];
  readonly proof: Proof;
}

export const hash = (...parts: readonly Uint8Array[]): Uint8Array => sha256(parts.length === 1 ? parts[0]! : concat(...parts));
export const mac = (key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array => hmac(sha256, key, concat(...parts));
export const idOf = (h: Uint8Array): Uint8Array => h.subarray(0, 16);
export const isKeyId = (text: unknown): text is string => typeof text === "string" && KEY_ID.test(text);
export const blockIds = (token: Token): readonly string[] => Object.freeze(token.hashes.map((h) => toHex(idOf(h))));

/** What a link authenticates. */
export const linkMessage = (h: Uint8Array): Uint8Array => concat(LABEL.link, h);

/** What a seal or a tag authenticates. */
export function proofMessage(h: Uint8Array, proof: Exclude<Proof, { kind: "bearer" }>): Uint8Array {
  if (proof.kind === "sealed") return concat(LABEL.seal, h);
  const iat = new Uint8Array(8);
  new DataView(iat.buffer).setBigUint64(0, BigInt(proof.iat));
  return concat(LABEL.use, h, iat, proof.nonce, proof.binding);
}

// --- reading (V1, V2) ---------------------------------------------------------------------------------
const array = (value: Value | undefined, length?: number): readonly Value[] =>
  must(value, Array.isArray(value) && (length === undefined || value.length === length), "another array");
const string = (value: Value | undefined, size?: number): Uint8Array =>
  must(value, value instanceof Uint8Array && (size === undefined || value.length === size), "another byte string");

function strings(value: Value | undefined, size?: number): readonly Uint8Array[] {
  const members = array(value);
  if (members.length > MAX_BLOCKS) throw new Malformed("too_large", `${members.length} blocks or signatures`, `${MAX_BLOCKS}`);
  return members.map((each) => string(each, size));
}

function readHeader(header: Uint8Array): { alg: Algorithm; keyId: string } {
  const [version, alg, keyId] = array(decode(header), 3);
  return must({ alg, keyId }, version === 1 && (alg === HMAC || alg === ED25519) && isKeyId(keyId), "another header than [1, 5 or -19, key id]");
}

function readProof(value: Value | undefined, alg: Algorithm): Proof {
  const size = alg === HMAC ? 32 : 64;
  const parts = array(value), [kind, first, ...rest] = parts;
  if (kind === 0 && parts.length === 2) return { kind: "bearer", secret: string(first, 32) };
  if (kind === 1 && parts.length === 2) return { kind: "sealed", tag: string(first, size) };
  const iat = must<Int>(first, kind === 2 && parts.length === 5 && (typeof first === "number" || typeof first === "bigint") && first >= 0, "another proof");
  return { kind: "bound", iat, nonce: string(rest[0], 16), binding: string(rest[1], 32), tag: string(rest[2], size) };
}

/** Returns what one token's text says, unverified; throws Malformed. */
export function readToken(text: string): Token {
  const [first, given, signed, ended] = array(decode(fromText(text)), 4);
  const header = string(first);
  const { alg, keyId } = readHeader(header);
  const raws = strings(given), signatures = strings(signed, 64);
  must(raws, raws.length > 0 && signatures.length === (alg === HMAC ? 0 : raws.length), `${raws.length} blocks and ${signatures.length} signatures`);
  const proof = readProof(ended, alg);
  return assemble(header, alg, keyId, raws.map((raw, index) => readBlock(raw, index, alg)), signatures, proof);
}

function assemble(header: Uint8Array, alg: Algorithm, keyId: string, blocks: readonly Block[], signatures: readonly Uint8Array[], proof: Proof): Token {
  const units = blocks.reduce((sum, block) => sum + (block.budget?.size ?? 0), 0);
  if (units > MAX_UNITS) throw new Malformed("too_large", `${units} budget units`, `${MAX_UNITS}`);
  let h = hash(LABEL.header, header);
  const hashes = blocks.map((block) => (h = hash(LABEL.block, h, block.raw)));
  return { header, alg, keyId, blocks, hashes, signatures, proof };
}

// --- writing ------------------------------------------------------------------------------------------
/** Returns a token's text. */
export function writeToken({ header, blocks, signatures, proof }: Token): string {
  const end = proof.kind === "bearer" ? [0, proof.secret] : proof.kind === "sealed" ? [1, proof.tag] : [2, proof.iat, proof.nonce, proof.binding, proof.tag];
  return toText(encode([header, blocks.map((block) => block.raw), signatures, end]));
}

/** Returns a token after reading it back as anybody would: nothing is made that nobody could read. */
function made(token: Token): Token {
  return readToken(writeToken(token));
}

/** Returns a bearer token of one block. `secret`: the hmac key, or the signing key's seed. */
export function start(alg: Algorithm, keyId: string, secret: Uint8Array, wire: Map<Key, Value>, seed: Uint8Array): Token {
  const header = encode([1, alg, keyId]);
  return append({ header, alg, keyId, blocks: [], hashes: [], signatures: [], proof: { kind: "bearer", secret } }, wire, seed);
}

/** Returns a bearer token with one more block. `seed`: 32 bytes, of its next key; not used in the hmac chain. */
export function append(token: Token, wire: Map<Key, Value>, seed: Uint8Array): Token {
  const secret = secretOf(token, "narrowed");
  const fields = token.alg === HMAC ? wire : new Map(wire).set(1, publicOf(seed));
  const block = readBlock(encode(fields), token.blocks.length, token.alg);
  const longer = assemble(token.header, token.alg, token.keyId, [...token.blocks, block], token.signatures, token.proof);
  const link = linkMessage(longer.hashes.at(-1)!);
  if (token.alg === HMAC) return made({ ...longer, proof: { kind: "bearer", secret: mac(secret, link) } });
  return made({ ...longer, signatures: [...token.signatures, sign(secret, link)], proof: { kind: "bearer", secret: seed } });
}

/** Returns a token sealed or bound to one call, for good; `proof` is what that says, without its tag. */
export function finish(token: Token, proof: { kind: "sealed" } | { kind: "bound"; iat: Int; nonce: Uint8Array; binding: Uint8Array }): Token {
  const secret = secretOf(token, proof.kind === "sealed" ? "sealed" : "presented");
  const unsigned = { ...proof, tag: new Uint8Array() };
  const message = proofMessage(token.hashes.at(-1)!, unsigned);
  return made({ ...token, proof: { ...unsigned, tag: token.alg === HMAC ? mac(secret, message) : sign(secret, message) } });
}

function secretOf({ proof }: Token, verb: string): Uint8Array {
  if (proof.kind === "bearer") return proof.secret;
  throw new Forbidden("structure", undefined, { asked: `a ${proof.kind} lease to be ${verb}`, allowed: "use as it is" });
}
