/** What a call states: its arguments as facts, its digest, and the binding of a proof. */
import { encode } from "./cbor.js";
import { limited, Malformed } from "./errors.js";
import type { Fact } from "./grant.js";
import { canonical, Double, MAX_JSON_DEPTH } from "./json.js";
import { hash } from "./token.js";
import type { RunTerms, Scalar } from "./values.js";
import { isUnicode, membersOf, parseRun, runText, toHex, utf8 } from "./values.js";

const MAX_FACTS = 256, MAX_NAME = 4096;

// --- bindings -----------------------------------------------------------------------------------------
/** Returns H(args) in hex, the fact `call`: SHA-256 of the RFC 8785 bytes of a call's JSON arguments. */
export const callDigest = (args: unknown): string => toHex(digest(args));

const digest = (args: unknown): Uint8Array => hash(utf8(canonical(args)));

/**
 * Returns the 32 bytes that bind a proof to a tool call. `args`: the call's JSON arguments, as
 * `parseJson` reads them where every spelling of a number counts. Throws Malformed `facts`.
 */
export function callBinding(audience: string, run: RunTerms, action: string, args: unknown): Uint8Array {
  return bind("call", [audience, runText(parseRun(run)), action], digest(args));
}

/** A request as it stands on the wire, with nothing folded. */
export interface HttpCall extends Readonly<Record<"method" | "scheme" | "authority" | "target", string>> {
  readonly body?: Uint8Array;
}

/** Returns the 32 bytes that bind a proof to an HTTP request. Throws Malformed `facts`. */
export function httpBinding(audience: string, run: RunTerms, call: HttpCall): Uint8Array {
  const { method, scheme, authority, target, body = new Uint8Array() } = call;
  if (!(body instanceof Uint8Array)) throw new TypeError("a body is a Uint8Array");
  return bind("http", [audience, runText(parseRun(run)), method, scheme, authority, target], hash(body));
}

function bind(kind: string, parts: readonly string[], last: Uint8Array): Uint8Array {
  const isText = parts.every((part) => typeof part === "string" && isUnicode(part));
  if (!isText) throw new Malformed("facts", "a part that is no text", "text");
  return hash(utf8(`attenuate/1 ${kind}\0`), encode([...parts, last]));
}

// --- facts --------------------------------------------------------------------------------------------
/**
 * Returns a tool's JSON arguments, as `parseJson` reads them, as facts under dotted names (specs/caveats.md,
 * facts), in an object without a prototype: `{ repo: "web", ...flatten(args) }`. What has no place among
 * the types of facts is OPAQUE: it is there, and no constraint but `any` takes it.
 *
 * Throws Malformed `facts` for what is no JSON object, `too_large` beyond 64 levels or 256 facts.
 */
export function flatten(args: unknown): Record<string, Fact> {
  const members = membersOf(args);
  if (members === undefined) throw new Malformed("facts", "arguments that are no object", "a JSON object");
  const facts = new Map<string, Fact>();
  if (!allNull(members)) put("args", args, facts, 0);
  return Object.assign(Object.create(null), Object.fromEntries(facts)) as Record<string, Fact>;
}

type Row = Map<string, Fact>;
type Members = ReadonlyMap<string, unknown>;
const allNull = (members: Members): boolean => [...members.values()].every((each) => each === null);

function state(facts: Row, name: string, fact: Fact, others = 0): void {
  facts.set(name, fact);
  limited(facts.size + others, MAX_FACTS, "facts of arguments");
}

function put(name: string, value: unknown, facts: Row, depth: number): void {
  if (value === null) return;
  if (Array.isArray(value)) return putList(name, value, facts, depth);
  const members = membersOf(value);
  if (members === undefined) return state(facts, name, scalar(value));
  const dotted = [...members.keys()].some((key) => key === "" || key.includes("."));
  if (members.size === 0 || dotted) return state(facts, name, null);
  limited(depth + 1, MAX_JSON_DEPTH, "levels of arguments");
  for (const [key, member] of members) if (member !== null) put(join(name, key), member, facts, depth + 1);
}

function putList(name: string, values: readonly unknown[], facts: Row, depth: number): void {
  if (values.length > MAX_FACTS) return state(facts, name, null);
  const objects = values.map(membersOf).filter((members) => members !== undefined);
  const mixed = objects.length > 0 && objects.length < values.length;
  if (mixed || values.some((value) => hasArray(value, depth))) return state(facts, name, null);
  if (objects.length === 0) return state(facts, name, values.map(scalar));
  const columns = new Map<string, (Scalar | null)[]>();
  for (const [number, members] of objects.entries()) {
    if (allNull(members)) continue; // it lacks every member: opaque wherever another has one
    const row: Row = new Map();
    put(name, members, row, depth);
    if (row.has(name)) return state(facts, name, null); // an object that is opaque as a whole
    for (const [key, fact] of row) {
      if (!columns.has(key)) state(columns, key, values.map(() => null), facts.size);
      columns.get(key)![number] = fact as Scalar | null; // no object here holds an array
    }
  }
  for (const [key, column] of columns) state(facts, key, column);
  if (columns.size === 0) state(facts, name, null); // objects that say nothing are still there
}

function hasArray(value: unknown, depth: number): boolean {
  if (Array.isArray(value)) return true;
  const members = membersOf(value);
  if (members === undefined) return false;
  limited(depth + 1, MAX_JSON_DEPTH, "levels of arguments");
  return [...members.values()].some((member) => hasArray(member, depth + 1));
}

function scalar(value: unknown): Scalar | null {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  const number = value instanceof Double ? value.value : value;
  const isNumber = typeof number === "bigint" || typeof number === "number";
  if (!isNumber) throw new Malformed("facts", `another ${typeof value}`, "JSON arguments");
  return Number.isSafeInteger(Number(number)) ? Number(number) + 0 : null;
}

function join(name: string, key: string): string {
  const joined = `${name}.${key}`;
  // the limit is of characters, of which a pair of surrogates is one
  if (joined.length > MAX_NAME) limited([...joined].length, MAX_NAME, "characters in a name");
  return joined;
}
