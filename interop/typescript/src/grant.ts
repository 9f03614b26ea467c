/** Constraints on facts, and the grants, patterns and demands that hold them (specs/caveats.md). */
import { about, must } from "./errors.js";
import type { Int, Scalar, Value } from "./values.js";
import { isCount, isInteger, isScalar, toHex } from "./values.js";

/** The kinds as JSON has them, by their number on the wire. */
export const KINDS = ["one_of", "none_of", "min/max", "under", "starts", "host", "any"] as const;
export const RANGE = 2;
const ONE_OF = 0, NONE_OF = 1, UNDER = 3, STARTS = 4, HOST = 5, ANY = 6;

/** A constraint, read and checked. */
export interface Constraint {
  readonly kind: number;
  readonly operand: readonly (Scalar | null)[];
  readonly optional: boolean;
}
/** Constraints by the name of a fact. */
export type Where = ReadonlyMap<string, Constraint>;

const NO_PATH = /[\\\x00-\x1f\x7f-\x9f]|%[0-9A-Fa-f]{2}/;
const LABELS = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;
const NUMBER_LAST = /(?:^|\.)(?:[0-9]+|0x[^.]*)$/;
const BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const QUAD = new RegExp(`^${BYTE}(?:\\.${BYTE}){3}$`);

/** Says whether text is a well-formed path: no way up, and no second spelling of anything. */
export function isPath(text: string): boolean {
  const segments = (text.startsWith("/") ? text.slice(1) : text).split("/");
  if (NO_PATH.test(text) || segments[0]!.startsWith("~")) return false;
  return segments.every((part) => part !== "" && part !== "." && part !== "..");
}

/** Says whether text is a lower-case host name or a canonical dotted quad. */
export const isHost = (text: string): boolean =>
  text.length <= 253 && LABELS.test(text) && (!NUMBER_LAST.test(text) || QUAD.test(text));

function isRange(operand: readonly Value[]): boolean {
  const bounds = operand.filter((bound) => bound !== null);
  if (operand.length !== 2 || bounds.length === 0 || !bounds.every(isInteger)) return false;
  return bounds[0]! <= bounds.at(-1)!;
}

type Is<T> = (value: T) => boolean;
const all = (is: Is<Value>): Is<readonly Value[]> => (operand) => operand.length > 0 && operand.every(is);
const texts = (is: Is<string>): Is<readonly Value[]> => all((each) => typeof each === "string" && is(each));
const isBase = (text: string): boolean => text === "/" || text === "." || isPath(text);

/** Says whether an operand is one of its kind; `any` has none. */
const OPERANDS = [all(isScalar), all(isScalar), isRange, texts(isBase), texts(() => true), texts(isHost)];
const WORDS = ["one_of scalars", "none_of scalars", "min up to max, integers", "under paths", "starts text",
  "host in lower case", "any: true"];

/** Returns the constraint of an array of the wire; throws Malformed `shape`. */
export function readConstraint(value: Value): Constraint {
  const parts = must<readonly Value[]>(value, Array.isArray(value), "a constraint");
  const [kind, operand] = parts, optional = parts.length === 3;
  must(value, parts.length === 2 || (optional && parts[2] === true), "a constraint; optional is true");
  if (kind === ANY && operand === true) return { kind, operand: [], optional };
  const good = typeof kind === "number" && Array.isArray(operand) && OPERANDS[kind]?.(operand);
  const words = WORDS[kind as number] ?? KINDS.join(", ");
  return { kind: kind as number, operand: must(operand, good === true, words), optional };
}

const sort = (value: unknown): string => (typeof value === "bigint" ? "number" : typeof value);

/**
 * Says whether a constraint holds for one scalar: true, false, or undefined where that cannot be told.
 * `wellFormed` says whether the scalar is of the grammar that the kind asks for.
 */
