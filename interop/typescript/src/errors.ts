/** The stage that refused. A token passes them in this order (specs/verify.md). */
export type Stage = "malformed" | "untrusted" | "forbidden" | "unavailable";

/** The root of everything that this package refuses. Frozen; programs branch on `stage` and `code`. */
export class LeaseError extends Error {
  /**
   * What was asked, what is allowed and what would pass is for people, as far as it is cheap to say.
   * Never the token's text or a secret; what its caveats say is told.
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

/** Returns a value that is as it must be, or throws Malformed `shape`. `asked`: by default the value. */
export function must<T>(value: unknown, good: boolean, allowed: string, asked?: string): T {
  if (good) return value as T;
  throw new Malformed("shape", asked ?? shown(value), allowed);
}

/** Takes a step; what is malformed in it says which member it was. */
export function about<T>(member: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new Malformed(error.code, `${named(member)}: ${error.asked}`, error.allowed);
  }
}

/** Refuses more than a limit of the specification: of `what` there are so many. */
export function limited(count: number, most: number, what: string): void {
  if (count > most) throw new Malformed("too_large", `${count} ${what}`, `${most}`);
}

const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu; // as text, these change what a person reads

/** Returns a value as it may stand in a line that a person reads: as JSON, escaped and cut. */
export function shown(value: unknown): string {
  const all = Array.isArray(value) ? `[${value.slice(0, 80).map(jsonOf).join(",")}]` : jsonOf(value);
  const text = all.replace(UNSEEN, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function jsonOf(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 80));
  return typeof value === "object" && value !== null ? "a value" : String(value);
}

/** Returns a name as it is, where nothing in it can be taken for anything else. */
export const named = (name: string): string => (/^[\w.:/*@+-]{1,80}$/.test(name) ? name : shown(name));

/** Returns the first of many names. */
export const listed = (names: readonly string[]): string => names.slice(0, 6).map(named).join(", ");
