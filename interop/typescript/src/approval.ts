/** Approvals: leases that an approver signs for one block of another lease (V8). */
import { ED25519 } from "./block.js";
import { idOf, type Token } from "./chain.js";
import { type Case, clear } from "./clear.js";
import { PublicKey } from "./ed25519.js";
import { Forbidden, LeaseError } from "./errors.js";
import { type Demand, matches } from "./grant.js";
import { authenticate } from "./trust.js";
import { equal, fromHex } from "./values.js";

/** Returns the attached approvals that count, each once for each block; throws Forbidden `approval`. */
export function approved(token: Token, attached: readonly Token[], at: Case): readonly Token[] {
  return token.blocks.flatMap((block, index) => {
    const asking = idOf(token.hashes[index]!);
    const looked = new Map<Token, boolean>(); // several demands of a block may ask for one approval
    const counts = (approval: Token): boolean => {
      if (!looked.has(approval)) looked.set(approval, isApproval(approval, asking, at));
      return looked.get(approval)!;
    };
    const demands = (block.approval ?? []).filter((demand) => matches(demand.actions, at.request.action));
    return [...new Set(demands.flatMap((demand) => met(demand, attached, counts, index)))];
  });
}

/** Returns the first approvals that meet a demand, one for each key. */
function met(demand: Demand, attached: readonly Token[], counts: (approval: Token) => boolean, index: number): Token[] {
  const signed = new Map<string, Token>();
  for (const approval of attached) {
    if (signed.size === demand.quorum) break;
    const { keyId } = approval;
    if (demand.keys.includes(keyId) && !signed.has(keyId) && counts(approval)) signed.set(keyId, approval);
  }
  if (signed.size === demand.quorum) return [...signed.values()];
  throw new Forbidden("approval", index, {
    asked: `${signed.size} of ${demand.quorum} approvals for ${at80(demand.actions)}`,
    allowed: `${demand.quorum} by ${demand.keys.length} keys, for this block, run and call`,
    wouldPass: "lease.attach(approval)",
  });
}

const at80 = (actions: readonly string[]): string => actions.join(", ").slice(0, 80);

function isApproval(approval: Token, asking: Uint8Array, at: Case): boolean {
  const root = approval.blocks[0]!;
  if (approval.alg !== ED25519 || approval.proof.kind === "bearer") return false;
  if (root.for === undefined || !equal(root.for, asking) || !root.budget?.has("calls")) return false;
  if (approval.blocks.some((block) => block.approval !== undefined)) return false;
  try {
    authenticate(approval, { alg: ED25519, key: new PublicKey(fromHex(approval.keyId)!) }, at.request, at.now);
    clear({ ...at, blocks: approval.blocks, bound: approval.proof.kind === "bound", approves: true });
    return true;
  } catch (error) {
    if (error instanceof LeaseError) return false; // as if it were not there
    throw error;
  }
}
