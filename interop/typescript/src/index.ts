/**
 * attenuate: leases for AI agents, which are short-lived capability tokens in a chain of caveats.
 * A service verifies with {@link Verifier}; a holder narrows with {@link Lease}; an issuer mints.
 *
 * @packageDocumentation
 */
export type { ConstraintTerms, DemandTerms, GrantTerms, Terms, WhereTerms } from "./blockjson.js";
export { callBinding, callDigest, flatten, httpBinding, type HttpCall } from "./call.js";
export { type Charge } from "./charges.js";
export { type ExtensionValue, type Handler } from "./clear.js";
export { type Fact } from "./grant.js";
export { Forbidden, LeaseError, Malformed, type Stage, Unavailable, Untrusted } from "./errors.js";
export { Double, type Json, parseJson } from "./json.js";
export { Lease, type LeaseTerms, mint, type MintingKey } from "./lease.js";
export { type Ask, type Asked, OPAQUE } from "./request.js";
export { audienceKey, KeyRing, type RingKey } from "./trust.js";
export { type Int, type RunTerms, type Scalar, type Segment } from "./values.js";
export { Verified, Verifier, type VerifierOptions } from "./verify.js";
