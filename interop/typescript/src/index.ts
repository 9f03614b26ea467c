/**
 * attenuate: leases for AI agents, which are short-lived capability tokens in a chain of caveats.
 * A service verifies with {@link Verifier}; a holder narrows with {@link Lease}; an issuer mints.
 *
 * @packageDocumentation
 */
export { type ConstraintTerms, type GrantTerms, type Terms, type WhereTerms } from "./blockjson.js";
export { callBinding, callDigest, flatten, httpBinding, type HttpCall } from "./call.js";
export { type Charge } from "./charges.js";
export { type ExtensionValue, type Handler } from "./clear.js";
export { type Fact } from "./constraint.js";
export { Forbidden, LeaseError, Malformed, type Stage, Untrusted, type Words } from "./errors.js";
export { Double, type Json, parseJson } from "./json.js";
export { audienceKey, KeyRing, type RingKey } from "./keys.js";
export { Lease, type LeaseTerms, mint, type MintingKey, type Presentation } from "./lease.js";
export { type Ask, type Asked, type FactTerms, OPAQUE } from "./request.js";
export { type Run, type Segment } from "./run.js";
export { type Int, type Scalar } from "./values.js";
export { Verified, Verifier, type VerifierOptions } from "./verify.js";
