// Package attenuate verifies, narrows and mints leases: short-lived, caveat-chained capability tokens.
//
// A service makes a [Ring] and a [Verifier] and asks [Verifier.Verify]. A holder reads a token with
// [Parse] and narrows, seals or presents it, without a key. The specification is in specs/ of the
// repository, and V1 to V9 in comments are the steps of specs/verify.md.
package attenuate

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"attenuate.invalid/attenuate/internal/strict"
)

// Lease is a token in the hands of its holder: unverified, and a secret. Only Token returns its text.
type Lease struct{ in func() *held }

type held struct {
	text string // with approvals
	t    *token
}

// Parse returns the lease of a token's text, with its approvals; every error is a *Refusal.
func Parse(text string) (*Lease, error) {
	t, _, err := parseWhole(text)
	if err != nil {
		return nil, err
	}
	return &Lease{hide(&held{text, t})}, nil
}

// Mint returns a bearer lease of one block: a Block, or its JSON form as a json.RawMessage. What makes a
// lease complete (run with attempts, audience, expires, allow, issued_at) is for verifiers to refuse.
func Mint(key Key, block json.Marshaler) (*Lease, error) { return MintFrom(rand.Reader, key, block) }

// MintFrom does as Mint with another source of randomness, of which it reads the nonce where the block
// has none, and in the ed25519 chain the seed of the next key.
func MintFrom(random io.Reader, key Key, block json.Marshaler) (*Lease, error) {
	if key.in == nil {
		return nil, malformed("shape", "a key that was not made by HMACKey or Ed25519Key")
	}
	t := &token{alg: key.in().alg, proof: proof{kind: bearer, tag: key.in().data}}
	t.header = appendCBOR(nil, []any{int64(1), t.alg, key.in().id})
	return (&Lease{hide(&held{"", t})}).NarrowFrom(random, block)
}

// Narrow returns a lease with one more block, a Block or its JSON form as a json.RawMessage. It needs no
// key and can only take away. A lease that is not a bearer's is refused: forbidden, structure.
func (l *Lease) Narrow(block json.Marshaler) (*Lease, error) { return l.NarrowFrom(rand.Reader, block) }

// NarrowFrom does as Narrow with another source of randomness; see MintFrom.
func (l *Lease) NarrowFrom(random io.Reader, block json.Marshaler) (made *Lease, err error) {
	defer caught(&err)
	t, nonce := l.in().t, make([]byte, 16)
	fields := fieldsOf(block)
	if err := t.mustBeBearer("narrowed"); err != nil {
		return nil, err
	}
	if _, stated := fields[int64(keyNonce)]; !stated {
		if _, err := io.ReadFull(random, nonce); err != nil {
			return nil, malformed("shape", "a block without a nonce, and no randomness for one")
		}
		fields[int64(keyNonce)] = nonce
	}
	next := proof{kind: bearer, tag: make([]byte, keySize)}
	if t.alg == algEd25519 {
		if _, err := io.ReadFull(random, next.tag); err != nil {
			return nil, malformed("shape", "no randomness for the next key")
		}
		fields[int64(keyNextKey)] = publicOf(next.tag)
	}
	raw := appendCBOR(nil, fields)
	before := hash(labelHeader, nil, t.header)
	if len(t.hashes) > 0 {
		before = t.hashes[len(t.hashes)-1]
	}
	h, sigs := hash(labelBlock, before[:], raw), t.signatures()
	if link := append([]byte(labelLink), h[:]...); t.alg == algEd25519 {
		sigs = append(sigs, sign(t.proof.tag, link))
	} else {
		next.tag = mac(t.proof.tag, "", link)
	}
	return l.with(writeToken(t.header, append(t.raws(), raw), sigs, next))
}

// Seal returns the lease sealed: it can be used, and not narrowed.
func (l *Lease) Seal() (*Lease, error) { return l.prove(proof{kind: sealed}) }

// Present returns the lease bound to one call for a minute: 32 bytes, of CallBinding or HTTPBinding, and
// seconds since 1970. Each try is presented anew.
func (l *Lease) Present(binding []byte, now int64) (*Lease, error) {
	return l.PresentFrom(rand.Reader, binding, now)
}

