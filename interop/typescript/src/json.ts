/**
 * JSON read strictly, so that a text has one meaning, and written canonically, so that a digest can be
 * bound to. Reading keeps how a number is written.
 */
import { Malformed } from "./errors.js";
import { int, type Int, isUnicode, membersOf, SAFE_MAX } from "./values.js";

/** A number that is written with a fraction or an exponent: a double, whatever its value. */
export class Double {
  constructor(readonly value: number) { Object.freeze(this); }
}

/** A value of JSON: objects are Maps, integers beyond ±(2^53-1) bigints. */
export type Json = null | boolean | string | Int | Double | readonly Json[] | ReadonlyMap<string, Json>;

const MAX_DEPTH = 990, MAX_DIGITS = 400; // no use of such a number looks at its value
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const PLAIN = /[^"\\]*/y;
const SPACE = /[ \t\n\r]*/y;
const WORD = /null|true|false|NaN|-?Infinity/y;

/**
 * Returns the value of a JSON text. Arguments read by it have the binding of their bytes: unlike
 * `JSON.parse` it tells 12345678901234567890 from 1.2345678901234567e19.
 *
 * Throws SyntaxError for what is no JSON, as `JSON.parse` does, and Malformed `facts` for a member
 * name twice, NaN, Infinity, and nesting without end.
 */
export function parseJson(text: string): Json {
  const reader = new JsonReader(text);
  const value = reader.value();
  reader.take(SPACE);
  if (reader.at < text.length) throw reader.fault();
  return value;
}

class JsonReader {
  at = 0;
  depth = 0;
  constructor(readonly text: string) {}

  fault(): SyntaxError { return new SyntaxError(`no JSON at character ${this.at}`); }

  take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found) this.at = pattern.lastIndex;
    return found;
  }

  /** Takes a character, after white space, where it stands here. */
  next(char: string): boolean {
    this.take(SPACE);
    if (this.text[this.at] !== char) return false;
    this.at++;
    return true;
  }

  expect(char: string): void { if (!this.next(char)) throw this.fault(); }

  value(): Json {
    if (this.next('"')) return this.string();
    if (this.next("{")) return this.object();
    if (this.next("[")) return this.array();
    const word = this.take(WORD)?.[0];
    if (word === undefined) return this.number();
    if (word === "null") return null;
    if (word === "true" || word === "false") return word === "true";
    throw new Malformed("facts", `the number ${word}`, "JSON (RFC 8259)");
  }

  number(): Json {
    const found = this.take(NUMBER);
    if (found === null) throw this.fault();
    const [text, fraction, exponent] = found;
    if (fraction !== undefined || exponent !== undefined) return new Double(Number(text));
    if (text.length < 16) return Number(text) + 0;
    return text.length < MAX_DIGITS ? int(BigInt(text)) : new Double(Infinity);
  }

  /** Reads what stands between brackets, by commas. */
  each(end: string, read: () => void): void {
    if (++this.depth > MAX_DEPTH) throw new Malformed("facts", "nesting without end", `${MAX_DEPTH}`);
    if (!this.next(end)) {
      do read();
      while (this.next(","));
      this.expect(end);
    }
    this.depth--;
  }

  array(): Json[] {
    const out: Json[] = [];
    this.each("]", () => out.push(this.value()));
    return out;
  }

  object(): Map<string, Json> {
    const out = new Map<string, Json>();
    let count = 0;
    this.each("}", () => {
      this.expect('"');
      const name = this.string();
      this.expect(":");
      out.set(name, this.value());
      count++;
    });
    if (out.size !== count) throw new Malformed("facts", "a member name twice", "each name once");
    return out;
  }

  /** Reads on from a quote to the one that ends the string; JSON.parse knows the escapes between them. */
  string(): string {
    const start = this.at - 1;
    for (;;) {
      this.take(PLAIN);
      const char = this.text[this.at++];
      if (char === '"') return JSON.parse(this.text.slice(start, this.at)) as string;
      if (char === undefined) throw this.fault();
      this.at++; // whatever is escaped
    }
  }
}

// --- written canonically ------------------------------------------------------------------------------
/** How deep the arguments of a call may nest. */
export const MAX_JSON_DEPTH = 64;

/**
 * Returns the canonical text of a JSON value. A number of JavaScript is a double; a bigint is an
 * integer as it was written, and beyond ±(2^53-1) it has no canonical bytes. Throws Malformed `facts`.
 */
export function canonical(value: unknown, depth = 0): string {
  if (typeof value === "string") return quoted(value);
  if (value instanceof Double) return canonical(value.value, depth);
  const isExact = typeof value === "bigint" && value >= -SAFE_MAX && value <= SAFE_MAX;
  // RFC 8785 spells numbers as ECMAScript does; -0 is "0"
  if (value === null || typeof value === "boolean" || isExact || Number.isFinite(value)) return String(value);
  const members = membersOf(value);
  if (!members && !Array.isArray(value)) throw fault(`another ${typeof value} than JSON has`);
  if (depth === MAX_JSON_DEPTH) throw fault(`nesting beyond ${depth}`);
  const inner = (each: unknown): string => canonical(each, depth + 1);
  if (!members) return `[${Array.from(value as unknown[], inner).join(",")}]`;
  const names = [...members.keys()].sort(); // by UTF-16 code units (section 3.2.3), as sort() does
  return `{${names.map((name) => `${quoted(name)}:${inner(members.get(name))}`).join(",")}}`;
}

function quoted(text: string): string {
  if (!isUnicode(text)) throw fault("text with half a surrogate pair");
  return JSON.stringify(text);
}

function fault(what: string): Malformed {
  return new Malformed("facts", what, "JSON with one spelling (RFC 8785)");
}
