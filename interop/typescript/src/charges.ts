/** The charges of a request (V9): counters for whoever keeps them, applied all or none before anything is granted. */
import type { Block } from "./block.js";
import { idOf, type Token } from "./chain.js";
import { matches } from "./grant.js";
import type { Request } from "./request.js";
import { type Run, runText } from "./run.js";
import { type Int, int, SAFE_MAX, type Scalar, toHex } from "./values.js";

const REPLAY_WINDOW = 120n;

/** One counter to move, or to look at (specs/verify.md, charges). Frozen. */
export interface Charge {
  readonly kind: "budget" | "final" | "attempt" | "replay" | "revoked";
  /** The parts of its key, ids and nonces in lower-case hex. */
  readonly key: readonly Scalar[];
  /** What is added; 0 to look only. For an attempt: the attempt, refused where the register is above it. */
  readonly amount: number;
  /** The most that the counter may be afterwards. */
  readonly ceiling: number;
  /** Seconds since 1970, after which no lease can ask for this counter. */
  readonly until: Int;
  /** Of an attempt: whether an authentic block states it, so that it raises the register. */
  readonly raises?: boolean;
  /** Of a revocation: what "issued before" is compared with. */
  readonly issued_at?: number;
}

/** Returns when each block has expired, and with it all that descends from it. */
export function endsOf(blocks: readonly Block[], leeway: number): readonly number[] {
  let end = SAFE_MAX;
  return blocks.map((block) => {
    end = Math.min(end, block.expires ?? end);
    return end > SAFE_MAX - leeway ? SAFE_MAX : end + leeway;
  });
}

/** Returns what a request under one authentic chain is charged. */
export function chargesOf(token: Token, request: Request, run: Run, leeway: number): readonly Charge[] {
  const { blocks, hashes, proof } = token;
  const ids = hashes.map((h) => toHex(idOf(h))), ends = endsOf(blocks, leeway);
  const out: Charge[] = [];
  blocks.forEach((block, index) => {
    for (const [unit, limit] of block.budget ?? []) {
      const cost = unit === "calls" ? 1 : request.cost.get(unit)!; // V7: it is stated
      out.push({ kind: "budget", key: ["budget", ids[index]!, unit], amount: cost, ceiling: limit, until: ends[index]! });
    }
  });
  blocks.forEach((block, index) => {
    if (block.final === undefined) return;
    const ended = matches(block.final, request.action) ? 1 : 0;
    out.push({ kind: "final", key: ["final", ids[index]!], amount: ended, ceiling: ended, until: ends[index]! });
  });
  out.push(...attempts(token, ids, ends, run));
  if (proof.kind === "bound") {
    const key = ["replay", toHex(hashes.at(-1)!), toHex(proof.nonce)];
    out.push({ kind: "replay", key, amount: 1, ceiling: 1, until: int(BigInt(proof.iat) + REPLAY_WINDOW) });
  }
  const issued_at = blocks[0]!.issued_at!;
  for (const selector of selectors(token, ids, run)) {
    out.push({ kind: "revoked", key: ["revoked", ...selector], amount: 0, ceiling: 0, until: ends.at(-1)!, issued_at });
  }
  for (const charge of out) Object.freeze(charge.key) && Object.freeze(charge);
  return out;
}

/** Returns a register for each level of the run that blocks name; a level whose attempt is open has none. */
function attempts({ blocks, keyId }: Token, ids: readonly string[], ends: readonly number[], run: Run): Charge[] {
  const out: Charge[] = [];
  for (const [level, [name, attempt]] of run.entries()) {
    const first = blocks.findIndex((block) => (block.run?.length ?? 0) > level);
    const stated = blocks.findIndex((block) => block.run?.[level]?.[1] != null);
    if (first < 0) break;
    if (attempt === null) continue;
    const index = stated < 0 ? first : stated;
    // any lease below the same block, or under the same key, may ask for this register
    const key = ["attempt", ids[index - 1] ?? keyId, runText([...run.slice(0, level), [name, null]])];
    out.push({ kind: "attempt", key, amount: attempt, ceiling: SAFE_MAX, until: ends[index - 1] ?? SAFE_MAX, raises: stated >= 0 });
  }
  return out;
}

/** Returns what a revocation could name this chain by. */
function selectors({ blocks, keyId }: Token, ids: readonly string[], run: Run): Scalar[][] {
  const notes = blocks[0]!.notes;
  const slash = keyId.indexOf("/");
  return [
    ...ids.map((id) => ["block", id]),
    ...run.map((_, level) => ["run", runText(run.slice(0, level + 1))]),
    ...["agent", "subject", "template", "policy"].flatMap((name) => (notes?.has(name) ? [[name, notes.get(name)!]] : [])),
    ["key", keyId],
    ...(slash < 0 ? [] : [["key", keyId.slice(0, slash)]]),
  ];
}
