/** Deterministic CBOR (RFC 8949 section 4.2.1): a value has one encoding, and no other is read. */
import { Malformed } from "./errors.js";
import { compareBytes, concat, int, isUnicode, membersOf, utf8, type Int, type Key, type Value } from "./values.js";

const MAX_DEPTH = 6;
const UINT = 0, NINT = 1, BYTES = 2, TEXT = 3, ARRAY = 4, MAP = 5;
const INT_MAX = 2n ** 63n - 1n;

// --- reading ----------------------------------------------------------------------------------------
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }); // U+FEFF is a character like any other

function fault(what: string): Malformed {
  return new Malformed("cbor", what, "the one deterministic encoding");
}

class Reader {
  at = 0;
  constructor(readonly bytes: Uint8Array) {}

  /** Reads a head; returns its major type and its argument, or the value of false, true and null. */
  head(): { major: number; argument: Int } {
    const first = this.bytes[this.at++];
    if (first === undefined) throw fault("truncated bytes");
    const major = first >> 5, low = first & 31;
    if (low < 24) return { major, argument: low };
    if (low > 27 || major > MAP) throw fault("a tag, a float, another simple value or an indefinite length");
    const size = 1 << (low - 24);
    if (this.at + size > this.bytes.length) throw fault("truncated bytes");
    let argument = 0n;
    for (const byte of this.bytes.subarray(this.at, (this.at += size))) argument = (argument << 8n) | BigInt(byte);
    if (argument < (size === 1 ? 24n : 1n << BigInt(4 * size))) throw fault("a long spelling");
    if (argument > INT_MAX) throw fault("an integer or a length beyond 2^63-1");
    return { major, argument: int(argument) };
  }

  item(depth: number): Value {
    const { major, argument } = this.head();
    if (major === UINT) return argument;
    if (major === NINT) return typeof argument === "number" && argument < Number.MAX_SAFE_INTEGER ? -1 - argument : int(-1n - BigInt(argument));
    if (major > MAP) {
      if (argument === 20 || argument === 21) return argument === 21;
      if (argument === 22) return null;
      throw fault("another simple value");
    }
    // an item takes at least a byte, so a count beyond what is left can only be truncated
    if (argument > this.bytes.length - this.at) throw fault("truncated bytes");
    const count = Number(argument);
    if (major === BYTES) return this.bytes.subarray(this.at, (this.at += count));
    if (major === TEXT) return this.text(count);
    if (depth > MAX_DEPTH) throw new Malformed("too_large", `nesting of ${depth}`, `${MAX_DEPTH}`);
    if (major === ARRAY) {
      const out: Value[] = [];
      for (let i = 0; i < count; i++) out.push(this.item(depth + 1));
      return out;
    }
    return this.map(count, depth);
  }

  private text(size: number): string {
    const data = this.bytes.subarray(this.at, (this.at += size));
    if (size < 64 && data.every((byte) => byte < 0x80)) return String.fromCharCode(...data); // a call less for most
    try {
      return decoder.decode(data);
    } catch {
      throw fault("text that is not UTF-8");
    }
  }

  private map(count: number, depth: number): Map<Key, Value> {
    const out = new Map<Key, Value>();
    let last = new Uint8Array();
    for (let i = 0; i < count; i++) {
      const start = this.at;
      const major = (this.bytes[start] ?? 0) >> 5;
      if (major !== UINT && major !== NINT && major !== TEXT) throw fault("a map key that is no text or integer");
      const key = this.item(depth + 1) as Key;
      const encoded = this.bytes.subarray(start, this.at);
      if (i > 0 && compareBytes(encoded, last) <= 0) throw fault("map keys out of order or twice");
      last = encoded as typeof last;
      out.set(key, this.item(depth + 1));
    }
    return out;
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
  if (value === false || value === true || value === null) return Uint8Array.of(value === null ? 0xf6 : value ? 0xf5 : 0xf4);
  if (typeof value === "string" && isUnicode(value)) {
    const data = utf8(value);
    return concat(head(TEXT, data.length), data);
  }
  if (Number.isSafeInteger(value) || (typeof value === "bigint" && value <= INT_MAX && value >= -INT_MAX - 1n)) {
    const n = BigInt(value as Int);
    return n < 0n ? head(NINT, -1n - n) : head(UINT, n);
  }
  if (value instanceof Uint8Array) return concat(head(BYTES, value.length), value);
  const entries = value instanceof Map ? (value as ReadonlyMap<unknown, unknown>) : membersOf(value);
  if (!Array.isArray(value) && entries === undefined) throw new Malformed("shape", "a value without an encoding");
  if (depth > MAX_DEPTH) throw new Malformed("too_large", `nesting of ${depth}`, `${MAX_DEPTH}`);
  if (entries === undefined) {
    const members = value as readonly unknown[];
    return concat(head(ARRAY, members.length), ...Array.from(members, (member) => encode(member, depth + 1)));
  }
  const pairs = Array.from(entries, ([name, member]) => [encode(name, depth + 1), encode(member, depth + 1)] as const);
  pairs.sort((a, b) => compareBytes(a[0], b[0]));
  return concat(head(MAP, pairs.length), ...pairs.flat());
}
