/** JSON read strictly, so that a text has one meaning; it keeps how a number is written. */
import { Malformed } from "./errors.js";
import { type Int, int } from "./values.js";

/** A number that is written with a fraction or an exponent: a double, whatever its value. */
export class Double {
  constructor(readonly value: number) {
    Object.freeze(this);
  }
}

/** A value of JSON: objects are Maps, integers beyond ±(2^53-1) bigints. */
export type Json = null | boolean | string | Int | Double | readonly Json[] | ReadonlyMap<string, Json>;

const MAX_DEPTH = 990, MAX_DIGITS = 400; // no use of such a number looks at its value
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const SPACE = /[ \t\n\r]*/y;
const ESCAPES = new Map([['"', '"'], ["\\", "\\"], ["/", "/"], ["b", "\b"], ["f", "\f"], ["n", "\n"], ["r", "\r"], ["t", "\t"]]);
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
  const value = reader.value(0);
  reader.take(SPACE);
  if (reader.at < text.length) throw reader.fault();
  return value;
}

class JsonReader {
  at = 0;
  constructor(readonly text: string) {}

  fault(): SyntaxError {
    return new SyntaxError(`no JSON at character ${this.at}`);
  }

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

  value(depth: number): Json {
    if (this.next('"')) return this.string();
    if (this.next("{")) return this.object(deeper(depth));
    if (this.next("[")) return this.array(deeper(depth));
    const word = this.take(WORD)?.[0];
    if (word === "null") return null;
    if (word === "true" || word === "false") return word === "true";
    if (word !== undefined) throw new Malformed("facts", `the number ${word}`, "JSON (RFC 8259)");
    return this.number();
  }

  number(): Json {
    const found = this.take(NUMBER);
    if (found === null) throw this.fault();
    const [text, fraction, exponent] = found;
    if (fraction !== undefined || exponent !== undefined) return new Double(Number(text));
    if (text.length < 16) return Number(text) + 0;
    return text.length < MAX_DIGITS ? int(BigInt(text)) : new Double(Infinity);
  }

  array(depth: number): Json[] {
    const out: Json[] = [];
    if (this.next("]")) return out;
    do out.push(this.value(depth));
    while (this.next(","));
    if (!this.next("]")) throw this.fault();
    return out;
  }

  object(depth: number): Map<string, Json> {
    const out = new Map<string, Json>();
    if (this.next("}")) return out;
    let count = 0;
    do {
      if (!this.next('"')) throw this.fault();
      const name = this.string();
      if (!this.next(":")) throw this.fault();
      out.set(name, this.value(depth));
      count++;
    } while (this.next(","));
    if (!this.next("}")) throw this.fault();
    if (out.size !== count) throw new Malformed("facts", "an object with a member name twice", "each name once");
    return out;
  }

  string(): string {
    let out = "";
    for (;;) {
      out += this.take(PLAIN)![0];
      const char = this.text[this.at++];
      if (char === '"') return out;
      if (char !== "\\") throw this.fault();
      const escape = this.text[this.at++] ?? "";
      if (escape === "u") {
        const digits = this.text.slice(this.at, (this.at += 4));
        if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.fault();
        out += String.fromCharCode(parseInt(digits, 16));
      } else {
        const meant = ESCAPES.get(escape);
        if (meant === undefined) throw this.fault();
        out += meant;
      }
    }
  }
}

function deeper(depth: number): number {
  if (depth === MAX_DEPTH) throw new Malformed("facts", "nesting without end", `${MAX_DEPTH}`);
  return depth + 1;
}
