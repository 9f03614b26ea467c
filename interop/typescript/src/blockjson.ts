/** Blocks as JSON, both ways (specs/caveats.md, JSON). */
import { type Block, isExtensionKey, type Name, NAMES } from "./block.js";
import { type Constraint, KINDS, readConstraint, type Where } from "./constraint.js";
import { must, shown } from "./errors.js";
import { type Grant, readDemand, readGrant, readPatterns, readWhere } from "./grant.js";
import { parseRun, runText } from "./run.js";
import { fromHex, int, isUnicode, type Key, membersOf, type Scalar, toHex, type Value } from "./values.js";

/** A constraint on a fact. `optional` lets the fact be absent. */
export type ConstraintTerms = (
  | { readonly one_of: readonly Scalar[] }
  | { readonly none_of: readonly Scalar[] }
  | { readonly min?: number | bigint; readonly max?: number | bigint }
  | { readonly under: readonly string[] }
  | { readonly starts: readonly string[] }
  | { readonly host: readonly string[] }
  | { readonly any: true }
) & { readonly optional?: true };

/** Constraints by the name of a fact. */
export type WhereTerms = Readonly<Record<string, ConstraintTerms>>;

/** Actions (or patterns such as `repo.*`), and what the facts must be. `only`: no argument that `where` does not name. */
export interface GrantTerms {
  readonly actions: readonly string[];
  readonly where?: WhereTerms;
  readonly only?: true;
}

/**
 * What a block says: the JSON form of specs/caveats.md, so that what is written, shown and logged is
 * one form. Times are seconds since 1970, bytes lower-case hex. Every term restricts.
 */
export interface Terms {
  /** 8 to 32 bytes in hex, in block 0 at least 16; random by default. */
  readonly nonce?: string;
  /** Such as `agt_1@2/reader@1`. */
  readonly run?: string;
  readonly audience?: readonly string[];
  readonly not_before?: number;
  readonly expires?: number;
  readonly allow?: readonly GrantTerms[];
  readonly deny?: readonly GrantTerms[];
  readonly where?: WhereTerms;
  readonly budget?: Readonly<Record<string, number>>;
  readonly approval?: readonly { readonly actions: readonly string[]; readonly keys: readonly string[]; readonly quorum?: number }[];
  readonly depth?: number;
  readonly final?: readonly string[];
  readonly bound?: true;
  /** The id of the block that asks for an approval: in block 0 of an approval. */
  readonly for?: string;
  /** In block 0; the clock's by default. */
  readonly issued_at?: number;
  readonly notes?: Readonly<Record<string, Scalar>>;
  /** Extensions, `vendor/name`. */
  readonly [extension: `${string}/${string}`]: unknown;
}

// --- from JSON ----------------------------------------------------------------------------------------
function members(value: unknown, known: readonly string[], needed: readonly string[] = []): ReadonlyMap<string, unknown> {
  const found = membersOf(value);
  const good = found !== undefined && needed.every((name) => found.has(name)) && [...found.keys()].every((name) => known.includes(name));
  return must(found, good, `another object than one of ${known.join(", ")}`);
}

/** Returns a map under its own names; `from` may refuse. */
function mapped(value: unknown, from: (member: unknown) => Value): ReadonlyMap<string, Value> {
  const found = membersOf(value);
  const known = must<ReadonlyMap<string, unknown>>(found, found !== undefined, "something that is no object");
  return new Map([...known].map(([name, member]) => [name, from(member)]));
}

const list = (value: unknown, from: (member: unknown) => Value): readonly Value[] =>
  must<readonly unknown[]>(value, Array.isArray(value) && value.length > 0, "something that is no list of at least one element").map(from);
const text = (value: unknown): string => must(value, typeof value === "string", "something that is no text");
const bytes = (value: unknown): Uint8Array => must(fromHex(value), fromHex(value) !== undefined, "bytes that are not lower-case hex");

/** Checks a value of the wire as soon as it is made: what a reader refuses is told before a chain is looked at. */
function checked(value: Value, read: (value: Value) => unknown): Value {
  read(value);
  return value;
}

const sameInt = (value: unknown): unknown => (typeof value === "bigint" ? int(value) : value);

function constraint(value: unknown): Value {
  const found = new Map(members(value, ["min", "max", "optional", ...KINDS]));
  const optional = found.has("optional");
  must(found, !optional || found.get("optional") === true, 'an "optional" that is not true');
  found.delete("optional");
  const names = [...found.keys()], operand = found.get(names[0] ?? "");
  let wire: unknown[];
  if (names.length > 0 && names.every((name) => name === "min" || name === "max")) {
    must(found, ![...found.values()].some((bound) => bound == null), "a bound of null; leave out the open one");
    wire = [2, [found.get("min") ?? null, found.get("max") ?? null].map(sameInt)];
  } else {
    must(names, names.length === 1 && names[0] !== "range", "a constraint of no kind");
    wire = [KINDS.indexOf(names[0] as "any"), Array.isArray(operand) ? Array.from(operand, sameInt) : operand];
  }
  must(operand, !Array.isArray(operand) || operand.every((each) => typeof each !== "string" || isUnicode(each)), "half a surrogate pair");
  return checked((optional ? [...wire, true] : wire) as Value, readConstraint);
}

