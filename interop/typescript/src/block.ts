/** One block of a lease: the closed set of caveats, read strictly (V1, V2). */
import { decode } from "./cbor.js";
import type { Where } from "./constraint.js";
import { Malformed, must } from "./errors.js";
import { type Demand, type Grant, readDemand, readDenied, readGrant, readPatterns, readWhere } from "./grant.js";
import { runOf, type Run } from "./run.js";
import { isCount, isScalar, type Key, type Scalar, type Value } from "./values.js";

/** COSE algorithms of the two chains: HMAC 256/256, and Ed25519 (RFC 9864). */
export const HMAC = 5, ED25519 = -19;
export type Algorithm = typeof HMAC | typeof ED25519;

/** Names of the keys 0 to 16, by number. */
export const NAMES = [
  "nonce", "next_key", "run", "audience", "not_before", "expires", "allow", "deny", "where",
  "budget", "approval", "depth", "final", "bound", "for", "issued_at", "notes",
] as const;
export type Name = (typeof NAMES)[number];

const MAX_BLOCK = 4096, MAX_GRANTS = 64;
const EXTENSION = /^[a-z0-9.-]+\/[A-Za-z0-9._-]+$/;

/** The value of every caveat of the closed set. */
export interface Fields {
  nonce: Uint8Array;
  next_key: Uint8Array;
  run: Run;
  audience: readonly string[];
  not_before: number;
  expires: number;
  allow: readonly Grant[];
  deny: readonly Grant[];
  where: Where;
  budget: ReadonlyMap<string, number>;
  approval: readonly Demand[];
  depth: number;
  final: readonly string[];
  bound: true;
  for: Uint8Array;
  issued_at: number;
  notes: ReadonlyMap<string, Scalar>;
}

/** A block: the exact bytes, the caveats that it has, and those that this version does not know, in order. */
export interface Block extends Readonly<Partial<Fields>> {
  readonly raw: Uint8Array;
  readonly others: readonly (readonly [Key, Value])[];
}

const sized = (value: Value, least: number, most = least): Uint8Array =>
  must(value, value instanceof Uint8Array && value.length >= least && value.length <= most, "another byte string");
const count = (value: Value, most?: number): number => must(value, isCount(value, most), "another number");
const text = (value: Value): string => must(value, typeof value === "string", "something that is no text");
const list = <T>(value: Value, read: (member: Value) => T): readonly T[] =>
  must<readonly Value[]>(value, Array.isArray(value) && value.length > 0, "another list").map(read);

/** Reads a map of text; of what, `good` says. */
function textMap<T>(value: Value, good: (member: Value) => boolean, least: number): ReadonlyMap<string, T> {
  const pairs = value instanceof Map && value.size >= least ? [...(value as ReadonlyMap<Key, Value>)] : undefined;
  return must(value, pairs?.every(([name, member]) => typeof name === "string" && good(member)) ?? false, "another map of text");
}

function readRun(value: Value): Run {
  const run = runOf(value);
  // null, which leaves an attempt open in a request, is no attempt on the wire
  return must(run, run !== undefined && (value as readonly (readonly Value[])[]).every((segment) => segment[1] !== null), "another run");
}

const READERS: { readonly [N in Name]: (value: Value) => Fields[N] } = {
  nonce: (value) => sized(value, 8, 32),
  next_key: (value) => sized(value, 32),
  run: readRun,
  audience: (value) => list(value, text),
  not_before: (value) => count(value),
  expires: (value) => count(value),
  allow: (value) => list(value, readGrant),
  deny: (value) => list(value, readDenied),
  where: readWhere,
  budget: (value) => textMap(value, (limit) => isCount(limit), 1),
  approval: (value) => list(value, readDemand),
  depth: (value) => count(value, 15),
  final: readPatterns,
  bound: (value) => must(value, value === true, "another bound"),
  for: (value) => sized(value, 16),
  issued_at: (value) => count(value),
  notes: (value) => textMap(value, isScalar, 0),
};

/** Says whether a value may stand under an extension's key. */
function isExtension(value: Value): boolean {
  if (Array.isArray(value)) return value.length > 0 && value.every(isExtension);
  if (value instanceof Map) return value.size > 0 && [...value].every(([name, member]) => typeof name === "string" && isExtension(member));
  return isScalar(value);
}

/** Says whether text is the key of an extension: `vendor/name`. */
export const isExtensionKey = (name: string): boolean => EXTENSION.test(name);

/** Reads block number `index` of a chain; throws Malformed. */
export function readBlock(raw: Uint8Array, index: number, alg: Algorithm): Block {
  if (raw.length > MAX_BLOCK) throw new Malformed("too_large", `a block of ${raw.length} bytes`, `${MAX_BLOCK}`);
  const value = decode(raw);
  const others: [Key, Value][] = [];
  const block: Block = { raw, others };
  for (const [key, member] of must<ReadonlyMap<Key, Value>>(value, value instanceof Map, "a block that is no map")) {
    const name = typeof key === "number" ? NAMES[key] : undefined;
    if (name !== undefined) (block as Partial<Record<Name, unknown>>)[name] = READERS[name](member);
    else others.push([must(key, typeof key !== "string" || (isExtensionKey(key) && isExtension(member)), "another extension"), member]);
  }
  must(block.nonce, (block.nonce?.length ?? 0) >= (index === 0 ? 16 : 8), "a block without a long nonce");
  must(block.next_key, (block.next_key !== undefined) === (alg === ED25519), "next_key, which is in every ed25519 block and in no hmac block");
  const granted = (block.allow?.length ?? 0) + (block.deny?.length ?? 0);
  if (granted > MAX_GRANTS) throw new Malformed("too_large", `${granted} grants in a block`, `${MAX_GRANTS}`);
  return block;
}
