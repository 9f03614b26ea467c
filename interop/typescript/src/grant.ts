/** Grants, action patterns and approval demands (specs/caveats.md). */
import { type Facts, readConstraint, type Where } from "./constraint.js";
import { Malformed } from "./errors.js";
import { isCount, toHex, type Value } from "./values.js";

/** A grant: it fits a request when a pattern takes the action and every constraint holds. */
export interface Grant {
  readonly actions: readonly string[];
  readonly where: Where;
  readonly only: boolean;
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
  return patterns.some((pattern) =>
    pattern.endsWith("*") ? action.length >= pattern.length && action.startsWith(pattern.slice(0, -1)) : pattern === action);
}

export function readPatterns(value: Value | undefined): readonly string[] {
  if (Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === "string" && PATTERN.test(each))) return value;
  throw new Malformed("shape", "other actions", 'actions; "*" may end one after ".", ":" or "/", or stand alone');
}

export function readWhere(value: Value): Where {
  if (value instanceof Map && value.size > 0) {
    const names = [...value.keys()];
    if (names.every((name) => typeof name === "string")) return new Map(names.map((name) => [name, readConstraint(value.get(name))]));
  }
  throw new Malformed("shape", "another map of facts", "{+ fact: constraint}");
}

export function readGrant(value: Value): Grant {
  if (value instanceof Map && [...value.keys()].every((key) => key === 0 || key === 1 || key === 2)) {
    const where = value.get(1) as Value | undefined, only = value.get(2) as Value | undefined;
    if (only === undefined || only === true) {
      return { actions: readPatterns(value.get(0)), where: where === undefined ? new Map() : readWhere(where), only: only === true };
    }
  }
  throw new Malformed("shape", "another grant", "{0: patterns, ? 1: facts, ? 2: true}");
}

export function readDenied(value: Value): Grant {
  const grant = readGrant(value);
  if (!grant.only && ![...grant.where.values()].some((constraint) => constraint.optional)) return grant;
  throw new Malformed("shape", "`only` or `optional` in a deny", "both have a meaning in an allow");
}

export function readDemand(value: Value): Demand {
  if (Array.isArray(value) && value.length === 3 && Array.isArray(value[1])) {
    const [patterns, given, quorum] = value as [Value, readonly Value[], Value];
    const keys = given.map((key) => (key instanceof Uint8Array && key.length === 32 ? toHex(key) : ""));
    const distinct = new Set(keys).size === keys.length && !keys.includes("");
    if (distinct && isCount(quorum, Math.min(4, keys.length), 1)) return { actions: readPatterns(patterns), keys, quorum };
  }
  throw new Malformed("shape", "another approval", "[patterns, distinct keys of 32 bytes, quorum from 1 to 4 of them]");
}

/** Says whether a grant of an allow fits an action and its facts. */
export function fits(grant: Grant, action: string, facts: Facts): boolean {
  if (!matches(grant.actions, action)) return false;
  for (const [name, constraint] of grant.where) if (!facts.holds(name, constraint)) return false;
  return !grant.only || (facts.args.every((name) => grant.where.has(name)) && facts.byName.get("args") !== null);
}

/** Says whether a grant of a deny fits, or cannot be told not to. */
export function denies(grant: Grant, action: string, facts: Facts): boolean {
  if (!matches(grant.actions, action)) return false;
  for (const [name, constraint] of grant.where) if (facts.fails(name, constraint)) return false;
  return true;
}
