/** The check that a service makes: a ring, an audience, a clock reading and one call. */
import { type Algorithm, ED25519, isExtensionKey } from "./block.js";
import { plain } from "./blockjson.js";
import { type Charge, chargesOf, countersOf, endsOf } from "./charges.js";
import { type Case, clear, type Handler, type Rules, statedRun } from "./clear.js";
import { PublicKey } from "./ed25519.js";
import { Forbidden, LeaseError, Malformed, shown, Unavailable } from "./errors.js";
import { type Demand, matches } from "./grant.js";
import { type Ask, makeRequest } from "./request.js";
import { blockIds, idOf, type Proof, readToken, split, type Token } from "./token.js";
import { authenticate, keyFor, KeyRing } from "./trust.js";
import { equal, fromHex, isCount, onceOf, runText, SAFE_MAX, type Scalar } from "./values.js";

/** What a verifier is set to. */
export interface VerifierOptions {
  /** The name of this service. */
  readonly audience: string;
  /** The longest lease that is taken, in seconds; any by default. */
  readonly maxLifetime?: number | undefined;
  /** Seconds of clock difference allowed at not_before and expires, 0 to 60. */
  readonly leeway?: number | undefined;
  /** Take the run from the blocks where a request states none: only for a service that cannot know it. */
  readonly allowUnstatedRun?: boolean | undefined;
  /**
   * The caller applies all of `Verified.charges`, or none, before it grants anything. Without it a lease
   * that asks for counters (a budget, a final action, a bound proof, an approval) is refused.
   */
  readonly appliesCharges?: boolean | undefined;
  /** Handlers for extension caveats by `vendor/name`; an extension without one forbids. */
  readonly handlers?: Readonly<Record<string, Handler>> | undefined;
}

const OPTIONS: readonly (keyof VerifierOptions)[] =
  ["audience", "maxLifetime", "leeway", "allowUnstatedRun", "appliesCharges", "handlers"];
const noOption = (asked: string): TypeError =>
  new TypeError(`options: ${asked}; allowed: ${OPTIONS.join(", ")}, as in { audience: "github" }`);

let make: (at: Case, approvals: readonly Token[]) => Verified;

/**
 * An authentic lease that allows one request now. Frozen. Use the object that `Verifier.verify` returned:
 * that something is an `instanceof Verified` proves nothing.
 *
 * **Budgets, final actions, replay, attempts and revocation are not looked at here.** They need counters
 * that live longer than a call, and this package keeps none: see `VerifierOptions.appliesCharges`.
 */
export class Verified {
  /** The action that was asked for. */
  readonly action: string;
  /** The run that was checked: the request's, or the blocks' where it stated none. */
  readonly run: string;
  readonly keyId: string;
  readonly alg: Algorithm;
  readonly proof: Proof["kind"];
  /** The id of each block, in hex: for the log, revocation and budgets. */
  readonly blockIds: readonly string[];
  /** The block ids of each approval that counted. */
  readonly approvals: readonly (readonly string[])[];
  /** Block 0's notes, the issuer's word, in an object without a prototype. Later ones are claims. */
  readonly notes: Readonly<Record<string, Scalar>>;
  /** Seconds since 1970: the earliest expiry of any block. */
  readonly expires: number;
  readonly #charge: () => readonly Charge[];
  #charges: readonly Charge[] | undefined;

  private constructor({ token, request, run, rules }: Case, approvals: readonly Token[]) {
    this.action = request.action;
    this.run = runText(run);
    this.keyId = token.keyId;
    this.alg = token.alg;
    this.proof = token.proof.kind;
    this.blockIds = blockIds(token);
    this.approvals = Object.freeze(approvals.map(blockIds));
    this.notes = plain(token.blocks[0]!.notes ?? new Map()) as Readonly<Record<string, Scalar>>;
    this.expires = endsOf(token.blocks, 0).at(-1)!;
    const charged = (each: Token): readonly Charge[] => chargesOf(each, request, run, rules.leeway);
    this.#charge = () => Object.freeze([token, ...approvals].flatMap(charged));
    Object.freeze(this);
  }

