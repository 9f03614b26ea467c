// Package attenuate verifies, narrows and mints leases: short-lived, caveat-chained capability tokens.
//
// A service makes a [Ring] and a [Verifier] and asks [Verifier.Verify]. A holder reads a token with
// [Parse] and narrows, seals or presents it, without a key. The specification is in specs/ of the
// repository, and V1 to V9 in comments are the steps of specs/verify.md.
package attenuate

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"attenuate.invalid/attenuate/internal/source"
	"attenuate.invalid/attenuate/internal/strict"
)

// Lease is a token in the hands of its holder: unverified, and a secret. Only Token returns its text.
type Lease struct{ in func() *held } // a function, as in a Key

type held struct {
	*token
	whole string // the text, with approvals
}

// Parse returns the lease of a token's text, with its approvals; every error is a *Refusal.
func Parse(text string) (lease *Lease, err error) {
	defer caught(&err)
	t, _ := parseWhole(text)
	return hold(t, text), nil
}

func hold(t *token, whole string) *Lease {
	in := &held{t, whole}
	return &Lease{func() *held { return in }}
}

// Mint returns a bearer lease of one block, which is as in Narrow. A block that no verifier would take is
// refused, with what it lacks. One without issued_at gets the time of the clock, which nothing else reads.
func Mint(key Key, form any) (lease *Lease, err error) {
	defer caught(&err)
	need(key.data != nil, "shape", "a key that was not made by HMACKey or Ed25519Key")
	header := string(appendCBOR(nil, []any{int64(1), key.alg, key.id}))
	t := &token{header: header, alg: key.alg, proof: proof{kind: bearer, tag: key.data()}}
	t.hashes = [][32]byte{hash(labelHeader, nil, header)}
	return hold(t, "").extend(form, !source.AsStated)
}

// Block is a block in its JSON form (specs/caveats.md, JSON).
type Block map[string]any

// Narrow returns a lease with one more block: a Block, or whatever else encoding/json writes in that form,
// such as a json.RawMessage. Left out, the nonce is drawn. Narrowing needs no key and can only take away. A
// lease that is not a bearer's is refused: forbidden, structure; and so is a block without a caveat, which
// is what a struct without exported fields would make: malformed, shape.
func (l *Lease) Narrow(form any) (narrowed *Lease, err error) {
	defer caught(&err)
	return l.extend(form, false)
}

// extend adds a block, or makes the whole first block of a lease; it throws.
func (l *Lease) extend(form any, whole bool) (*Lease, error) {
	next := l.bearer()
	text, err := json.Marshal(form)
	need(err == nil, "shape", "a block that does not marshal")
	value, err := strict.Parse(text)
	need(err == nil, "shape", "a block that is JSON with two meanings")
	fields := wireOf(blockParts, "caveat", value)
	if _, stated := fields[int64(0)]; !stated {
		fields[int64(0)] = random(16)
	}
	if _, stated := fields[issuedAt]; !stated && whole {
		fields[issuedAt] = time.Now().Unix()
	}
	seed, silent := []byte(nil), 1 // the members that say nothing
	if next.alg == algEd25519 {
		seed = random(keySize)
		fields[int64(1)] = publicOf(seed)
		silent++
	}
	need(whole || source.AsStated || len(fields) > silent, "shape", "a block that says nothing")
	raw := string(appendCBOR(nil, fields))
	h := hash(labelBlock, next.tip(), raw)
	link := append([]byte(labelLink), h[:]...)
	next.raws = append(slices.Clip(next.raws), raw)
	if next.alg == algEd25519 {
		next.sigs = append(slices.Clip(next.sigs), string(sign(next.proof.tag, link)))
		next.proof.tag = seed
	} else {
		next.proof.tag = mac(next.proof.tag, "", link)
	}
	lease, err := l.with(&next)
	if err == nil && whole {
		lacks := lease.in().blocks[0].incomplete()
		need(lacks == "", "shape", "a first block without "+lacks)
	}
	return lease, err
}

