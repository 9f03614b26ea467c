/** Blocks as JSON, both ways (specs/caveats.md, JSON). */
import { type Block, isExtensionKey, type Name, NAMES } from "./block.js";
import { encode } from "./cbor.js";
import { about, must, shown } from "./errors.js";
import { type Constraint, type Demand, KINDS, RANGE } from "./grant.js";
import { fromHex, int, type Key, membersOf, parseRun, runText, type Scalar, toHex } from "./values.js";

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

/**
 * Actions (or patterns such as `repo.*`), and what the facts must be.
 * `only`: no argument that `where` does not name.
 */
export interface GrantTerms {
  readonly actions: readonly string[];
  readonly where?: WhereTerms;
  readonly only?: true;
}

/** For these actions, `quorum` (by default 1) of these public keys in hex must have signed. */
export type DemandTerms = Omit<Demand, "quorum"> & Partial<Pick<Demand, "quorum">>;

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
  readonly approval?: readonly DemandTerms[];
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
// What is written otherwise in JSON is changed here, and only that is looked at. The rest stays as it is:
// the encoder and the reader of blocks refuse what is wrong, and no block gets past them.
type Change = (value: unknown) => unknown;

function members(value: unknown, known?: string): ReadonlyMap<string, unknown> {
  const found = membersOf(value), names = known?.split(/, |\//);
  must(value, found !== undefined, known ?? "an object");
  for (const name of found!.keys()) must(name, names?.includes(name) ?? true, known!);
  return found!;
}

const each = (value: unknown, change: Change): readonly unknown[] =>
  must<readonly unknown[]>(value, Array.isArray(value), "a list").map(change);

function bytes(value: unknown): Uint8Array {
  const data = fromHex(value);
  return must(data, data !== undefined, "lower-case hex", shown(value));
}

const CONSTRAINT = `${KINDS.join(", ")}, optional`;

function constraint(value: unknown): unknown {
  const { optional, ...found } = Object.fromEntries(members(value, CONSTRAINT));
  const names = Object.keys(found);
  const isRange = names.length > 0 && names.every((name) => name === "min" || name === "max");
  const isClosed = names.every((name) => found[name] != null); // an open bound is left out
  must(value, isRange ? isClosed : names.length === 1, `one of ${CONSTRAINT}`, names.join(", ") || "no kind");
  const kind = isRange ? RANGE : KINDS.indexOf(names[0] as "any");
  const wire = [kind, isRange ? [found.min ?? null, found.max ?? null] : found[names[0]!]];
  return optional === undefined ? wire : [...wire, optional];
}

const where: Change = (value) =>
  new Map(Array.from(members(value), ([name, member]) => [name, about(name, () => constraint(member))]));

function grant(value: unknown): unknown {
  const found = members(value, "actions, where, only");
  const wire = new Map([[0, found.get("actions")]]);
  if (found.has("where")) wire.set(1, where(found.get("where")));
  if (found.has("only")) wire.set(2, found.get("only"));
  return wire;
}

function demand(value: unknown): unknown {
  const found = members(value, "actions, keys, quorum");
  const quorum = found.has("quorum") ? found.get("quorum") : 1;
  return [found.get("actions"), each(found.get("keys"), bytes), quorum];
}

function run(value: unknown): unknown {
  const segments = parseRun(must<string>(value, typeof value === "string", "text, such as agt_1@2/reader@1"));
  return segments.map(([name, attempt]) => (attempt === null ? [name] : [name, attempt]));
}

const grants: Change = (value) => each(value, grant);
const FROM: { readonly [N in Name]?: Change } = {
  nonce: bytes, next_key: bytes, for: bytes, run, where, allow: grants, deny: grants,
  approval: (value) => each(value, demand),
};

/** Returns the map of token.cddl of a block in JSON, still to be encoded and read back; throws Malformed. */
export function wireOf(terms: unknown): Map<Key, unknown> {
  const wire = new Map<Key, unknown>();
  for (const [name, value] of members(terms)) {
    const number = NAMES.indexOf(name as Name);
    const other = /^(?:0|-?[1-9][0-9]{0,18})$/.test(name) && NAMES[Number(name)] === undefined;
    const allowed = name === "ttl" ? "expires, in seconds since 1970" : `${NAMES.join(", ")}, or vendor/name`;
    must(name, number >= 0 || other || isExtensionKey(name), allowed, `${shown(name)} is no caveat`);
    about(name, () => {
      const member = (number < 0 ? undefined : FROM[name as Name])?.(value) ?? value;
      encode(member, 2); // what has no encoding is told by its name
      wire.set(number >= 0 ? number : other ? int(BigInt(name)) : name, member);
    });
  }
  return wire;
}

// --- to JSON ------------------------------------------------------------------------------------------
/** An object without a prototype: `__proto__` is a member like any other. What is undefined is left out. */
function object(entries: Iterable<readonly [Key, unknown]>): object {
  const out = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of entries) if (value !== undefined) out[String(name)] = plain(value);
  return Object.freeze(out);
}

/** Returns plain, frozen data of a value: bytes in hex, maps, grants and constraints as objects. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  if (Array.isArray(value)) return Object.freeze(value.map(plain));
  if (value instanceof Map) return object(value as ReadonlyMap<Key, unknown>);
  if (typeof value !== "object" || value === null) return value;
  return object("kind" in value ? constraintTerms(value as Constraint) : Object.entries(value));
}

function constraintTerms({ kind, operand, optional }: Constraint): [string, unknown][] {
  const last: [string, unknown] = ["optional", optional || undefined];
  if (kind === RANGE) return [["min", operand[0] ?? undefined], ["max", operand[1] ?? undefined], last];
  return [[KINDS[kind]!, KINDS[kind] === "any" ? true : operand], last];
}

/** Returns a block in JSON, frozen. */
export function blockJson(block: Block): Terms {
  const known = { ...block, run: block.run && runText(block.run) };
  return object([...NAMES.map((name) => [name, known[name]] as const), ...block.others]) as Terms;
}
