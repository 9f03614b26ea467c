package attenuate

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
)

// Handler decides an extension caveat: whether it holds for a request. value is string, int64, bool,
// []any or map[string]any. The request is a copy. A handler that panics has not said yes.
type Handler func(value any, request Request) bool

// Verifier verifies leases for one service. It reads no clock and keeps nothing: its fields are settings,
// to be left alone once it is in use, and then it may be used by many goroutines.
type Verifier struct {
	Ring     *Ring
	Audience string // the name of this service

	MaxLifetime int64 // seconds that a lease may be good for in all; 0 for any
	Leeway      int64 // seconds, 0 to 60, of clock difference at not_before and expires

	// AllowUnstatedRun takes the run from the lease where the request has none. It is for services that
	// cannot know the run, such as another organisation's.
	AllowUnstatedRun bool

	// AppliesCharges says that the caller applies Verified.Charges before it grants anything. Without
	// it a lease that needs a counter (see Verified.Counters) is refused: unavailable, store.
	AppliesCharges bool

	// Handlers decide extension caveats, by "vendor/name". One without a handler refuses.
	Handlers map[string]Handler
}

// Verified is an authentic lease that allows one request now (V1 to V8). Budgets, `final`, replay,
// attempts and revocation are NOT looked at: they are Charges, for whoever keeps the counters.
type Verified struct {
	BlockIDs  []string   // of all blocks, 32 hex digits each
	Approvals [][]string // the block ids of each approval that counted
	KeyID     string
	Proof     string         // "bearer", "sealed" or "bound"
	Run       string         // that was checked: the request's, or the blocks' where it stated none
	Notes     map[string]any // of block 0, the issuer's word: string, int64 or bool
	Expires   int64          // seconds since 1970: the earliest of all blocks
	Charges   []Charge       // to be applied, all or none, before anything is granted (V9)
}

// Verify says that a token, with its approvals, allows a request at a time in seconds since 1970, or why
// it does not. Every error is a *Refusal.
func (v *Verifier) Verify(text string, request Request, now int64) (verified *Verified, err error) {
	defer caught(&err)
	m := v.check(request, now)
	t, approvals := parseWhole(text)
	m.t = t
	if m.run == nil {
		m.run = runOf(t.blocks)
	}
	key, refusal := m.key()
	pass(refusal)
	pass(m.authentic(key))
	pass(m.cleared())
	counted := m.approved(approvals)
	out := &Verified{BlockIDs: t.ids(), KeyID: t.keyID, Proof: proofNames[t.proof.kind], Run: m.run.String(),
		Notes: t.blocks[0].notes, Expires: t.ends(0)[len(t.blocks)-1], Charges: m.charges()}
	for _, approval := range counted {
		out.Approvals = append(out.Approvals, approval.t.ids())
		out.Charges = append(out.Charges, approval.charges()...)
	}
	if counters := out.Counters(); !v.AppliesCharges && len(counters) > 0 {
		asked := "a lease with a counter: " + counters[0].Kind
		return nil, &Refusal{"unavailable", "store", NoBlock, asked, "AppliesCharges, by a caller that applies them"}
	}
	return out, nil
}

// mac is HMAC-SHA256 (RFC 2104) of a label and a message under a key of 32 bytes. crypto/hmac gives the
// same (TestMAC) and takes twice the time for keys that are used once, which is all that a chain has.
func mac(key []byte, label string, message []byte) []byte {
	inner, outer := make([]byte, sha256.BlockSize, 256), make([]byte, sha256.BlockSize, 96)
	copy(inner, key)
	copy(outer, key)
	for i := range inner {
		inner[i], outer[i] = inner[i]^0x36, outer[i]^0x5C
	}
	digest := sha256.Sum256(append(append(inner, label...), message...))
	digest = sha256.Sum256(append(outer, digest[:]...))
	return digest[:]
}

// authentic checks links and proof under a key (V4, V5).
func (m *matter) authentic(last []byte) *Refusal {
	t, p := m.t, &m.t.proof
	for i := range t.blocks {
		if t.alg == algHMAC { // the links of this chain have nothing to compare: the proof shows them
			last = mac(last, labelLink, t.hash(i))
			continue
		}
		if !verifySignature(last, []byte(t.sigs[i]), append([]byte(labelLink), t.hash(i)...)) {
			return untrusted("signature", "a block that its key did not sign")
		}
		last = []byte(t.blocks[i].nextKey)
	}
	good := false
	switch message := p.message(t.tip()); {
	case p.kind == bearer && t.alg == algHMAC:
		good = hmac.Equal(last, p.tag)
	case p.kind == bearer:
		good = hmac.Equal(last, publicOf(p.tag))
	case t.alg == algHMAC:
		good = hmac.Equal(mac(last, "", message), p.tag)
	default:
		good = verifySignature(last, p.tag, message)
	}
	switch age := m.now - p.iat; {
	case !good:
		return untrusted("proof", "a proof that is not of this chain")
	case p.kind != bound:
	case !hmac.Equal(m.Binding, []byte(p.binding)):
		return forbidden("binding", NoBlock, "another call, or none that is known", "the call that it was presented for")
	case age > skew || age < -skew:
		return forbidden("stale_proof", NoBlock,
			fmt.Sprintf("a proof made at %d, now %d", p.iat, m.now), fmt.Sprintf("at most %d seconds apart", skew))
	}
	return nil
}

// message returns what a seal or the tag of a bound use authenticates.
func (p *proof) message(tip []byte) []byte {
	if p.kind != bound {
		return append([]byte(labelSeal), tip...)
	}
	out := binary.BigEndian.AppendUint64(append([]byte(labelUse), tip...), uint64(p.iat))
	return append(append(out, p.nonce...), p.binding...)
}

// approved returns the approvals that count, each once for each block, in the order in which they are
// charged (V8). It throws where a demand is not met.
func (m *matter) approved(attached []*token) (counted []*matter) {
	for i := range m.t.blocks {
		var looked map[*token]*matter // nil where it does not count for this block
		for _, d := range m.t.blocks[i].approval {
			if !takes(d.patterns, m.Action) {
				continue
			}
			if looked == nil {
				looked = make(map[*token]*matter)
			}
			signed := make(map[string]bool)
			for _, t := range attached {
				if len(signed) == d.quorum || signed[t.keyID] || !slices.Contains(d.keys, t.keyID) {
					continue
				}
				approval, known := looked[t]
				if !known {
					approval = m.approval(t, string(m.t.id(i)))
					looked[t] = approval
				}
				if approval != nil {
					signed[t.keyID] = true
					if !slices.Contains(counted, approval) {
						counted = append(counted, approval)
					}
				}
			}
			if len(signed) < d.quorum {
				panic(forbidden("approval", i, m.Action, "with more of the approvals that this block asks for"))
			}
		}
	}
	return counted
}

// approval returns an attached approval that counts for the block of an id, or nil.
func (m *matter) approval(t *token, id string) *matter {
	root, own := &t.blocks[0], *m
	own.t, own.asks = t, id
	calls := slices.ContainsFunc(root.budget, func(l limit) bool { return l.unit == "calls" })
	asks := slices.ContainsFunc(t.blocks, func(b block) bool { return b.approval != nil })
	key, err := hex.DecodeString(t.keyID)
	if err != nil || t.alg != algEd25519 || t.proof.kind == bearer || !calls || asks || root.asker != id ||
		own.authentic(key) != nil || own.cleared() != nil {
		return nil
	}
	return &own
}
