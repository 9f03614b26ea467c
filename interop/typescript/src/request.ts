/** What a service asks a lease for; checked when it is made (V1, V2). */
import { limited, Malformed, shown } from "./errors.js";
import { ACTION, type Fact, Facts } from "./grant.js";
import type { Run, RunTerms, Scalar } from "./values.js";
import { int, isCount, isUnicode, membersOf, onceOf, parseRun, runText, SAFE_MAX } from "./values.js";

/** A fact that is there and cannot be told; in JSON it is null. */
export const OPAQUE = null;
const MAX_FACTS = 256;

type Named<T> = Readonly<Record<string, T>> | ReadonlyMap<string, T> | undefined;

/**
 * What a service asks for. It is made from the call that the service is about to make, never from what
 * the caller says of it.
 */
export interface Ask {
  /** 1 to 128 printable ASCII characters without space, `*` and `~`. */
  readonly action: string;
  /** The run that this process executes. */
  readonly run?: RunTerms | undefined;
  /** Facts by name, at most 256, in a plain object or a Map; `flatten` makes those of a tool's arguments. */
  readonly facts?: Named<Fact>;
  /** What the call costs, by unit, from 0 to 2^53-1. A request is one call, so `calls` can only be 1. */
  readonly cost?: Named<number>;
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
export interface Asked extends Pick<Request, "action" | "audience" | "cost"> {
  readonly run: string | undefined;
  readonly facts: ReadonlyMap<string, Fact>;
}

const MEMBERS: readonly (keyof Ask)[] = ["action", "run", "facts", "cost", "binding"];

const fault = (asked: string, allowed: string): Malformed => new Malformed("facts", asked, allowed);

/** Returns a checked request; throws Malformed `facts` or `too_large`. */
export function makeRequest(ask: Ask, audience: string): Request {
  const wrong = (asked: string): Malformed => fault(asked, MEMBERS.join(", "));
  const { action, run, facts, cost, binding } = onceOf(ask, MEMBERS, wrong);
  const isAction = typeof action === "string" && ACTION.test(action);
  const isBinding = binding === undefined || (binding instanceof Uint8Array && binding.length === 32);
  if (!isAction) throw fault(`action ${shown(action)}`, 'printable ASCII without space, "*" and "~"');
  if (!isUnicode(audience)) throw fault("an audience with half a surrogate pair", "text");
  if (!isBinding) throw fault("another binding", "32 bytes");
  return {
    action, audience, binding,
    run: run === undefined ? undefined : parseRun(run),
    facts: new Facts(readFacts(facts)),
    cost: readCost(cost),
  };
}

/** Returns what is stated by name; nothing is where nothing is given. */
function named(given: unknown, what: string): ReadonlyMap<string, unknown> {
  const members = given === undefined ? new Map<string, unknown>() : membersOf(given);
  if (members && [...members.keys()].every(isUnicode)) return members;
  throw fault(`${what} that are not by name`, "a plain object, or a Map with text keys");
}

function readFacts(given: unknown): ReadonlyMap<string, Fact> {
  const members = named(given, "facts");
  limited(members.size, MAX_FACTS, "facts");
  return new Map(Array.from(members, ([name, value]): [string, Fact] => {
    if (!Array.isArray(value)) return [name, scalar(name, value)];
    if (value.length > MAX_FACTS) throw fault(`fact ${shown(name)}: a long list`, `${MAX_FACTS}`);
    // frozen: a handler sees it, and later blocks are asked about it
    return [name, Object.freeze(Array.from(value as unknown[], (each) => scalar(name, each)))];
  }));
}

function scalar(name: string, value: unknown): Scalar | null {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "string" && isUnicode(value)) return value;
  if (typeof value === "number" && Number.isSafeInteger(value)) return value + 0; // -0 is 0
  if (typeof value === "bigint" && BigInt.asIntN(64, value) === value) return int(value);
  throw fault(`fact ${shown(name)}: another ${typeof value}`,
    "text, safe integers, bigints of 64 bits, booleans, OPAQUE, or a list of these");
}

function readCost(given: unknown): ReadonlyMap<string, number> {
  const members = named(given, "cost");
  for (const [unit, amount] of members) {
    if (!isCount(amount)) throw fault(`cost ${shown(unit)}`, `0 to ${SAFE_MAX}`);
    if (unit === "calls" && amount !== 1) throw fault(`cost calls: ${amount}`, "a request is one call");
  }
  return new Map(members as ReadonlyMap<string, number>);
}

/** Returns what a handler may look at, and change without harm; lists are frozen. */
export function askedOf({ action, audience, run, facts, cost }: Request): Asked {
  const copies = { facts: new Map(facts.byName), cost: new Map(cost) };
  return Object.freeze({ action, audience, run: run && runText(run), ...copies });
}
