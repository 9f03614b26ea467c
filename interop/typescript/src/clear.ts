/** Stage clear: every caveat of every block, for one request at one time (V6, V7). */
import type { Block } from "./block.js";
import { Forbidden, shown } from "./errors.js";
import { denies, fits } from "./grant.js";
import { type Asked, askedOf, type Request } from "./request.js";
import type { Token } from "./token.js";
import { type Run, runText, type Scalar, type Value } from "./values.js";
import { allowWords, denyWords, whereWords } from "./why.js";

const SKEW = 60;

/** What stands under the key of an extension. */
export type ExtensionValue = Scalar | readonly ExtensionValue[] | ReadonlyMap<string, ExtensionValue>;
/** Decides an extension caveat: exactly `true` where it holds. Who throws or promises has not said so. */
export type Handler = (value: ExtensionValue, asked: Asked) => boolean;

/** What a verifier is set to. */
export interface Rules {
  readonly leeway: number;
  readonly maxLifetime: number | undefined;
  readonly handlers: ReadonlyMap<string, Handler>;
}

/** Everything that is looked at together. `approves`: whether the chain is an approval. */
export interface Case {
  readonly token: Token;
  readonly request: Request;
  readonly run: Run;
  readonly now: number;
  readonly rules: Rules;
  readonly approves: boolean;
}

/** Returns the longest run that blocks state, each attempt from the first that states it. */
export function statedRun(blocks: readonly Block[]): Run {
  const stated = blocks.flatMap((block) => (block.run === undefined ? [] : [block.run]));
  const longest = stated.reduce((best, run) => (run.length > best.length ? run : best), [] as Run);
  const attempts = (level: number): Run[0][1][] => stated.map((run) => run[level]?.[1] ?? null);
  return longest.map(([name], level) => [name, attempts(level).find((attempt) => attempt !== null) ?? null]);
}

/** Throws the first Forbidden of V6 and V7, if any. Differences of times stay exact where sums would not. */
export function clear(at: Case): void {
  const { now, rules } = at, { blocks, proof } = at.token;
  const { run, audience, expires, allow, issued_at } = blocks[0]!;
  const isComplete = run && audience && allow && expires !== undefined && issued_at !== undefined;
  if (!isComplete || issued_at >= expires || run.some(([, attempt]) => attempt === null)) {
    throw new Forbidden("structure", 0, "", "a first block with run, audience, expires, allow and issued_at");
  }
  const from = `from ${issued_at - SKEW} on`;
  if (issued_at - now > SKEW) throw new Forbidden("issued_at", 0, `now ${now}`, from);
  const life = expires - issued_at, longest = rules.maxLifetime ?? life;
  blocks.forEach(({ issued_at, depth = blocks.length, for: asking, bound }, index) => {
    const follow = blocks.length - 1 - index;
    if (index > 0 && issued_at !== undefined) throw new Forbidden("structure", index, "another issued_at");
    if (follow > depth) throw new Forbidden("depth", index, `${follow} blocks after it`, `${depth}`);
    if (index === 0 && life > longest) throw new Forbidden("lifetime", 0, `${life} seconds`, `${longest}`);
    if (asking && (index > 0 || !at.approves)) throw new Forbidden("for", index, "an approval as a lease");
    if (bound && proof.kind !== "bound") throw new Forbidden("bound", index, "a proof for any call");
  });
  blocks.forEach((block, index) => caveats(block, index, at));
}

/** V7 for one block, by key in the order of the encodings. */
function caveats(block: Block, index: number, { request, run, now, rules }: Case): void {
  const { action, audience, facts, cost } = request;
  const no = (code: string, ...words: readonly [string, string]) => new Forbidden(code, index, ...words);
  const stated = block.run ?? [], runs = () => [`run ${runText(run)}`, runText(stated)] as const;
  if (stated.some(([name], level) => run[level]?.[0] !== name)) throw no("run", ...runs());
  if (stated.some(([, own], level) => own !== null && own !== run[level]![1])) throw no("attempt", ...runs());
  const served = block.audience ?? [audience];
  if (!served.includes(audience)) throw no("audience", shown(audience), served.slice(0, 4).map(shown).join());
  const { not_before = now, expires = Infinity } = block;
  const from = `from ${not_before - rules.leeway} on`;
  if (not_before - now > rules.leeway) throw no("not_before", `now ${now}`, from);
  if (now - expires >= rules.leeway) throw no("expires", `now ${now}`, `before ${expires + rules.leeway}`);
  if (block.allow && !block.allow.some((grant) => fits(grant, action, facts))) {
    throw no("allow", ...allowWords(block.allow, action, facts));
  }
  const denied = block.deny?.find((grant) => denies(grant, action, facts));
  if (denied) throw no("deny", ...denyWords(denied, action, facts));
  const fails = whereWords(block.where, facts);
  if (fails) throw no("where", ...fails);
  for (const unit of block.budget?.keys() ?? []) {
    if (unit !== "calls" && !cost.has(unit)) throw no("budget", `no cost in ${shown(unit)}`, "a stated cost");
  }
  for (const [key, value] of block.others) {
    const handler = typeof key === "string" ? rules.handlers.get(key) : undefined;
    if (!handler) throw no("unknown_caveat", `caveat ${shown(key)}`, "what this verifier knows");
    if (!says(handler, value, request)) throw no(String(key), "", "what its handler says yes to");
  }
}

/** Says whether a handler says exactly true; it gets copies. */
function says(handler: Handler, value: Value, request: Request): boolean {
  try {
    const said: unknown = handler(structuredClone(value) as ExtensionValue, askedOf(request));
    if (said === true) return true;
    Promise.resolve(said).catch(() => undefined); // one that rejects ends no process
    return false;
  } catch {
    return false; // it has not said yes
  }
}