// PresentFrom does as Present with another source of randomness, of which it reads a nonce of 16 bytes.
func (l *Lease) PresentFrom(random io.Reader, binding []byte, now int64) (*Lease, error) {
	p := proof{kind: bound, iat: now, binding: binding, nonce: make([]byte, 16)}
	if _, err := io.ReadFull(random, p.nonce); err != nil || len(binding) != 32 || now < 0 {
		return nil, malformed("facts", "a binding that is not 32 bytes, a time before 1970, or no randomness")
	}
	return l.prove(p)
}

func (l *Lease) prove(p proof) (*Lease, error) {
	t := l.in().t
	if err := t.mustBeBearer("sealed or presented"); err != nil {
		return nil, err
	}
	if message := p.message(t.tip()); t.alg == algHMAC {
		p.tag = mac(t.proof.tag, "", message)
	} else {
		p.tag = sign(t.proof.tag, message)
	}
	return l.with(writeToken(t.header, t.raws(), t.signatures(), p))
}

// with returns another token with the approvals of this one, read as anybody would read it.
func (l *Lease) with(text string) (*Lease, error) {
	if _, approvals, some := strings.Cut(l.in().text, "~"); some {
		text += "~" + approvals
	}
	return Parse(text)
}

// Attach returns the lease with approvals that travel along, after those it has.
func (l *Lease) Attach(approvals ...*Lease) (*Lease, error) {
	text := l.in().text
	for _, approval := range approvals {
		first, _, _ := strings.Cut(approval.in().text, "~")
		text += "~" + first
	}
	return Parse(text)
}

func (t *token) mustBeBearer(verb string) error {
	if t.proof.kind != bearer {
		return forbidden("structure", NoBlock, "a "+proofNames[t.proof.kind]+" lease to be "+verb, "use as it is", "the bearer lease it was made from")
	}
	return nil
}

func (t *token) raws() []any {
	out := make([]any, len(t.blocks), len(t.blocks)+1)
	for i := range t.blocks {
		out[i] = t.blocks[i].raw
	}
	return out
}

func (t *token) signatures() []any {
	out := make([]any, len(t.sigs), len(t.sigs)+1)
	for i, sig := range t.sigs {
		out[i] = sig
	}
	return out
}

// Token returns the text: a secret, for a header, and never for a URL, a prompt or a log.
func (l *Lease) Token() string { return l.in().text }

// KeyID returns the key id that the token names.
func (l *Lease) KeyID() string { return l.in().t.keyID }

// Alg returns the COSE algorithm: 5 of the hmac chain, -19 of the ed25519 chain.
func (l *Lease) Alg() int64 { return l.in().t.alg }

// Proof returns "bearer", "sealed" or "bound".
func (l *Lease) Proof() string { return proofNames[l.in().t.proof.kind] }

// BlockIDs returns the id of each block, 32 hex digits.
func (l *Lease) BlockIDs() []string { return l.in().t.ids() }

// Run returns the longest run that the blocks state, "" where none does.
func (l *Lease) Run() string { return runOf(l.in().t.blocks).String() }

// Blocks returns what each block says, unverified, in its JSON form (specs/caveats.md, JSON).
func (l *Lease) Blocks() []json.RawMessage {
	out := make([]json.RawMessage, len(l.in().t.blocks))
	for i := range out {
		out[i] = strict.Append(nil, l.in().t.blocks[i].json())
	}
	return slices.Clip(out)
}

// Format writes the last block's id and the kind of proof for every verb, and never the token.
func (l Lease) Format(f fmt.State, _ rune) { io.WriteString(f, l.redacted()) }

// MarshalText does as Format: a lease gets into JSON and logs redacted.
func (l Lease) MarshalText() ([]byte, error) { return []byte(l.redacted()), nil }

func (l Lease) redacted() string {
	if l.in == nil {
		return "<Lease>"
	}
	return fmt.Sprintf("<Lease %s, %s, key %s>", hexOf(l.in().t.tip()[:idSize]), proofNames[l.in().t.proof.kind], l.in().t.keyID)
}
