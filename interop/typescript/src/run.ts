/** Runs: paths of names with attempts, such as `agt_1@2/reader@1`. */
import { Malformed, shown } from "./errors.js";
import { isCount } from "./values.js";

/** A name and its attempt; null leaves the attempt open. */
export type Segment = readonly [name: string, attempt: number | null];
/** A path of 1 to 8 segments. */
export type Run = readonly Segment[];

const NAME = /^[A-Za-z0-9._:+-]{1,128}$/;
const ATTEMPT = /^[1-9][0-9]{0,15}$/;

/** Returns the run of [name, attempt], [name, null] or [name] each, or undefined for anything else. */
export function runOf(value: unknown): Run | undefined {
  if (!Array.isArray(value) || value.length < 1 || value.length > 8) return undefined;
  const run: Segment[] = [];
  for (const segment of value as readonly unknown[]) {
    if (!Array.isArray(segment) || segment.length < 1 || segment.length > 2) return undefined;
    const [name, attempt = null] = segment as readonly unknown[];
    if (typeof name !== "string" || !NAME.test(name) || (attempt !== null && !isCount(attempt, undefined, 1))) return undefined;
    run.push([name, attempt]);
  }
  return run;
}

/** Returns the run of a text or of a list of segments; throws Malformed `facts`. */
export function parseRun(value: unknown): Run {
  const parts = typeof value !== "string" ? value : value.split("/", 9).map((part) => {
    const [name, attempt, more] = part.split("@", 3);
    return attempt === undefined ? [name] : [name, more === undefined && ATTEMPT.test(attempt) ? Number(attempt) : 0];
  });
  const run = runOf(parts);
  if (run === undefined) throw new Malformed("facts", `run ${shown(value)}`, "1 to 8 names with attempts, such as agt_1@2/reader@1");
  return run;
}

/** Returns a run as text; an open attempt is written without `@`. */
export function runText(run: Run): string {
  return run.map(([name, attempt]) => (attempt === null ? name : `${name}@${attempt}`)).join("/");
}
