/** One block of a lease: the closed set of caveats, read strictly (V1, V2). */
import { decode } from "./cbor.js";
import { about, limited, must } from "./errors.js";
import { readDemand, readDenied, readGrant, readPatterns, readWhere } from "./grant.js";
import { isCount, isScalar, type Key, type Run, runOf, SAFE_MAX, type Scalar, type Value } from "./values.js";

/** COSE algorithms of the two chains: HMAC 256/256, and Ed25519 (RFC 9864). */
export const HMAC = 5, ED25519 = -19;
export type Algorithm = typeof HMAC | typeof ED25519;

const MAX_BLOCK = 4096, MAX_GRANTS = 64;
const EXTENSION = /^[a-z0-9.-]+\/[A-Za-z0-9._-]+$/;

const sized = (value: Value, least: number, most = least): Uint8Array =>
  must(value, value instanceof Uint8Array && value.length >= least && value.length <= most, `${most} bytes`);
const count = (value: Value, most = SAFE_MAX): number =>
  must(value, isCount(value, most), `an integer, 0 to ${most}`);
const text = (value: Value): string => must(value, typeof value === "string", "text");
const list = <T>(value: Value, read: (member: Value) => T): readonly T[] =>
  must<readonly Value[]>(value, Array.isArray(value) && value.length > 0, "a list of 1 or more").map(read);

const isTextMap = (value: Value, is: (member: Value) => boolean, least: number): boolean =>
  value instanceof Map && value.size >= least &&
  [...value].every(([name, member]) => typeof name === "string" && is(member));
const textMap = <T>(value: Value, is: (member: Value) => boolean, least: number): ReadonlyMap<string, T> =>
  must(value, isTextMap(value, is, least), "text and integers by name");

function readRun(value: Value): Run {
  const run = runOf(value);
  // null, which leaves an attempt open in a request, is no attempt on the wire
  const closed = run && (value as readonly Value[][]).every((segment) => segment[1] !== null);
  return must(run, closed === true, "1 to 8 names, with attempts from 1", "another run");
}

/** The readers of the keys 0 to 16, in the order of their numbers. */
const READERS = {
  nonce: (value) => sized(value, 8, 32),
  next_key: (value) => sized(value, 32),
  run: readRun,
  audience: (value) => list(value, text),
  not_before: (value) => count(value),
  expires: (value) => count(value),
  allow: (value) => list(value, readGrant),
  deny: (value) => list(value, readDenied),
  where: readWhere,
  budget: (value) => textMap<number>(value, (limit) => isCount(limit), 1),
  approval: (value) => list(value, readDemand),
  depth: (value) => count(value, 15),
  final: readPatterns,
  bound: (value) => must<true>(value, value === true, "true"),
  for: (value) => sized(value, 16),
  issued_at: (value) => count(value),
  notes: (value) => textMap<Scalar>(value, isScalar, 0),
} satisfies Readonly<Record<string, (value: Value) => unknown>>;

export type Name = keyof typeof READERS;
/** The names of the keys, by number. */
export const NAMES = Object.keys(READERS) as readonly Name[];

/** The caveats that a block has; none of them is there by default. */
export type Caveats = { readonly [N in Name]?: ReturnType<(typeof READERS)[N]> };

/** A block: its caveats, the exact bytes, and what this version does not know, in order. */
export interface Block extends Caveats {
  readonly raw: Uint8Array;
  readonly others: readonly (readonly [Key, Value])[];
}

/** Says whether a value may stand under an extension's key. */
function isExtension(value: Value): boolean {
  if (Array.isArray(value)) return value.length > 0 && value.every(isExtension);
  return isScalar(value) || isTextMap(value, isExtension, 1);
}

/** Says whether text is the key of an extension: `vendor/name`. */
export const isExtensionKey = (name: string): boolean => EXTENSION.test(name);

/** Reads block number `index` of a chain; throws Malformed. */
export function readBlock(raw: Uint8Array, index: number, alg: Algorithm): Block {
  limited(raw.length, MAX_BLOCK, "bytes in a block");
  const value = decode(raw), isMap = value instanceof Map;
  const others: [Key, Value][] = [];
  const block: Block = { raw, others }, slots: Partial<Record<Name, unknown>> = block;
  for (const [key, member] of must<ReadonlyMap<Key, Value>>(value, isMap, "a block")) {
    const name = typeof key === "number" ? NAMES[key] : undefined;
    if (name !== undefined) slots[name] = about(name, () => READERS[name](member));
    else {
      const good = typeof key !== "string" || (isExtensionKey(key) && isExtension(member));
      must(key, good, "vendor/name, with no null and nothing empty");
      others.push([key, member]);
    }
  }
  must(block, (block.nonce?.length ?? 0) >= (index === 0 ? 16 : 8), "16 bytes, later 8", "another nonce");
  must(block, (block.next_key !== undefined) === (alg === ED25519), "in ed25519 alone", "next_key");
  limited((block.allow?.length ?? 0) + (block.deny?.length ?? 0), MAX_GRANTS, "grants in a block");
  return block;
}
