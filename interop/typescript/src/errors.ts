/** The stage that refused. A token passes them in this order (specs/verify.md). */
export type Stage = "malformed" | "untrusted" | "forbidden";

/** What an error says for people. None of it ever comes from a token's text or a secret. */
export interface Words {
  /** What was asked, or found. */
  readonly asked?: string;
  /** What is allowed. */
  readonly allowed?: string;
  /** What would pass instead. */
  readonly wouldPass?: string;
}

/** The root of everything that this package refuses. Frozen; programs branch on `stage` and `code`. */
export class LeaseError extends Error {
  /** The stage that refused. */
  readonly stage: Stage;
  /** A stable code of specs/verify.md, or the key of an extension caveat. */
  readonly code: string;
  /** The number of the block that refused, where one did. */
  readonly block: number | undefined;
  /** What was asked, what is allowed and what would pass, as far as that is cheap to say. */
  readonly words: Words;

  /** @internal */
  constructor(stage: Stage, code: string, words: Words = {}, block?: number) {
    const { asked, allowed, wouldPass } = words;
    const said = [asked && `asked: ${asked}`, allowed && `allowed: ${allowed}`, wouldPass && `would pass: ${wouldPass}`];
    super([`${stage}${block === undefined ? "" : ` by block ${block}`}: ${code}`, ...said.filter(Boolean)].join("; "));
    this.stage = stage;
    this.code = code;
    this.block = block;
    this.words = Object.freeze(words);
    Object.freeze(this);
  }
}

/** V1, V2: the text is no token, or the values are no request. */
export class Malformed extends LeaseError {
  /** @internal */
  constructor(code: "too_large" | "text" | "cbor" | "shape" | "facts", asked: string, allowed?: string) {
    super("malformed", code, allowed === undefined ? { asked } : { asked, allowed });
  }
}

/** V3 to V5: the chain or its proof is not authentic under the keys of the ring. */
export class Untrusted extends LeaseError {
  /** @internal */
  constructor(code: "unknown_key" | "algorithm" | "signature" | "proof", words?: Words) {
    super("untrusted", code, words);
  }
}

/** V3, V5 to V8: an authentic lease that does not allow this request now. */
export class Forbidden extends LeaseError {
  /** @internal */
  constructor(code: string, block?: number, words?: Words) {
    super("forbidden", code, words, block);
  }
}

for (const kind of [LeaseError, Malformed, Untrusted, Forbidden]) {
  Object.defineProperty(kind.prototype, "name", { value: kind.name });
}

/** Returns a value that is as it must be, or throws Malformed `shape`. */
export function must<T>(value: unknown, good: boolean, what: string): T {
  if (good) return value as T;
  throw new Malformed("shape", what, "specs/caveats.md");
}

/** Returns a value as it may stand in a line that a person reads: quoted, escaped and cut. */
export function shown(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : typeof value === "object" ? "a value" : String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
