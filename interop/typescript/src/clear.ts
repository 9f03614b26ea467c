/** Stage clear: every caveat of every block, for one request at one time (V6, V7). */
import type { Block } from "./block.js";
import { Forbidden, shown, type Words } from "./errors.js";
import { denies, fits } from "./grant.js";
import { type Asked, askedOf, type Request } from "./request.js";
import { type Run, runText, type Segment } from "./run.js";
import { type Key, SAFE_MAX, type Scalar, type Value } from "./values.js";

const SKEW = 60;

/** What stands under the key of an extension. */
export type ExtensionValue = Scalar | readonly ExtensionValue[] | ReadonlyMap<string, ExtensionValue>;
/** Decides an extension caveat: exactly `true` where it holds. A handler that throws, or promises, has not said so. */
export type Handler = (value: ExtensionValue, asked: Asked) => boolean;

/** What a verifier is set to. */
export interface Rules {
  readonly leeway: number;
  readonly maxLifetime: number | undefined;
  readonly handlers: ReadonlyMap<string, Handler>;
}

/** Everything that is looked at together. `approves`: whether the chain is an approval, for the block that asks. */
export interface Case {
  readonly blocks: readonly Block[];
  readonly request: Request;
  readonly run: Run;
  readonly now: number;
  readonly rules: Rules;
  readonly bound: boolean;
  readonly approves: boolean;
}

/** Returns the longest run that blocks state, each attempt from the first block that states it; empty where none does. */
export function statedRun(blocks: readonly Block[]): Run {
  const stated = blocks.flatMap((block) => (block.run === undefined ? [] : [block.run]));
  const longest = stated.reduce((best, run) => (run.length > best.length ? run : best), [] as Run);
  return longest.map(([name], level): Segment => [name, stated.map((run) => run[level]?.[1]).find((attempt) => attempt != null) ?? null]);
}

/** Throws the first Forbidden of V6 and V7, if any. Differences of times stay exact where sums would not. */
export function clear(at: Case): void {
  const { blocks, now, rules } = at;
  const root = blocks[0]!;
  if (!isComplete(root)) throw refuse("structure", 0, { allowed: "a first block with run, audience, expires, allow and issued_at" });
  if (root.issued_at! - now > SKEW) throw refuse("issued_at", 0, { asked: `now ${now}`, allowed: `from ${root.issued_at} on` });
  blocks.forEach((block, index) => {
    const follow = blocks.length - 1 - index;
    if (index > 0 && block.issued_at !== undefined) throw refuse("structure", index, { asked: "issued_at in a later block" });
    if (block.depth !== undefined && follow > block.depth) throw refuse("depth", index, { asked: `${follow} blocks after it`, allowed: `${block.depth}` });
    if (index === 0 && rules.maxLifetime !== undefined && block.expires! - block.issued_at! > rules.maxLifetime) {
      throw refuse("lifetime", 0, { asked: `${block.expires! - block.issued_at!} seconds`, allowed: `${rules.maxLifetime}` });
    }
    if (block.for !== undefined && (index > 0 || !at.approves)) throw refuse("for", index, { asked: "an approval as a lease" });
    if (block.bound && !at.bound) throw refuse("bound", index, { asked: "a proof for any call", wouldPass: "lease.present(binding)" });
  });
  blocks.forEach((block, index) => caveats(block, index, at));
}

function refuse(code: string, block: number, words: Words): Forbidden {
  return new Forbidden(code, block, words);
}

function isComplete({ run, audience, expires, allow, issued_at }: Block): boolean {
  if (run === undefined || audience === undefined || expires === undefined || allow === undefined || issued_at === undefined) return false;
  return issued_at < expires && run.every(([, attempt]) => attempt !== null);
}

/** V7 for one block, by key in the order of the encodings. */
function caveats(block: Block, index: number, { request, run, now, rules }: Case): void {
  const { action, audience, facts, cost } = request;
  if (block.run !== undefined) {
    const words = { asked: `run ${runText(run)}`, allowed: runText(block.run) };
    if (block.run.some(([name], level) => run[level]?.[0] !== name)) throw refuse("run", index, words);
    if (block.run.some(([, attempt], level) => attempt !== null && run[level]![1] !== attempt)) throw refuse("attempt", index, words);
  }
  if (block.audience !== undefined && !block.audience.includes(audience)) {
    throw refuse("audience", index, { asked: shown(audience), allowed: block.audience.slice(0, 4).map(shown).join(" or ") });
  }
  if (block.not_before !== undefined && block.not_before - now > rules.leeway) {
    throw refuse("not_before", index, { asked: `now ${now}`, allowed: `from ${block.not_before} on` });
  }
  if (block.expires !== undefined && now - block.expires >= rules.leeway) {
    throw refuse("expires", index, { asked: `now ${now}`, allowed: `before ${block.expires}`, wouldPass: "a new lease" });
  }
  if (block.allow !== undefined && !block.allow.some((grant) => fits(grant, action, facts))) {
    const patterns = block.allow.flatMap((grant) => grant.actions).slice(0, 6);
    throw refuse("allow", index, { asked: `${action} with these facts`, allowed: `${patterns.join(", ")}, where their constraints hold` });
  }
  if (block.deny?.some((grant) => denies(grant, action, facts))) {
    throw refuse("deny", index, { asked: action, allowed: "what no grant of the deny fits, for certain" });
  }
  for (const [name, constraint] of block.where ?? []) {
    if (!facts.holds(name, constraint)) throw refuse("where", index, { asked: `fact ${shown(name)}`, allowed: "what its constraint takes" });
  }
  for (const unit of block.budget?.keys() ?? []) {
    if (unit !== "calls" && !cost.has(unit)) throw refuse("budget", index, { asked: `no cost in ${shown(unit)}`, allowed: `0 to ${SAFE_MAX}` });
  }
  for (const [key, value] of block.others) extension(key, value, index, request, rules);
}

function extension(key: Key, value: Value, index: number, request: Request, rules: Rules): void {
  const handler = typeof key === "string" ? rules.handlers.get(key) : undefined;
  if (handler === undefined) throw refuse("unknown_caveat", index, { asked: `caveat ${shown(key)}`, allowed: "what this verifier knows" });
  let said: unknown;
  try {
    said = handler(copy(value) as ExtensionValue, askedOf(request));
  } catch {
    said = undefined; // it has not said yes
  }
  if (said !== true) throw refuse(String(key), index, { allowed: "what its handler says yes to" });
}

function copy(value: Value): Value {
  if (Array.isArray(value)) return (value as readonly Value[]).map(copy);
  return value instanceof Map ? new Map([...(value as ReadonlyMap<Key, Value>)].map(([name, member]) => [name, copy(member)])) : value;
}
