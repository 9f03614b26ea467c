/** The seven constraints on a fact, and the grammar of paths and hosts (specs/caveats.md). */
import { Malformed } from "./errors.js";
import { isScalar, type Int, type Scalar, type Value } from "./values.js";

/** The kinds, by their number on the wire. */
export const KINDS = ["one_of", "none_of", "range", "under", "starts", "host", "any"] as const;
const [ONE_OF, NONE_OF, RANGE, UNDER, STARTS, HOST, ANY] = [0, 1, 2, 3, 4, 5, 6];

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
  return !NO_PATH.test(text) && !segments[0]!.startsWith("~") && segments.every((part) => part !== "" && part !== "." && part !== "..");
}

/** Says whether text is a lower-case host name or a canonical dotted quad. */
export function isHost(text: string): boolean {
  return text.length <= 253 && LABELS.test(text) && (!NUMBER_LAST.test(text) || QUAD.test(text));
}

function fault(kind: number, operand: readonly Value[]): boolean {
  if (kind === RANGE) {
    const [least, most] = operand as [Int | null, Int | null];
    const bounds = operand.filter((bound) => bound !== null);
    if (operand.length !== 2 || bounds.length === 0 || !bounds.every(isInteger)) return true;
    return least !== null && most !== null && least > most;
  }
  if (operand.length === 0) return true;
  if (kind === ONE_OF || kind === NONE_OF) return !operand.every(isScalar);
  return !operand.every((text) => typeof text === "string" && (kind !== UNDER || text === "/" || text === "." || isPath(text)) && (kind !== HOST || isHost(text)));
}

const isInteger = (value: unknown): value is Int => typeof value === "bigint" || Number.isSafeInteger(value);

/** Returns the constraint of an array of the wire; throws Malformed `shape`. */
export function readConstraint(value: Value): Constraint {
  if (Array.isArray(value) && (value.length === 2 || (value.length === 3 && value[2] === true))) {
    const [kind, given] = value as readonly Value[];
    if (typeof kind === "number" && KINDS[kind] !== undefined) {
      const optional = value.length === 3;
      if (kind === ANY && given === true) return { kind, operand: [], optional };
      if (kind !== ANY && Array.isArray(given) && !fault(kind, given)) return { kind, operand: given as Scalar[], optional };
    }
  }
  throw new Malformed("shape", "another constraint", "[kind 0 to 6, operand, ? true]");
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
    if (!isInteger(value)) return undefined;
    const [least, most] = operand as readonly (Int | null)[];
    return (least == null || value >= least) && (most == null || value <= most);
  }
  if (typeof value !== "string" || !wellFormed) return undefined;
  const texts = operand as readonly string[];
  if (kind === STARTS) return texts.some((text) => value.startsWith(text));
  if (kind === HOST) return texts.some((text) => value === text || value.endsWith(`.${text}`));
  const absolute = value.startsWith("/");
  const below = (text: string): boolean =>
    text === "/" ? absolute : text === "." ? !absolute : value === text || value.startsWith(`${text}/`);
  if (texts.some(below)) return true;
  // nobody here knows where a relative path starts: against operands of the other beginning it cannot be told
  return texts.some((text) => text.startsWith("/") !== absolute) ? undefined : false;
}

/** A fact: a scalar, null for opaque, or a list of these. */
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
    const key = `${kind}${name}`;
    let known = this.#grammatical.get(key);
    if (known === undefined) {
      known = values.every((value) => typeof value === "string" && (kind === UNDER ? isPath(value) : isHost(value)));
      this.#grammatical.set(key, known);
    }
    return known;
  }
}

function hasOpaque(fact: Fact): boolean {
  return fact === null || (Array.isArray(fact) && fact.includes(null));
}
