/** The conformance executable: one JSON object a line in, one answer a line out. Bytes are lower-case hex. */
import { once } from "node:events";
import { type Algorithm, ED25519, HMAC } from "./block.js";
import { wireOf } from "./blockjson.js";
import { callBinding, flatten, httpBinding } from "./call.js";
import { Forbidden, LeaseError } from "./errors.js";
import { type Json, parseJson } from "./json.js";
import { Lease, narrowBy } from "./lease.js";
import type { Ask } from "./request.js";
import { append, start, type Token, writeToken } from "./token.js";
import { audienceKey, KeyRing, type RingKey } from "./trust.js";
import { concat, fromHex, isInteger, membersOf, type RunTerms, toHex } from "./values.js";
import { Verifier } from "./verify.js";

type Line = ReadonlyMap<string, Json>;
type Answer = Readonly<Record<string, unknown>>;

/** A member of a line is missing, of another type, or unknown. */
class BadInput extends Error {}

function get<T>(line: Line, name: string, is: (value: Json | undefined) => value is T & Json): T {
  const value = line.get(name);
  if (!is(value)) throw new BadInput(name);
  return value;
}

const isText = (value: Json | undefined): value is string => typeof value === "string";
const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);
const isObject = (value: Json | undefined): value is Line => value instanceof Map;
const isNumber = (value: Json | undefined): value is number => typeof value === "number";
const isInt = (value: Json | undefined): value is number | bigint => isInteger(value);
const isAlgorithm = (value: Json | undefined): value is Algorithm => value === HMAC || value === ED25519;

function data(value: Json | undefined, size?: number): Uint8Array {
  const bytes = fromHex(value);
  if (bytes === undefined || (size !== undefined && bytes.length !== size)) throw new BadInput("bytes");
  return bytes;
}

/** Returns the members of an object that are not null; one whose name says nothing here is refused. */
const NOTHING: Line = new Map();

function given(line: Line, name: string, ...names: readonly string[]): Line {
  const members = line.get(name) === null ? NOTHING : get(line, name, isObject);
  for (const each of members.keys()) if (!names.includes(each)) throw new BadInput(each);
  return new Map([...members].filter(([, value]) => value !== null));
}

function ringOf(rows: readonly Json[]): KeyRing {
  return new KeyRing(rows.map((row): RingKey => {
    if (!isObject(row)) throw new BadInput("keys");
    const id = get(row, "id", isText), key = data(row.get("key"), 32);
    return get(row, "alg", isAlgorithm) === HMAC ? { id, secret: key } : { id, publicKey: key };
  }));
}

function runOf(value: Json | undefined): RunTerms {
  if (isText(value) || (isList(value) && value.every(isList))) return value as unknown as RunTerms;
  throw new BadInput("run");
}

function verify(line: Line): Answer {
  const asked = given(line, "request", "run", "audience", "action", "facts", "cost", "binding");
  const options = line.has("options") ? given(line, "options", "max_lifetime", "leeway") : NOTHING;
  if (asked.has("run")) runOf(get(asked, "run", isList));
  const option = (name: string): number | undefined =>
    options.has(name) ? get(options, name, isNumber) : undefined;
  const verifier = new Verifier(ringOf(get(line, "keys", isList)), {
    audience: get(asked, "audience", isText), allowUnstatedRun: true, appliesCharges: true,
    maxLifetime: option("max_lifetime"), leeway: option("leeway"),
  });
  const binding = asked.has("binding") ? data(asked.get("binding"), 32) : undefined;
  const { audience: _, ...rest } = Object.fromEntries(asked);
  const ask = { ...rest, binding } as unknown as Ask;
  const { blockIds, charges } = verifier.verify(get(line, "token", isText), ask, get(line, "now", isNumber));
  return { ok: true, block_ids: blockIds, charges: charges.map(({ keyBytes: _, ...charge }) => charge) };
}

/** Returns the seeds of the blocks' next keys; the hmac chain has none and looks at none. */
function seedsOf(seeds: Json | undefined, alg: Algorithm, count: number): readonly Uint8Array[] {
  if (alg === HMAC) return Array(count).fill(new Uint8Array()) as Uint8Array[];
  if (!isList(seeds) || seeds.length !== count) throw new BadInput("seeds");
  return seeds.map((seed) => data(seed, 32));
}

function mint(line: Line): Answer {
  const alg = get(line, "alg", isAlgorithm), [first, ...more] = get(line, "blocks", isList);
  const seeds = seedsOf(line.get("seeds"), alg, more.length + 1);
  const root = start(alg, get(line, "key_id", isText), data(line.get("key"), 32), wireOf(first), seeds[0]!);
  const longer = (token: Token, block: Json, index: number): Token =>
    append(token, wireOf(block), seeds[index + 1]!);
  return { token: writeToken(more.reduce(longer, root)) };
}

