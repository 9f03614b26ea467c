/** JSON in its one canonical spelling (RFC 8785), so that a digest of it can be bound to. */
import { Malformed } from "./errors.js";
import { Double } from "./json.js";
import { isUnicode, membersOf, SAFE_MAX } from "./values.js";

/** How deep the arguments of a call may nest. */
export const MAX_JSON_DEPTH = 64;

/**
 * Returns the canonical text of a JSON value. A number of JavaScript is a double; a bigint is an
 * integer as it was written, and beyond ±(2^53-1) it has no canonical bytes. Throws Malformed `facts`.
 */
export function canonical(value: unknown, depth = 0): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return quoted(value);
  if (value instanceof Double) return canonical(value.value, depth);
  if (typeof value === "number" && Number.isFinite(value)) return String(value); // RFC 8785 is ECMAScript's own spelling; -0 is "0"
  if (typeof value === "bigint" && value >= -SAFE_MAX && value <= SAFE_MAX) return String(value);
  const members = membersOf(value);
  if (members === undefined && !Array.isArray(value)) throw fault(typeof value === "object" ? "an object that is not plain" : `another ${typeof value}`);
  if (depth === MAX_JSON_DEPTH) throw fault(`nesting beyond ${depth}`);
  if (members === undefined) return `[${Array.from(value as unknown[], (each) => canonical(each, depth + 1)).join(",")}]`;
  const names = [...members.keys()].sort(); // by UTF-16 code units (section 3.2.3), as sort() does
  return `{${names.map((name) => `${quoted(name)}:${canonical(members.get(name), depth + 1)}`).join(",")}}`;
}

function quoted(text: string): string {
  if (!isUnicode(text)) throw fault("text with half a surrogate pair");
  return JSON.stringify(text);
}

function fault(what: string): Malformed {
  return new Malformed("facts", what, "JSON with one spelling (RFC 8785)");
}
