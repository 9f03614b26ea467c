/**
 * How many tokens a second are verified, on one core, from text to decision, with nothing remembered:
 * `node dist/speed.js ../speed.json` prints {"name", "per_second"} for each line of that file.
 */
import { readFileSync } from "node:fs";
import type { Ask } from "./request.js";
import { KeyRing } from "./trust.js";
import { fromHex } from "./values.js";
import { Verifier } from "./verify.js";

interface Work {
  readonly name: string;
  readonly token: string;
  readonly keys: readonly { readonly id: string; readonly alg: number; readonly key: string }[];
  readonly request: Ask & { readonly audience: string };
  readonly now: number;
}

function rate(seconds: number, work: () => void): number {
  const start = performance.now();
  let count = 0, passed = 0;
  for (; passed < seconds * 1000; passed = performance.now() - start) {
    work();
    count++;
  }
  return (count * 1000) / passed;
}

const works = JSON.parse(readFileSync(process.argv[2]!, "utf8")) as readonly Work[];
for (const { name, token, keys, request, now } of works) {
  const ring = new KeyRing(keys.map(({ id, alg, key }) => {
    const bytes = fromHex(key)!;
    return alg === 5 ? { id, secret: bytes } : { id, publicKey: bytes };
  }));
  const { audience, ...ask } = request;
  const verifier = new Verifier(ring, { audience });
  const work = (): void => void verifier.verify(token, ask, now);
  rate(0.5, work); // warm up: the engine compiles what is used often
  console.log(JSON.stringify({ name, per_second: Math.round(rate(1, work)) }));
}