function narrow(line: Line): Answer {
  const lease = held(line);
  if (lease.proof !== "bearer") throw new Forbidden("structure"); // whatever the block and the seed are
  const [seed] = lease.alg === HMAC ? [] : seedsOf([line.get("seed") ?? null], lease.alg, 1);
  const block = line.get("block");
  // no nonce is made here: one that is missing is as wrong as one that is empty
  const terms = isObject(block) && !block.has("nonce") ? new Map(block).set("nonce", "") : block;
  return { token: narrowBy(lease, wireOf(terms), seed ?? new Uint8Array(32)).token };
}

function present(line: Line): Answer {
  const iat = get(line, "iat", isInt), nonce = data(line.get("nonce"), 16);
  return { token: held(line).present(data(line.get("binding"), 32), { iat, nonce }).token };
}

function inspect(line: Line): Answer {
  const { alg, keyId, unverifiedBlocks, blockIds, proof } = held(line);
  return { alg, key_id: keyId, blocks: unverifiedBlocks, block_ids: blockIds, proof };
}

const held = (line: Line): Lease => Lease.parse(get(line, "token", isText));

function deriveKey(line: Line): Answer {
  return { key: toHex(audienceKey(data(line.get("key"), 32), get(line, "audience", isText))) };
}

function bindCall(line: Line): Answer {
  if (!line.has("args")) throw new BadInput("args");
  const action = get(line, "action", isText), run = runOf(line.get("run"));
  return { binding: toHex(callBinding(get(line, "audience", isText), run, action, line.get("args"))) };
}

function bindHttp(line: Line): Answer {
  const part = (name: string): string => get(line, name, isText);
  const body = (line.get("body") ?? null) === null ? new Uint8Array() : data(line.get("body"));
  const where = { scheme: part("scheme"), authority: part("authority"), target: part("target") };
  const call = { method: part("method"), ...where, body };
  return { binding: toHex(httpBinding(part("audience"), runOf(line.get("run")), call)) };
}

const OPS = new Map<unknown, (line: Line) => Answer>([
  ["verify", verify], ["mint", mint], ["narrow", narrow], ["present", present], ["inspect", inspect],
  ["seal", (line) => ({ token: held(line).seal().token })],
  ["audience_key", deriveKey],
  ["call_binding", bindCall], ["http_binding", bindHttp],
  ["flatten", (line) => ({ facts: flatten(get(line, "args", isObject)) })],
]);

/** Returns the answer to one line; throws SyntaxError for what is no JSON. */
function answer(text: string): Answer {
  try {
    const line = parseJson(text);
    const op = isObject(line) ? OPS.get(line.get("op")) : undefined;
    if (op === undefined) throw new BadInput("op");
    return op(line as Line);
  } catch (error) {
    if (error instanceof LeaseError) {
      const { stage, code, block } = error;
      return { ok: false, stage, code, ...(block === undefined ? {} : { block }) };
    }
    const isInput = error instanceof BadInput || error instanceof TypeError || error instanceof RangeError;
    if (isInput) return { ok: false, stage: "malformed", code: "facts" };
    throw error;
  }
}

function toJson(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return `[${value.map(toJson).join(",")}]`;
  const members = membersOf(value);
  if (members === undefined) return JSON.stringify(value);
  return `{${[...members].map(([name, each]) => `${JSON.stringify(name)}:${toJson(each)}`).join(",")}}`;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Returns the answer to the bytes of one line, or undefined where they are no JSON. */
function reply(line: Uint8Array): string | undefined {
  const text = decoded(line);
  try {
    return text === undefined ? undefined : `${toJson(answer(text))}\n`;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function decoded(line: Uint8Array): string | undefined {
  try {
    return decoder.decode(line);
  } catch {
    return undefined;
  }
}

async function* lines(): AsyncGenerator<readonly Uint8Array[]> {
  let begun: Uint8Array[] = []; // what a line has so far, in pieces: a long one is joined once
  for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
    const whole: Uint8Array[] = [];
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      whole.push(concat(...begun, chunk.subarray(from, end)));
      begun = [];
      from = end + 1;
    }
    if (from < chunk.length) begun.push(chunk.subarray(from));
    yield whole;
  }
  if (begun.length > 0) yield [concat(...begun)];
}

let number = 0;
for await (const batch of lines()) {
  let out = "";
  for (const line of batch) {
    number++;
    const text = reply(line);
    if (text === undefined) {
      process.exitCode = 1;
      break;
    }
    out += text;
  }
  if (!process.stdout.write(out)) await once(process.stdout, "drain");
  if (process.exitCode === 1) {
    process.stderr.write(`line ${number} is not JSON\n`);
    process.stdin.destroy();
    break;
  }
}
