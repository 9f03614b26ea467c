/** Deterministic CBOR (RFC 8949 section 4.2.1): a value has one encoding, and no other is read. */
import { limited, Malformed, must } from "./errors.js";
import type { Int, Key, Value } from "./values.js";
import { compareBytes, concat, int, isInteger, isUnicode, membersOf, SAFE_MAX, utf8 } from "./values.js";

const MAX_DEPTH = 6;
const UINT = 0, NINT = 1, BYTES = 2, TEXT = 3, ARRAY = 4, MAP = 5;
const INT_MAX = 2n ** 63n - 1n;
const SIMPLE: readonly unknown[] = [false, true, null], FIRST_SIMPLE = 0xf4;

// --- reading ----------------------------------------------------------------------------------------
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }); // U+FEFF is a character too

const fault = (what: string): Malformed => new Malformed("cbor", what, "the one deterministic encoding");

class Reader {
  at = 0;
  constructor(readonly bytes: Uint8Array) {}

  /** Takes so many bytes; an item takes at least one, so a count beyond what is left is truncated. */
  take(count: Int): Uint8Array {
    if (count > this.bytes.length - this.at) throw fault("truncated bytes");
    return this.bytes.subarray(this.at, (this.at += Number(count)));
  }

  /** Reads the argument of a head: the low five bits, or the bytes that they announce. */
  argument(low: number): Int {
    if (low < 24) return low;
    if (low > 27) throw fault("an indefinite length");
    const size = 1 << (low - 24);
    const value = this.take(size).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    if (value < (size === 1 ? 24n : 1n << BigInt(4 * size))) throw fault("a long spelling");
    if (value > INT_MAX) throw fault("an integer or a length beyond 2^63-1");
    return int(value);
  }

  item(depth: number): Value {
    const first = this.bytes[this.at++];
    if (first === undefined) throw fault("truncated bytes");
    const major = first >> 5;
    if (major > MAP) {
      const value = SIMPLE[first - FIRST_SIMPLE];
      if (value === undefined) throw fault("a tag, a float or another simple value");
      return value as boolean | null;
    }
    const argument = this.argument(first & 31);
    if (major === UINT) return argument;
    if (major === NINT) return argument < SAFE_MAX ? -1 - Number(argument) : int(-1n - BigInt(argument));
    if (major === BYTES) return this.take(argument);
    if (major === TEXT) return text(this.take(argument));
    limited(depth, MAX_DEPTH, "levels");
    if (argument > this.bytes.length - this.at) throw fault("truncated bytes");
    if (major === MAP) return this.map(argument as number, depth + 1);
    const out: Value[] = [];
    for (let i = 0; i < argument; i++) out.push(this.item(depth + 1));
    return out;
  }

  map(count: number, depth: number): Map<Key, Value> {
    const out = new Map<Key, Value>();
    let last: Uint8Array | undefined;
    for (let i = 0; i < count; i++) {
      const start = this.at, major = (this.bytes[start] ?? 0) >> 5;
      if (major !== UINT && major !== NINT && major !== TEXT) throw fault("another map key");
      const key = this.item(depth) as Key, encoded = this.bytes.subarray(start, this.at);
      if (last && compareBytes(encoded, last) <= 0) throw fault("map keys out of order or twice");
      last = encoded;
      out.set(key, this.item(depth));
    }
    return out;
  }
}

function text(data: Uint8Array): string {
  // most text is short and ASCII: a call less
  if (data.length < 64 && data.every((byte) => byte < 0x80)) return String.fromCharCode(...data);
  try {
    return decoder.decode(data);
  } catch {
    throw fault("text that is not UTF-8");
  }
}

/** Returns the value that bytes encode, all of them; its byte strings are views. Throws Malformed. */
export function decode(bytes: Uint8Array): Value {
  const reader = new Reader(bytes);
  const value = reader.item(1);
  if (reader.at !== bytes.length) throw fault("trailing bytes");
  return value;
}

// --- writing ----------------------------------------------------------------------------------------
function head(major: number, argument: Int): Uint8Array {
  const n = BigInt(argument);
  const size = n < 24n ? 0 : n < 1n << 8n ? 1 : n < 1n << 16n ? 2 : n < 1n << 32n ? 4 : 8;
  const out = new Uint8Array(1 + size);
  out[0] = (major << 5) | (size === 0 ? Number(n) : 24 + Math.log2(size));
  for (let i = 0; i < size; i++) out[size - i] = Number((n >> BigInt(8 * i)) & 255n);
  return out;
}

/**
 * Returns the encoding of integers, text, booleans, null, Uint8Arrays, arrays, and Maps or plain objects.
 * Throws Malformed `shape` for anything else (a float, undefined, an integer beyond 64 bits, half a
 * surrogate pair), `too_large` for nesting that nobody may read.
 */
export function encode(value: unknown, depth = 1): Uint8Array {
  if (SIMPLE.includes(value)) return Uint8Array.of(FIRST_SIMPLE + SIMPLE.indexOf(value));
  if (value instanceof Uint8Array) return concat(head(BYTES, value.length), value);
  if (typeof value === "string" && isUnicode(value)) {
    const data = utf8(value);
    return concat(head(TEXT, data.length), data);
  }
  if (isInteger(value) && value <= INT_MAX && value >= -INT_MAX - 1n) {
    return value < 0 ? head(NINT, -1n - BigInt(value)) : head(UINT, value);
  }
  const entries = value instanceof Map ? (value as ReadonlyMap<unknown, unknown>) : membersOf(value);
  must(value, Array.isArray(value) || entries !== undefined, "text, integers, booleans, lists, objects");
  limited(depth, MAX_DEPTH, "levels");
  const inner = (member: unknown): Uint8Array => encode(member, depth + 1);
  if (!entries) {
    const members = Array.from(value as readonly unknown[], inner);
    return concat(head(ARRAY, members.length), ...members);
  }
  const pairs = Array.from(entries, ([name, member]) => [inner(name), inner(member)] as const);
  pairs.sort((a, b) => compareBytes(a[0], b[0]));
  return concat(head(MAP, pairs.length), ...pairs.flat());
}