const where = (value: unknown): Value => checked(mapped(value, constraint), readWhere);
const actions = (value: unknown): Value => checked(list(value, text), readPatterns);

function grant(value: unknown): Value {
  const found = members(value, ["actions", "where", "only"], ["actions"]);
  const wire = new Map<Key, Value>([[0, actions(found.get("actions"))]]);
  if (found.has("where")) wire.set(1, where(found.get("where")));
  if (found.has("only")) wire.set(2, found.get("only") as Value);
  return checked(wire, readGrant);
}

function demand(value: unknown): Value {
  const found = members(value, ["actions", "keys", "quorum"], ["keys"]);
  const quorum = found.has("quorum") ? sameInt(found.get("quorum")) : 1;
  return checked([actions(found.get("actions")), list(found.get("keys"), bytes), quorum as Value], readDemand);
}

const asItIs = (value: unknown): Value => value as Value; // the encoder and the reader look at it

const FROM: { readonly [N in Name]: (value: unknown) => Value } = {
  nonce: bytes, next_key: bytes, for: bytes,
  run: (value) => parseRun(text(value)).map(([name, attempt]) => (attempt === null ? [name] : [name, attempt])),
  audience: (value) => list(value, text), final: (value) => list(value, text),
  allow: (value) => list(value, grant), deny: (value) => list(value, grant),
  approval: (value) => list(value, demand), where,
  budget: (value) => mapped(value, asItIs), notes: (value) => mapped(value, asItIs),
  not_before: asItIs, expires: asItIs, depth: asItIs, bound: asItIs, issued_at: asItIs,
};

/** Returns the map of token.cddl of a block in JSON, still to be encoded and read back; throws Malformed. */
export function wireOf(terms: unknown): Map<Key, Value> {
  const found = membersOf(terms);
  const wire = new Map<Key, Value>();
  for (const [name, value] of must<ReadonlyMap<string, unknown>>(found, found !== undefined, "a block that is no object")) {
    const number = NAMES.indexOf(name as Name);
    if (number >= 0) wire.set(number, FROM[name as Name](value));
    else if (isExtensionKey(name)) wire.set(name, value as Value);
    else {
      must(name, /^(?:0|-?[1-9][0-9]{0,18})$/.test(name) && NAMES[Number(name)] === undefined, `${shown(name)}, which is no caveat`);
      wire.set(int(BigInt(name)), value as Value);
    }
  }
  return wire;
}

// --- to JSON ------------------------------------------------------------------------------------------
/** An object without a prototype: `__proto__` is a member like any other. */
function object(entries: Iterable<readonly [Key, unknown]>): object {
  const out = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of entries) out[String(name)] = value;
  return Object.freeze(out);
}

/** Returns plain, frozen data of a value: bytes in hex, maps as objects. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  if (Array.isArray(value)) return Object.freeze(value.map(plain));
  return value instanceof Map ? object([...(value as ReadonlyMap<Key, unknown>)].map(([name, member]) => [name, plain(member)])) : value;
}

function constraintJson({ kind, operand, optional }: Constraint): object {
  const body: [string, unknown][] = KINDS[kind] === "range"
    ? [["min", operand[0]], ["max", operand[1]]].filter((bound) => bound[1] !== null) as [string, unknown][]
    : [[KINDS[kind]!, KINDS[kind] === "any" ? true : plain(operand)]];
  return object(optional ? [...body, ["optional", true]] : body);
}

const whereJson = (value: Where): object => object([...value].map(([name, each]) => [name, constraintJson(each)]));

function grantJson(value: Grant): object {
  const out: [string, unknown][] = [["actions", plain(value.actions)]];
  if (value.where.size > 0) out.push(["where", whereJson(value.where)]);
  return object(value.only ? [...out, ["only", true]] : out);
}

/** Returns a block in JSON, frozen. */
export function blockJson(block: Block): Terms {
  const out = NAMES.filter((name) => block[name] !== undefined).map((name): [string, unknown] => {
    if (name === "run") return [name, runText(block.run!)];
    if (name === "allow" || name === "deny") return [name, Object.freeze(block[name]!.map(grantJson))];
    if (name === "where") return [name, whereJson(block.where!)];
    if (name === "approval") return [name, Object.freeze(block.approval!.map((each) => object(Object.entries(each).map(([key, value]) => [key, plain(value)]))))];
    return [name, plain(block[name])];
  });
  return object([...out, ...block.others.map(([key, value]) => [key, plain(value)] as const)]) as Terms;
}
