/** The stage that refused. A token passes them in this order (specs/verify.md). */
export type Stage = "malformed" | "untrusted" | "forbidden" | "unavailable";

/** The root of everything that this package refuses. Frozen; programs branch on `stage` and `code`. */
export class LeaseError extends Error {
  /**
   * What was asked, what is allowed and what would pass is for people, as far as it is cheap to say. None
   * of it ever comes from a token's text or a secret.
   *
   * @param code - A stable code of specs/verify.md, or the key of an extension caveat.
   * @param block - The number of the block that refused, where one did.
   */
  constructor(
    readonly stage: Stage,
    readonly code: string,
    readonly asked?: string,
    readonly allowed?: string,
    readonly wouldPass?: string,
    readonly block?: number,
  ) {
    const words = Object.entries({ asked, allowed, "would pass": wouldPass }).filter(([, word]) => word);
    const first = `${stage}${block === undefined ? "" : ` by block ${block}`}: ${code}`;
    super([first, ...words.map(([name, word]) => `${name}: ${word}`)].join("; "));
    Object.freeze(this);
  }
}

/** V1, V2: the text is no token, or the values are no request. */
export class Malformed extends LeaseError {
  constructor(code: string, asked: string, allowed?: string) { super("malformed", code, asked, allowed); }
}

/** V3 to V5: the chain or its proof is not authentic under the keys of the ring. */
export class Untrusted extends LeaseError {
  constructor(code: string, asked: string, allowed?: string) { super("untrusted", code, asked, allowed); }
}

/** V3, V5 to V8: an authentic lease that does not allow this request now. */
export class Forbidden extends LeaseError {
  constructor(code: string, block?: number, asked?: string, allowed?: string, wouldPass?: string) {
    super("forbidden", code, asked, allowed, wouldPass, block);
  }
}

/** V9: the lease would allow this request, but what it asks to be counted is counted by nobody. */
export class Unavailable extends LeaseError {
  constructor(asked: string, pass: string) { super("unavailable", "store", asked, undefined, pass); }
}

for (const kind of [LeaseError, Malformed, Untrusted, Forbidden, Unavailable]) {
  Object.defineProperty(kind.prototype, "name", { value: kind.name });
}

/** Returns a value that is as it must be, or throws Malformed `shape`. */
export function must<T>(value: unknown, good: boolean, what: string): T {
  if (good) return value as T;
  throw new Malformed("shape", what, "specs/caveats.md");
}

/** Refuses more than a limit of the specification: of `what` there are so many. */
export function limited(count: number, most: number, what: string): void {
  if (count > most) throw new Malformed("too_large", `${count} ${what}`, `${most}`);
}

/** Returns a value as it may stand in a line that a person reads: quoted, escaped and cut. */
export function shown(value: unknown): string {
  const kind = typeof value;
  const text = kind === "string" ? JSON.stringify(value) : kind === "object" ? "a value" : String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
