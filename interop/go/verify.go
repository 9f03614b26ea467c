package attenuate

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
)

// Handler decides an extension caveat: whether it holds for a request. value is string, int64, bool,
// []any or map[string]any. A handler that panics has not said yes.
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
func (v *Verifier) Verify(text string, request Request, now int64) (*Verified, error) {
	a, err := v.check(request, now)
	if err != nil {
		return nil, err
	}
	t, approvals, err := parseWhole(text)
	if err != nil {
		return nil, err
	}
	alg, key, refusal := v.Ring.find(t, v.Audience)
	if refusal == nil && alg != t.alg {
		refusal = untrusted("algorithm", "another algorithm than the key's")
	}
	if refusal == nil && key == nil { // V3: an audience key of another service
		refusal = forbidden("audience", 0, v.Audience, "the service that the key id names", "")
	}
	if refusal == nil {
		refusal = a.authentic(t, key)
	}
	if refusal != nil {
		return nil, refusal
	}
	m := &matter{asked: a, t: t, run: a.run}
	if m.run == nil {
		m.run = runOf(t.blocks)
	}
	if refusal = m.cleared(); refusal != nil {
		return nil, refusal
	}
	counted, refusal := m.approved(approvals)
	if refusal != nil {
		return nil, refusal
	}
	out := &Verified{t.ids(), nil, t.keyID, proofNames[t.proof.kind], m.run.String(), t.blocks[0].notes, t.expiry(), m.charges()}
	for _, approval := range counted {
		out.Approvals = append(out.Approvals, approval.t.ids())
		out.Charges = append(out.Charges, approval.charges()...)
	}
	if !v.AppliesCharges && len(out.Counters()) > 0 {
		asked := "a lease with a counter: " + out.Counters()[0].Kind
		return nil, &Refusal{"unavailable", "store", NoBlock, asked, "a verifier whose caller applies charges", "AppliesCharges, once they are applied"}
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
func (a *asked) authentic(t *token, last []byte) *Refusal {
	for i := range t.blocks {
		if t.alg == algHMAC { // the links of this chain have nothing to compare: the proof shows them
			last = mac(last, labelLink, t.hashes[i][:])
			continue
		}
		if !verifySignature(last, t.sigs[i], append([]byte(labelLink), t.hashes[i][:]...)) {
			return untrusted("signature", "a block that its key did not sign")
		}
		last = t.blocks[i].nextKey
	}
	p, good := &t.proof, false
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
	switch age := a.now - p.iat; {
	case !good:
		return untrusted("proof", "a proof that is not of this chain")
	case p.kind != bound:
	case !hmac.Equal(a.Binding, p.binding):
		return forbidden("binding", NoBlock, "another call, or none that is known", "the call that it was presented for", "")
	case age > skew || age < -skew:
		return forbidden("stale_proof", NoBlock, "a proof of another time", "60 seconds to either side", "a lease presented anew")
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

// approved returns the approvals that count, in the order in which they are charged, or what is not met (V8).
func (m *matter) approved(attached []*token) (counted []*matter, refusal *Refusal) {
	for i := range m.t.blocks {
		good := make(map[int]*matter) // by number; nil where it does not count for this block
		charged := make(map[int]bool)
		for _, d := range m.t.blocks[i].approval {
			if !takes(d.patterns, m.Action) {
				continue
			}
			signed := make(map[string]int)
			for number, t := range attached {
				if _, again := signed[t.keyID]; again || len(signed) == d.quorum || !slices.Contains(d.keys, t.keyID) {
					continue
				}
				if _, known := good[number]; !known {
					good[number] = m.approval(t, m.t.hashes[i][:idSize])
				}
				if good[number] != nil {
					signed[t.keyID] = number
				}
			}
			if len(signed) < d.quorum {
				return nil, forbidden("approval", i, m.Action, "with the approval of more of its approvers", "attach what they signed for this block")
			}
			for number := range attached {
				if at, used := signed[attached[number].keyID]; used && at == number && !charged[number] {
					charged[number] = true
					counted = append(counted, good[number])
				}
			}
		}
	}
	return counted, nil
}

// approval returns an attached approval that counts for the block of an id, or nil.
func (m *matter) approval(t *token, id []byte) *matter {
	key, err := hex.DecodeString(t.keyID)
	calls := slices.ContainsFunc(t.blocks[0].budget, func(l limit) bool { return l.unit == "calls" })
	asks := slices.ContainsFunc(t.blocks, func(b block) bool { return b.approval != nil })
	if err != nil || t.alg != algEd25519 || t.proof.kind == bearer || !calls || asks || string(t.blocks[0].asker) != string(id) {
		return nil
	}
	own := &matter{asked: m.asked, t: t, run: m.run, asks: id}
	if m.authentic(t, key) != nil || own.cleared() != nil {
		return nil
	}
	return own
}
