/** What a service asks a lease for; checked when it is made (V1, V2). */
import { type Fact, Facts } from "./constraint.js";
import { Malformed, shown } from "./errors.js";
import { ACTION } from "./grant.js";
import { parseRun, type Run, runText, type Segment } from "./run.js";
import { int, isCount, isUnicode, membersOf, SAFE_MAX, type Scalar } from "./values.js";

/** A fact that is there and cannot be told; in JSON it is null. */
export const OPAQUE = null;
const MAX_FACTS = 256;

/** A fact as a caller states it: text, a safe integer or a bigint of 64 bits, a boolean, OPAQUE, or a list of up to 256 of these. */
export type FactTerms = Scalar | null | readonly (Scalar | null)[];

/** What a service asks for. It is made from the call that the service is about to make, never from what the caller says of it. */
export interface Ask {
  /** 1 to 128 printable ASCII characters without space, `*` and `~`. */
  readonly action: string;
  /** The run that this process executes: `agt_1@2/reader@1`, or a list of [name, attempt], null being open. */
  readonly run?: string | readonly (Segment | readonly [string])[] | undefined;
  /** Facts by name, at most 256; `flatten` makes those of a tool's arguments. */
  readonly facts?: Readonly<Record<string, FactTerms>> | ReadonlyMap<string, FactTerms> | undefined;
  /** What the call costs, by unit, from 0 to 2^53-1. A request is one call, so `calls` can only be 1. */
  readonly cost?: Readonly<Record<string, number>> | ReadonlyMap<string, number> | undefined;
  /** The 32 bytes that a bound proof must be bound to (`callBinding`, `httpBinding`). */
  readonly binding?: Uint8Array | undefined;
}

/** What every step looks at. `run` is undefined where the service knows none. */
export interface Request {
  readonly action: string;
  readonly audience: string;
  readonly run: Run | undefined;
  readonly facts: Facts;
  readonly cost: ReadonlyMap<string, number>;
  readonly binding: Uint8Array | undefined;
}

/** A request as a handler sees it: a copy. */
export interface Asked {
  readonly action: string;
  readonly audience: string;
  readonly run: string | undefined;
  readonly facts: ReadonlyMap<string, Fact>;
  readonly cost: ReadonlyMap<string, number>;
}

const fault = (asked: string, allowed: string): Malformed => new Malformed("facts", asked, allowed);

/** Returns a checked request; throws Malformed `facts` or `too_large`. */
export function makeRequest(ask: Ask, audience: string): Request {
  const { action, run, facts, cost, binding } = ask;
  if (typeof action !== "string" || !ACTION.test(action)) throw fault(`action ${shown(action)}`, 'printable ASCII without space, "*" and "~"');
  if (!isUnicode(audience)) throw fault("an audience with half a surrogate pair", "text");
  if (binding !== undefined && !(binding instanceof Uint8Array && binding.length === 32)) throw fault("another binding", "32 bytes");
  return {
    action, audience, binding,
    run: run === undefined ? undefined : parseRun(run),
    facts: new Facts(readFacts(facts)),
    cost: readCost(cost),
  };
}

function readFacts(given: unknown): ReadonlyMap<string, Fact> {
  const members = given === undefined ? new Map<string, unknown>() : membersOf(given);
  if (members === undefined) throw fault("facts that are no object", "an object or a Map by name");
  if (members.size > MAX_FACTS) throw new Malformed("too_large", `${members.size} facts`, `${MAX_FACTS}`);
  const out = new Map<string, Fact>();
  for (const [name, value] of members) {
    if (!isUnicode(name)) throw fault("a name with half a surrogate pair", "text");
    if (Array.isArray(value) && value.length > MAX_FACTS) throw fault(`fact ${shown(name)}: a list of ${value.length}`, `${MAX_FACTS}`);
    out.set(name, Array.isArray(value) ? Array.from(value as unknown[], (each) => scalar(name, each)) : scalar(name, value));
  }
  return out;
}

function scalar(name: string, value: unknown): Scalar | null {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "string" && isUnicode(value)) return value;
  if (typeof value === "number" && Number.isSafeInteger(value)) return value + 0; // -0 is 0
  if (typeof value === "bigint" && BigInt.asIntN(64, value) === value) return int(value);
  throw fault(`fact ${shown(name)}: ${typeof value === "number" ? "a number that is no safe integer" : `another ${typeof value}`}`,
    "text, safe integers, bigints of 64 bits, booleans, OPAQUE, or a list of these");
}

function readCost(given: unknown): ReadonlyMap<string, number> {
  const members = given === undefined ? new Map<string, unknown>() : membersOf(given);
  if (members === undefined) throw fault("a cost that is no object", "an object or a Map by unit");
  for (const [unit, amount] of members) {
    if (!isUnicode(unit) || !isCount(amount)) throw fault(`cost ${shown(unit)}`, `0 to ${SAFE_MAX}`);
    if (unit === "calls" && amount !== 1) throw fault(`cost calls: ${amount}`, "a request is one call");
  }
  return new Map(members as ReadonlyMap<string, number>);
}

/** Returns what a handler may look at, and change without harm. */
export function askedOf({ action, audience, run, facts, cost }: Request): Asked {
  return Object.freeze({ action, audience, run: run && runText(run), facts: new Map(facts.byName), cost: new Map(cost) });
}
