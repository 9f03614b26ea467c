/** The vectors of specs/vectors, each as its JSON text. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../../specs/vectors/", import.meta.url));

export function readVectors() {
  return ["", "independent/"].flatMap((inside) =>
    readdirSync(folder + inside).filter((name) => name.endsWith(".json")).sort()
      .map((name) => ({ name: inside + name, text: readFileSync(folder + inside + name, "utf8") })));
}

export function readSignatures(name) {
  return JSON.parse(readFileSync(`${folder}ed25519/${name}.json`, "utf8"));
}