// Seal returns the lease sealed: it can be used, and not narrowed.
func (l *Lease) Seal() (*Lease, error) { return l.prove(proof{kind: sealed}) }

// Present returns the lease bound to one call for a minute: 32 bytes, of CallBinding or HTTPBinding, and
// seconds since 1970. Each try is presented anew.
func (l *Lease) Present(binding []byte, now int64) (lease *Lease, err error) {
	defer caught(&err)
	need(len(binding) == 32 && now >= 0, "facts", "a binding that is not 32 bytes, or a time before 1970")
	return l.prove(proof{kind: bound, iat: now, nonce: string(random(16)), binding: string(binding)})
}

func (l *Lease) prove(p proof) (proven *Lease, err error) {
	defer caught(&err)
	next := l.bearer()
	if message := p.message(next.tip()); next.alg == algHMAC {
		p.tag = mac(next.proof.tag, "", message)
	} else {
		p.tag = sign(next.proof.tag, message)
	}
	next.proof = p
	return l.with(&next)
}

// bearer returns a copy of a bearer's token, to be changed; it throws.
func (l *Lease) bearer() token {
	need(l.held() != nothing, "shape", "a lease that neither Mint nor Parse made")
	if l.in().proof.kind != bearer {
		panic(forbidden("structure", NoBlock, "more of a "+l.Proof()+" lease", "the bearer lease that it was made from"))
	}
	return *l.in().token
}

// nothing is what a zero Lease holds.
var nothing = &held{token: &token{proof: proof{kind: int64(len(proofNames) - 1)}}}

func (l *Lease) held() *held {
	if l == nil || l.in == nil {
		return nothing
	}
	return l.in()
}

// random throws where there is no randomness.
func random(size int) []byte {
	out := make([]byte, size)
	_, err := io.ReadFull(source.Random, out)
	need(err == nil, "shape", "no nonce or seed, and no randomness for one")
	return out
}

// with returns another token with the approvals of this one, read as anybody would read it.
func (l *Lease) with(t *token) (*Lease, error) {
	first, _, _ := strings.Cut(l.in().whole, "~")
	return Parse(t.text() + l.in().whole[len(first):])
}

// Attach returns the lease with approvals that travel along, after those it has.
func (l *Lease) Attach(approvals ...*Lease) (attached *Lease, err error) {
	defer caught(&err)
	text := l.Token()
	for _, approval := range approvals {
		need(l.held() != nothing && approval.held() != nothing, "shape", "a lease that neither Mint nor Parse made")
		text += "~" + approval.in().text()
	}
	return Parse(text)
}

// Token returns the text: a secret, for a header, and never for a URL, a prompt or a log.
func (l *Lease) Token() string { return l.held().whole }

// KeyID returns the key id that the token names.
func (l *Lease) KeyID() string { return l.held().keyID }

// Alg returns the COSE algorithm: 5 of the hmac chain, -19 of the ed25519 chain.
func (l *Lease) Alg() int64 { return l.held().alg }

// Proof returns "bearer", "sealed" or "bound".
func (l *Lease) Proof() string { return proofNames[l.held().proof.kind] }

// BlockIDs returns the id of each block, 32 hex digits.
func (l *Lease) BlockIDs() []string { return l.held().ids() }

// Run returns the longest run that the blocks state, "" where none does.
func (l *Lease) Run() string { return runOf(l.held().blocks).String() }

// Blocks returns what each block says, unverified.
func (l *Lease) Blocks() []Block {
	out := make([]Block, len(l.held().raws))
	for i := range out {
		out[i] = shownOf(blockParts, (&reader{s: l.held().raws[i]}).value(1, false))
	}
	return out
}

// String returns the last block's id, the kind of proof and the key id, and never the token.
func (l Lease) String() string {
	if l.in == nil {
		return "<Lease>"
	}
	id := hex.EncodeToString(l.in().tip()[:idSize])
	return fmt.Sprintf("<Lease %s, %s, key %s>", id, l.Proof(), l.KeyID())
}
