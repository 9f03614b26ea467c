/** What a refusal tells people: what was asked, and what the caveat wants instead. */
import { plain } from "./blockjson.js";
import { listed, named, shown } from "./errors.js";
import { type Constraint, type Facts, type Grant, matches, type Where } from "./grant.js";

/** What was asked, and what is allowed. */
type Words = readonly [asked: string, allowed: string];

function stated(name: string, facts: Facts): string {
  const fact = facts.get(name);
  const said = fact === null ? "opaque" : shown(fact);
  return fact === undefined ? `no ${named(name)}` : `${named(name)} ${said}`;
}

function wanted(name: string, wants: Constraint): string {
  const members = Object.entries(plain(wants) as object);
  return `${named(name)} {${members.map(([kind, operand]) => `"${kind}":${shown(operand)}`).join(",")}}`;
}

/** Returns words for the first constraint of a where that does not hold. */
export function whereWords(where: Where | undefined, facts: Facts): Words | undefined {
  const found = Array.from(where ?? []).find(([name, wants]) => !facts.holds(name, wants));
  return found && [stated(found[0], facts), wanted(...found)];
}

/** Returns words for an allow that no grant fits: of its patterns, or of the first grant that one takes. */
export function allowWords(grants: readonly Grant[], action: string, facts: Facts): Words {
  const [first, ...more] = grants.filter(({ actions }) => matches(actions, action));
  if (!first) return [`action ${shown(action)}`, `actions ${listed(grants.flatMap((all) => all.actions))}`];
  const names = [...first.where?.keys() ?? []];
  const other = facts.args.find((name) => !names.includes(name)) ?? "args"; // it is `only` that fails
  const only = `${listed(names) || "no arguments"} only`;
  const [asked, allowed] = whereWords(first.where, facts) ?? [stated(other, facts), only];
  return [asked, more.length > 0 ? `${allowed}, or what another of the grants takes` : allowed];
}

/** Returns words for a deny of which a grant fits, or cannot be told not to. */
export function denyWords({ where = new Map() }: Grant, action: string, facts: Facts): Words {
  const [first] = where, asked = `action ${shown(action)}`;
  if (!first) return [asked, "another action"];
  const allowed = `another action, or facts for which the deny certainly fails: ${wanted(...first)}`;
  return [`${asked}, ${stated(first[0], facts)}`, allowed];
}
