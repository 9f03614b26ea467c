/** Values of the wire and of facts, and what many files do with them; runs. */
import { Malformed, shown } from "./errors.js";

export { bytesToHex as toHex, concatBytes as concat } from "@noble/hashes/utils.js";

/** An integer of 64 bits: a number where that is safe (±(2^53-1)), else a bigint. */
export type Int = number | bigint;
/** Text, an integer or a boolean. */
export type Scalar = string | Int | boolean;

export const SAFE_MAX = Number.MAX_SAFE_INTEGER;
/** A map's keys on the wire. */
export type Key = Int | string;
/** A value of the encoding (specs/token.md). */
export type Value = Scalar | null | Uint8Array | readonly Value[] | ReadonlyMap<Key, Value>;

const SURROGATE = /\p{Surrogate}/u; // with the flag, a pair is one character and no surrogate
const encoder = new TextEncoder();

/** Returns an integer in its one form here: a number where that is safe. */
export const int = (value: bigint): Int => value >= -SAFE_MAX && value <= SAFE_MAX ? Number(value) : value;

/** Says whether a value is an integer from 0 (or `least`) to `most`, at most 2^53-1. */
export function isCount(value: unknown, most = SAFE_MAX, least = 0): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
}

export const isInteger = (value: unknown): value is Int =>
  typeof value === "bigint" || Number.isSafeInteger(value);
export const isScalar = (value: unknown): value is Scalar =>
  typeof value === "string" || typeof value === "boolean" || isInteger(value);

export const isUnicode = (text: string): boolean => !SURROGATE.test(text);

/** Returns the UTF-8 of a text; TextEncoder alone would silently replace half a surrogate pair. */
export function utf8(text: string): Uint8Array {
  if (!isUnicode(text)) throw new Malformed("facts", "text with half a surrogate pair");
  return encoder.encode(text);
}

/** Compares secrets: the time depends on their lengths alone. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let differ = 0;
  for (let i = 0; i < a.length; i++) differ |= a[i]! ^ b[i]!;
  return differ === 0;
}

/** The order of encodings: byte by byte, a beginning before what it begins. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const least = Math.min(a.length, b.length);
  for (let i = 0; i < least; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

/** Returns the bytes of lower-case hex, or undefined. */
export function fromHex(text: unknown): Uint8Array | undefined {
  if (typeof text !== "string" || text.length % 2 === 1 || /[^0-9a-f]/.test(text)) return undefined;
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

/**
 * Returns the members of a Map with text keys or of a plain object, or undefined for anything else.
 * A Map has no prototype to find `constructor` in, so everything from outside is read through here.
 */
export function membersOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (value instanceof Map) {
    for (const name of value.keys()) if (typeof name !== "string") return undefined;
    return value as ReadonlyMap<string, unknown>;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const prototype: unknown = Object.getPrototypeOf(value);
  // nothing else than `Object.prototype`, of any realm: the members of another would be lost
  const isPlain = prototype == null || Object.hasOwn(prototype, "isPrototypeOf");
  if (!isPlain || (prototype && Object.getPrototypeOf(prototype) !== null)) return undefined;
  return new Map(Object.entries(value));
}

/**
 * Returns the members of a plain object, each read once, in one without a prototype. `wrong` makes the
 * error for another object, and for a member that is not known: it would be left out in silence.
 */
export function onceOf<T>(given: T, known: readonly string[], wrong: (asked: string) => Error): T {
  const members = membersOf(given);
  if (members === undefined) throw wrong("no plain object");
  for (const name of members.keys()) if (!known.includes(name)) throw wrong(`${shown(name)} is no member`);
  return Object.assign(Object.create(null), Object.fromEntries(members)) as T;
}

/** What shows itself by `toString` alone: in JSON, and in Node's console. */
export abstract class Redacted {
  abstract toString(): string;

  /** As `toString`: never a token or a key. */
  toJSON(): string { return this.toString(); }

  /** As `toString`: never a token or a key. */
  [Symbol.for("nodejs.util.inspect.custom")](): string { return this.toString(); }
}

// --- runs ---------------------------------------------------------------------------------------------
/** A name and its attempt; null leaves the attempt open. */
export type Segment = readonly [name: string, attempt: number | null];
/** A path of 1 to 8 segments. */
export type Run = readonly Segment[];

/** A run as a caller states it: `agt_1@2/reader@1`, or a list of [name, attempt], null being open. */
export type RunTerms = string | readonly (Segment | readonly [string])[];

const NAME = /^[A-Za-z0-9._:+-]{1,128}$/;
const ATTEMPT = /^[1-9][0-9]{0,15}$/;

/** Returns the run of [name, attempt], [name, null] or [name] each, or undefined for anything else. */
export function runOf(value: unknown): Run | undefined {
  if (!Array.isArray(value) || value.length < 1 || value.length > 8) return undefined;
  const run: Segment[] = [];
  for (const segment of value as readonly unknown[]) {
    if (!Array.isArray(segment) || segment.length < 1 || segment.length > 2) return undefined;
    const [name, attempt = null] = segment as readonly unknown[];
    if (typeof name !== "string" || !NAME.test(name)) return undefined;
    if (attempt !== null && !isCount(attempt, undefined, 1)) return undefined;
    run.push([name, attempt]);
  }
  return run;
}

/** Returns the run of a text or of a list of segments; throws Malformed `facts`. */
export function parseRun(value: unknown): Run {
  const parts = typeof value !== "string" ? value : value.split("/", 9).map((part) => {
    const [name, attempt, more] = part.split("@", 3);
    if (attempt === undefined) return [name];
    return [name, more === undefined && ATTEMPT.test(attempt) ? Number(attempt) : 0]; // no attempt is 0
  });
  const run = runOf(parts);
  if (run !== undefined) return run;
  throw new Malformed("facts", `run ${shown(value)}`, "1 to 8 names with attempts, such as agt_1@2/reader@1");
}

/** Returns a run as text; an open attempt is written without `@`. */
export function runText(run: Run): string {
  return run.map(([name, attempt]) => (attempt === null ? name : `${name}@${attempt}`)).join("/");
}