function told({ kind, operand }: Constraint, value: Scalar, wellFormed: boolean): boolean | undefined {
  if (kind === ONE_OF || kind === NONE_OF) {
    if (operand.includes(value)) return kind === ONE_OF;
    return operand.some((each) => sort(each) === sort(value)) ? kind === NONE_OF : undefined;
  }
  if (kind === RANGE) {
    const [least, most] = operand as readonly (Int | null)[];
    if (!isInteger(value)) return undefined;
    return (least == null || value >= least) && (most == null || value <= most);
  }
  if (typeof value !== "string" || !wellFormed) return undefined;
  const given = operand as readonly string[];
  if (kind === STARTS) return given.some((text) => value.startsWith(text));
  if (kind === HOST) return given.some((text) => value === text || value.endsWith(`.${text}`));
  const absolute = value.startsWith("/");
  const below = (text: string): boolean => {
    if (text === "/" || text === ".") return absolute === (text === "/");
    return value === text || value.startsWith(`${text}/`);
  };
  if (given.some(below)) return true;
  // nobody here knows where a relative path starts: against operands of the other beginning it cannot be told
  return given.some((text) => text.startsWith("/") !== absolute) ? undefined : false;
}

/**
 * A fact: text, a safe integer or a bigint of 64 bits, a boolean, null for opaque, or a list of up to 256
 * of these.
 */
export type Fact = Scalar | null | readonly (Scalar | null)[];

/** The facts of one request, and what is worked out about them once. */
export class Facts {
  /** Names below `args.`, which a grant with `only` must name. */
  readonly args: readonly string[];
  readonly #opaque: boolean;
  readonly #grammatical = new Map<string, boolean>();

  constructor(readonly byName: ReadonlyMap<string, Fact>) {
    this.args = [...byName.keys()].filter((name) => name.startsWith("args."));
    this.#opaque = [...byName.values()].some(hasOpaque);
  }

  /** Returns a fact, undefined where it is absent; what lies below something opaque is opaque itself. */
  get(name: string): Fact | undefined {
    const fact = this.byName.get(name);
    if (fact !== undefined || !this.#opaque) return fact;
    for (let dot = name.lastIndexOf("."); dot >= 0; dot = dot === 0 ? -1 : name.lastIndexOf(".", dot - 1)) {
      const above = this.byName.get(name.slice(0, dot));
      if (above !== undefined && hasOpaque(above)) return null;
    }
    return undefined;
  }

  /** Says whether a constraint holds in an allow or a where: certainly, for every element. */
  holds(name: string, constraint: Constraint): boolean {
    const fact = this.get(name);
    if (fact === undefined) return constraint.optional;
    return constraint.kind === ANY || this.#allTold(name, constraint, fact, true);
  }

  /** Says whether a constraint of a deny certainly fails, for every element. */
  fails(name: string, constraint: Constraint): boolean {
    const fact = this.byName.get(name);
    return fact !== undefined && constraint.kind !== ANY && this.#allTold(name, constraint, fact, false);
  }

  #allTold(name: string, constraint: Constraint, fact: Fact, wanted: boolean): boolean {
    const values = Array.isArray(fact) ? (fact as readonly (Scalar | null)[]) : [fact as Scalar | null];
    if (values.length === 0 || values.includes(null)) return false;
    const wellFormed = this.#isGrammatical(name, constraint.kind, values);
    return values.every((value) => told(constraint, value as Scalar, wellFormed) === wanted);
  }

  /** Says whether all of a fact is paths or hosts; each is looked at once, however many constraints ask. */
  #isGrammatical(name: string, kind: number, values: readonly (Scalar | null)[]): boolean {
    if (kind !== UNDER && kind !== HOST) return true;
    const key = `${kind}${name}`, is = kind === UNDER ? isPath : isHost;
    const good = this.#grammatical.get(key) ?? values.every((each) => typeof each === "string" && is(each));
    this.#grammatical.set(key, good);
    return good;
  }
}

const hasOpaque = (fact: Fact): boolean => fact === null || (Array.isArray(fact) && fact.includes(null));

