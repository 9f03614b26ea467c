/** The text form: `lease1_` and canonical unpadded base64url; approvals follow the token after `~`. */
import { Malformed } from "./errors.js";

const PREFIX = "lease1_";
const MAX_TOKEN = 8192, MAX_WHOLE = 16384, MAX_APPROVALS = 4;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const DIGITS = new Int8Array(128).fill(-1);
for (let i = 0; i < 64; i++) DIGITS[ALPHABET.charCodeAt(i)] = i;

/** Returns the bytes of one token's text; throws Malformed `too_large` or `text`. */
export function fromText(text: string): Uint8Array {
  if (text.length > MAX_TOKEN) throw new Malformed("too_large", `${text.length} characters`, `${MAX_TOKEN}`);
  if (!text.startsWith(PREFIX)) throw new Malformed("text", "other text", "lease1_ and unpadded base64url");
  const length = text.length - PREFIX.length;
  const out = new Uint8Array((length * 3) >> 2);
  let bits = 0, held = 0, at = 0;
  for (let i = PREFIX.length; i < text.length; i++) {
    const digit = DIGITS[text.charCodeAt(i)] ?? -1;
    if (digit < 0) throw new Malformed("text", "another character", "unpadded base64url");
    held = ((held << 6) | digit) & 0xfff;
    bits += 6;
    if (bits >= 8) out[at++] = held >> (bits -= 8);
  }
  // one text for one token: no length that no bytes have, and no unused bits that are set
  if (length % 4 === 1 || (held & ((1 << bits) - 1)) !== 0) throw new Malformed("text", "unused bits at the end");
  return out;
}

/** Returns the text form of bytes. */
export function toText(bytes: Uint8Array): string {
  let out = PREFIX, bits = 0, held = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xffff;
    for (bits += 8; bits >= 6; ) out += ALPHABET[(held >> (bits -= 6)) & 63];
  }
  return bits > 0 ? out + ALPHABET[(held << (6 - bits)) & 63] : out;
}

/** Returns a token's text and those of its approvals (V1); throws Malformed `too_large`. */
export function split(text: string): [first: string, ...approvals: string[]] {
  if (typeof text !== "string") throw new Malformed("text", `a ${typeof text}`, "a token's text, such as lease.token");
  if (text.length > MAX_WHOLE) throw new Malformed("too_large", `${text.length} characters`, `${MAX_WHOLE}`);
  const parts = text.split("~", MAX_APPROVALS + 2);
  if (parts.length > MAX_APPROVALS + 1) throw new Malformed("too_large", "more approvals", `${MAX_APPROVALS}`);
  return parts as [string, ...string[]];
}