  /** Still to be applied by whoever keeps counters (specs/verify.md, V9). Worked out at the first look. */
  get charges(): readonly Charge[] { return (this.#charges ??= this.#charge()); }

  static { make = (...found) => new Verified(...found); }
}

/** Verifies leases for one audience. It keeps nothing between calls but the ring's keys. */
export class Verifier {
  readonly #ring: KeyRing;
  readonly #options: VerifierOptions;
  readonly #rules: Rules;

  /** Throws TypeError or RangeError for options that are none. */
  constructor(ring: KeyRing, options: VerifierOptions) {
    const own = onceOf(options, OPTIONS, noOption);
    const { audience, maxLifetime, leeway = 0 } = own, handlers = new Map(Object.entries(own.handlers ?? {}));
    if (!(ring instanceof KeyRing)) throw new TypeError("a verifier is made with a KeyRing");
    const isNamed = typeof audience === "string" && audience !== "";
    if (!isNamed) throw new TypeError('options name this service, as { audience: "github" } does');
    if (!isCount(maxLifetime ?? 1, SAFE_MAX, 1)) throw new RangeError("maxLifetime is seconds above 0");
    if (!isCount(leeway, 60)) throw new RangeError("leeway is 0 to 60 seconds");
    for (const [name, handler] of handlers) {
      const good = isExtensionKey(name) && typeof handler === "function";
      if (!good) throw new TypeError(`handler ${shown(name)}: vendor/name and a function`);
    }
    this.#ring = ring;
    this.#options = own;
    this.#rules = { leeway, maxLifetime, handlers };
  }

  /**
   * Returns the proof that a token allows a request now, or throws why it does not: Malformed, Untrusted,
   * Forbidden (V1 to V8), or Unavailable where it asks for counters and nobody applies charges (V9).
   *
   * @param token - The text, with its approvals after `~`.
   * @param ask - The call that is about to be made. Without a run it is refused as `facts`, unless the
   *   verifier has `allowUnstatedRun`.
   * @param now - Whole seconds since 1970: `Math.floor(Date.now() / 1000)`.
   */
  verify(token: string, ask: Ask, now: number): Verified {
    const { audience, allowUnstatedRun, appliesCharges } = this.#options;
    if (!isCount(now)) throw new RangeError("now is whole seconds since 1970");
    if (now > 1.5e12) throw new RangeError(`now ${now}: seconds, not milliseconds`); // those of 2017
    const request = makeRequest(ask, audience);
    if (request.run === undefined && allowUnstatedRun !== true) {
      throw new Malformed("facts", "a request without a run", "the run that this process executes");
    }
    const [first, ...attached] = split(token);
    const lease = readToken(first), approvals = attached.map(readToken);
    authenticate(lease, keyFor(this.#ring, lease, audience), request, now);
    const run = request.run ?? statedRun(lease.blocks);
    const at: Case = { token: lease, request, run, now, rules: this.#rules, approves: false };
    clear(at);
    const counted = approved(at, approvals);
    const kinds = appliesCharges === true ? [] : [lease, ...counted].flatMap(countersOf);
    if (kinds.length === 0) return make(at, counted);
    const wouldPass = "appliesCharges, where all of Verified.charges are applied before a grant";
    throw new Unavailable(`a lease that needs counters: ${[...new Set(kinds)].join(", ")}`, wouldPass);
  }
}

// --- approvals (V8) -----------------------------------------------------------------------------------
type Counts = (approval: Token) => boolean;

/** Returns the attached approvals that count, each once for each block; throws Forbidden `approval`. */
function approved(at: Case, attached: readonly Token[]): readonly Token[] {
  const { token, request } = at;
  return token.blocks.flatMap((block, index) => {
    const asking = idOf(token.hashes[index]!);
    const looked = new Map<Token, boolean>(); // several demands of a block may ask for one approval
    const counts: Counts = (approval) => {
      if (!looked.has(approval)) looked.set(approval, isApproval(approval, asking, at));
      return looked.get(approval)!;
    };
    const demands = (block.approval ?? []).filter((demand) => matches(demand.actions, request.action));
    return [...new Set(demands.flatMap((demand) => met(demand, attached, index, counts)))];
  });
}

/** Returns the first approvals that meet a demand, one for each key. */
function met(demand: Demand, attached: readonly Token[], index: number, counts: Counts): readonly Token[] {
  const { keys, quorum, actions } = demand;
  const signed = new Map<string, Token>();
  for (const approval of attached) {
    if (signed.size === quorum) break;
    const isAsked = keys.includes(approval.keyId) && !signed.has(approval.keyId);
    if (isAsked && counts(approval)) signed.set(approval.keyId, approval);
  }
  if (signed.size === quorum) return [...signed.values()];
  const asked = `${signed.size} of ${quorum} approvals for ${actions.join(", ").slice(0, 80)}`;
  const allowed = `${quorum} by its keys, for this block, run and call`;
  throw new Forbidden("approval", index, asked, allowed, "lease.attach(approval)");
}

function isApproval(approval: Token, asking: Uint8Array, at: Case): boolean {
  const root = approval.blocks[0]!;
  if (approval.alg !== ED25519 || approval.proof.kind === "bearer") return false;
  if (root.for === undefined || !equal(root.for, asking) || !root.budget?.has("calls")) return false;
  if (approval.blocks.some((block) => block.approval !== undefined)) return false;
  try {
    const key = new PublicKey(fromHex(approval.keyId)!);
    authenticate(approval, { alg: ED25519, key }, at.request, at.now);
    clear({ ...at, token: approval, approves: true });
    return true;
  } catch (error) {
    if (error instanceof LeaseError) return false; // as if it were not there
    throw error;
  }
}