// --- grants -------------------------------------------------------------------------------------------
/** A grant: it fits a request when a pattern takes the action and every constraint holds. */
export interface Grant {
  readonly actions: readonly string[];
  readonly where: Where | undefined;
  readonly only: true | undefined;
}

/** An approval demand: for these actions, `quorum` of these keys (in hex) must have signed. */
export interface Demand {
  readonly actions: readonly string[];
  readonly keys: readonly string[];
  readonly quorum: number;
}

export const ACTION = /^[!-)+-}]{1,128}$/;
const PATTERN = /^(?:[!-)+-}]{1,128}|(?:[!-)+-}]{0,126}[.:/])?\*)$/;

/** Says whether one of the patterns takes an action; `repo.*` does not take `repo.`. */
export function matches(patterns: readonly string[], action: string): boolean {
  return patterns.some((pattern) => {
    if (!pattern.endsWith("*")) return pattern === action;
    return action.length >= pattern.length && action.startsWith(pattern.slice(0, -1));
  });
}

const isPattern = (value: Value): boolean => typeof value === "string" && PATTERN.test(value);

export const readPatterns = (value: Value | undefined): readonly string[] =>
  must(value, Array.isArray(value) && value.length > 0 && value.every(isPattern), "a list of patterns");

export function readWhere(value: Value): Where {
  const isMap = value instanceof Map && value.size > 0;
  const good = isMap && [...value.keys()].every((name) => typeof name === "string");
  const found = must<ReadonlyMap<string, Value>>(value, good, "constraints by the names of facts");
  return new Map(Array.from(found, ([name, each]) => [name, about(name, () => readConstraint(each))]));
}

export function readGrant(value: Value): Grant {
  const known = value instanceof Map && [...value.keys()].every((key) => key === 0 || key === 1 || key === 2);
  const found = must<ReadonlyMap<number, Value>>(value, known, "a grant: actions, where, only");
  const where = found.get(1), only = found.get(2);
  return {
    actions: readPatterns(found.get(0)),
    where: where === undefined ? undefined : readWhere(where),
    only: must(only, only === undefined || only === true, "only: true, or none"),
  };
}

/** Reads a grant of a deny, where `only` and `optional` would have no meaning. */
export function readDenied(value: Value): Grant {
  const grant = readGrant(value);
  const optional = [...grant.where?.values() ?? []].some((constraint) => constraint.optional);
  return must(grant, !grant.only && !optional, "grants without them", "only or optional in a deny");
}

export function readDemand(value: Value): Demand {
  const good = Array.isArray(value) && value.length === 3 && Array.isArray(value[1]);
  const [patterns, given, quorum] = must<readonly [Value, Value[], Value]>(value, good, "a demand");
  const keys = given.map((key) => (key instanceof Uint8Array && key.length === 32 ? toHex(key) : ""));
  must(keys, new Set(keys).size === keys.length && !keys.includes(""), "keys, each once");
  const some = isCount(quorum, Math.min(4, keys.length), 1);
  return { actions: readPatterns(patterns), keys, quorum: must(quorum, some, "a quorum of keys, 1 to 4") };
}

const NOWHERE: Where = new Map();

/** Says whether a grant of an allow fits an action and its facts. */
export function fits({ actions, where = NOWHERE, only }: Grant, action: string, facts: Facts): boolean {
  if (!matches(actions, action)) return false;
  for (const [name, constraint] of where) if (!facts.holds(name, constraint)) return false;
  return !only || (facts.args.every((name) => where.has(name)) && facts.byName.get("args") !== null);
}

/** Says whether a grant of a deny fits, or cannot be told not to. */
export function denies({ actions, where = NOWHERE }: Grant, action: string, facts: Facts): boolean {
  if (!matches(actions, action)) return false;
  for (const [name, constraint] of where) if (facts.fails(name, constraint)) return false;
  return true;
}
