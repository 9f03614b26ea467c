/** The charges of a request (V9): counters for whoever keeps them, applied all or none. */
import type { Block } from "./block.js";
import { encode } from "./cbor.js";
import { matches } from "./grant.js";
import type { Request } from "./request.js";
import { idOf, type Token } from "./token.js";
import { int, type Int, type Run, runText, SAFE_MAX, type Scalar, toHex } from "./values.js";

const REPLAY_WINDOW = 120n;
type Part = Scalar | Uint8Array;
const NOTED = ["agent", "subject", "template", "policy"];

/** One counter to move, or to look at (specs/verify.md, charges). Frozen. */
export interface Charge {
  readonly kind: "budget" | "final" | "attempt" | "replay" | "revoked";
  /** The parts of its key, ids and nonces in lower-case hex. */
  readonly key: readonly Scalar[];
  /** What stores of every language name this counter by: the deterministic CBOR of the key, ids as bytes. */
  readonly keyBytes: Uint8Array;
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
    return Math.min(end + leeway, SAFE_MAX);
  });
}

/** Returns what a request under one authentic chain is charged. */
export function chargesOf(token: Token, request: Request, run: Run, leeway: number): readonly Charge[] {
  const { blocks, hashes, proof, keyId } = token;
  const ids = hashes.map(idOf), ends = endsOf(blocks, leeway);
  const out: Charge[] = [];
  type Place = readonly [kind: Charge["kind"], ...key: Part[]];
  const put = (full: Place, amount: number, ceiling: number, until: Int, more?: Partial<Charge>): void => {
    const key = Object.freeze(full.map((part) => (part instanceof Uint8Array ? toHex(part) : part)));
    out.push(Object.freeze({ kind: full[0], key, keyBytes: encode(full), amount, ceiling, until, ...more }));
  };
  blocks.forEach((block, index) => {
    for (const [unit, limit] of block.budget ?? []) {
      const cost = unit === "calls" ? 1 : request.cost.get(unit)!; // V7: it is stated
      put(["budget", ids[index]!, unit], cost, limit, ends[index]!);
    }
  });
  blocks.forEach((block, index) => {
    const ended = block.final && matches(block.final, request.action) ? 1 : 0;
    if (block.final) put(["final", ids[index]!], ended, ended, ends[index]!);
  });
  for (const [level, [name, attempt]] of run.entries()) {
    const first = blocks.findIndex((block) => (block.run?.length ?? 0) > level);
    if (first < 0) break; // a register for each level that blocks name, and none where the attempt is open
    if (attempt === null) continue;
    const stated = blocks.findIndex((block) => block.run?.[level]?.[1] != null);
    const above = (stated < 0 ? first : stated) - 1;
    // any lease below the same block, or under the same key, may ask for this register
    const key: Place = ["attempt", ids[above] ?? keyId, runText([...run.slice(0, level), [name, null]])];
    put(key, attempt, SAFE_MAX, ends[above] ?? SAFE_MAX, { raises: stated >= 0 });
  }
  if (proof.kind === "bound") {
    const until = int(BigInt(proof.iat) + REPLAY_WINDOW);
    put(["replay", hashes.at(-1)!, proof.nonce], 1, 1, until);
  }
  const issued_at = blocks[0]!.issued_at!, end = ends.at(-1)!;
  for (const selector of selectors(token, ids, run)) put(["revoked", ...selector], 0, 0, end, { issued_at });
  return out;
}

/** Returns what of a chain cannot do without counters that somebody keeps. */
export function countersOf({ blocks, proof }: Token): readonly Charge["kind"][] {
  const found: Charge["kind"][] = proof.kind === "bound" ? ["replay"] : [];
  if (blocks.some((block) => block.budget)) found.push("budget");
  if (blocks.some((block) => block.final)) found.push("final");
  return found;
}

/** Returns what a revocation could name this chain by. */
function selectors({ blocks, keyId }: Token, ids: readonly Uint8Array[], run: Run): Part[][] {
  const notes = blocks[0]!.notes ?? new Map<string, Scalar>();
  const [root] = keyId.split("/", 1);
  return [
    ...ids.map((id) => ["block", id]),
    ...run.map((_, level) => ["run", runText(run.slice(0, level + 1))]),
    ...NOTED.filter((name) => notes.has(name)).map((name) => [name, notes.get(name)!]),
    ["key", keyId],
    ...(root === keyId ? [] : [["key", root!]]),
  ];
}
