/** The check that a service makes: a ring, an audience, a clock reading and one call. */
import { type Algorithm, isExtensionKey } from "./block.js";
import { plain } from "./blockjson.js";
import { approved } from "./approval.js";
import { blockIds, type Proof, readToken, type Token } from "./chain.js";
import { type Charge, chargesOf, endsOf } from "./charges.js";
import { type Case, clear, type Handler, type Rules, statedRun } from "./clear.js";
import { Malformed, shown } from "./errors.js";
import { KeyRing } from "./keys.js";
import { type Ask, makeRequest, type Request } from "./request.js";
import { runText } from "./run.js";
import { split } from "./text.js";
import { authenticate, keyFor } from "./trust.js";
import { isCount, type Scalar } from "./values.js";

/** What a verifier is set to. */
export interface VerifierOptions {
  /** The name of this service. */
  readonly audience: string;
  /** The longest lease that is taken, in seconds or as `"15m"`; any by default. */
  readonly maxLifetime?: number | string | undefined;
  /** Seconds of clock difference allowed at not_before and expires, 0 to 60. */
  readonly leeway?: number | undefined;
  /** Take the run from the blocks where a request states none: only for a service that cannot know it. */
  readonly allowUnstatedRun?: boolean | undefined;
  /** Handlers for extension caveats by `vendor/name`; an extension without one forbids. */
  readonly handlers?: Readonly<Record<string, Handler>> | undefined;
}

let make: (token: Token, approvals: readonly Token[], request: Request, at: Case) => Verified;

/**
 * An authentic lease that allows one request now. Frozen, and made by `Verifier.verify` alone.
 *
 * **Budgets, final actions, replay, attempts and revocation are not looked at here.** They need
 * counters that live longer than a call, and this package keeps none. Whoever keeps some must apply
 * all of `charges`, or none, before anything is granted. A service without any asks `stateless`.
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
  /** Block 0's notes, the issuer's word, in an object without a prototype. Later notes are claims, and not here. */
  readonly notes: Readonly<Record<string, Scalar>>;
  /** Seconds since 1970: the earliest expiry of any block. */
  readonly expires: number;
  readonly #charge: () => readonly Charge[];
  #charges: readonly Charge[] | undefined;

  private constructor(token: Token, approvals: readonly Token[], request: Request, at: Case) {
    this.action = request.action;
    this.run = runText(at.run);
    this.keyId = token.keyId;
    this.alg = token.alg;
    this.proof = token.proof.kind;
    this.blockIds = blockIds(token);
    this.approvals = Object.freeze(approvals.map(blockIds));
    this.notes = plain(token.blocks[0]!.notes ?? new Map()) as Readonly<Record<string, Scalar>>;
    this.expires = endsOf(token.blocks, 0).at(-1)!;
    this.#charge = () => Object.freeze([token, ...approvals].flatMap((each) => chargesOf(each, request, at.run, at.rules.leeway)));
    Object.freeze(this);
  }

  /** **Still to be applied** by whoever keeps counters (specs/verify.md, V9). Worked out at the first look. */
  get charges(): readonly Charge[] {
    return (this.#charges ??= this.#charge());
  }

  /**
   * Whether a service that keeps no counters may go ahead: neither the lease nor an approval of it
   * asks for a budget, a final action or protection from replay. Where it is false, such a service
   * must refuse. Revocation and earlier attempts are not looked at even where it is true.
   */
  get stateless(): boolean {
    return this.charges.every(({ kind }) => kind === "revoked" || kind === "attempt");
  }

  static {
    make = (...found) => new Verified(...found);
  }
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86400 };

function seconds(value: number | string): number {
  const found = typeof value === "string" ? /^([1-9][0-9]{0,8})([smhd])$/.exec(value) : null;
  if (found) return Number(found[1]) * UNITS[found[2]!]!;
  if (isCount(value, undefined, 1)) return value;
  throw new RangeError('maxLifetime is seconds above 0, or text such as "90s", "15m", "1h"');
}

/** Verifies leases for one audience. It keeps nothing between calls but the ring's keys. */
export class Verifier {
  readonly #ring: KeyRing;
  readonly #audience: string;
  readonly #rules: Rules;
  readonly #allowUnstatedRun: boolean;

  /** Throws TypeError or RangeError for options that are none. */
  constructor(ring: KeyRing, options: VerifierOptions) {
    const { audience, maxLifetime, leeway = 0, allowUnstatedRun = false, handlers = {} } = options;
    if (!(ring instanceof KeyRing)) throw new TypeError("a verifier is made with a KeyRing");
    if (typeof audience !== "string" || audience === "") throw new TypeError("audience is the name of this service");
    if (!isCount(leeway, 60)) throw new RangeError("leeway is 0 to 60 seconds");
    for (const [name, handler] of Object.entries(handlers)) {
      if (!isExtensionKey(name) || typeof handler !== "function") throw new TypeError(`handler ${shown(name)}: vendor/name and a function`);
    }
    this.#ring = ring;
    this.#audience = audience;
    this.#rules = { leeway, maxLifetime: maxLifetime === undefined ? undefined : seconds(maxLifetime), handlers: new Map(Object.entries(handlers)) };
    this.#allowUnstatedRun = allowUnstatedRun === true;
  }

  /**
   * Returns the proof that a token allows a request now (V1 to V8), or throws why it does not:
   * Malformed, Untrusted or Forbidden. **Its charges are still to be applied**; see {@link Verified}.
   *
   * @param token - The text, with its approvals after `~`.
   * @param ask - The call that is about to be made. Without a run it is refused as `facts`, unless the verifier has `allowUnstatedRun`.
   * @param now - Whole seconds since 1970: `Math.floor(Date.now() / 1000)`.
   */
  verify(token: string, ask: Ask, now: number): Verified {
    if (!isCount(now)) throw new RangeError("now is whole seconds since 1970");
    const request = makeRequest(ask, this.#audience);
    if (request.run === undefined && !this.#allowUnstatedRun) throw new Malformed("facts", "a request without a run", "the run that this process executes");
    const [first, ...attached] = split(token);
    const lease = readToken(first), approvals = attached.map(readToken);
    authenticate(lease, keyFor(lease, this.#ring, this.#audience), request, now);
    const run = request.run ?? statedRun(lease.blocks);
    const at: Case = { blocks: lease.blocks, request, run, now, rules: this.#rules, bound: lease.proof.kind === "bound", approves: false };
    clear(at);
    return make(lease, approved(lease, approvals, at), request, at);
  }
}
