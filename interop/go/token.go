package attenuate

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"math"
	"strings"
)

const (
	algHMAC    = 5   // COSE: HMAC 256/256
	algEd25519 = -19 // COSE: Ed25519 (RFC 9864)

	prefix       = "lease1_"
	maxText      = 8 * 1024 // characters of one token (V1)
	maxWhole     = 2 * maxText
	maxApprovals = 4
	maxBlocks    = 16
	maxBlockSize = 4096
	maxUnits     = 32
	idSize       = 16
	keySize      = 32
)

// The labels of specs/token.md, chains.
const (
	labelHeader, labelBlock, labelLink = "attenuate/1 header\x00", "attenuate/1 block\x00", "attenuate/1 link\x00"
	labelSeal, labelUse, labelAudience = "attenuate/1 seal\x00", "attenuate/1 use\x00", "attenuate/1 audience\x00"
	labelCall, labelHTTP               = "attenuate/1 call\x00", "attenuate/1 http\x00"
)

const bearer, sealed, bound = 0, 1, 2 // as on the wire

var proofNames = [...]string{"bearer", "sealed", "bound", ""} // the last of a zero Lease

// proof ends a token; tag is the secret, the seal or the tag of a bound use.
type proof struct {
	kind           int64
	iat            int64
	nonce, binding string
	tag            []byte
}

// token is what a text says (V1, V2); nothing of it is believed before V5.
type token struct {
	header string
	alg    int64
	keyID  string
	raws   []string // of the blocks, as they are in the token
	blocks []block
	hashes [][32]byte // h[-1] to h[n]
	sigs   []string
	proof  proof
}

func hash(label string, before []byte, last string) [32]byte {
	message := append(make([]byte, 0, 512), label...) // on the stack for all but long blocks
	return sha256.Sum256(append(append(message, before...), last...))
}

// hash returns h[i].
func (t *token) hash(i int) []byte { return t.hashes[i+1][:] }

// id returns the name of block i.
func (t *token) id(i int) []byte { return t.hashes[i+1][:idSize] }

func (t *token) ids() []string {
	out := make([]string, len(t.blocks))
	for i := range out {
		out[i] = hex.EncodeToString(t.id(i))
	}
	return out
}

func (t *token) tip() []byte { return t.hash(len(t.blocks) - 1) }

// parseWhole reads a token and the approvals after it; it throws.
func parseWhole(text string) (t *token, approvals []*token) {
	need(len(text) <= maxWhole, "too_large", "a token and approvals of more than 16384 characters")
	parts := strings.Split(text, "~")
	need(len(parts) <= 1+maxApprovals, "too_large", "more than 4 approvals")
	for _, part := range parts {
		approvals = append(approvals, readToken(part))
	}
	return approvals[0], approvals[1:]
}

// readToken reads one token's text; it throws.
func readToken(text string) *token {
	need(len(text) <= maxText, "too_large", "a token of more than 8192 characters")
	body, found := strings.CutPrefix(text, prefix)
	data, err := base64.RawURLEncoding.Strict().DecodeString(body)
	odd := !found || err != nil || strings.Contains(body, "\r") || strings.Contains(body, "\n") // which it skips
	switch {
	case odd && strings.TrimSpace(text) != text:
		panic(malformed("text", "a token with white space around it"))
	case odd && strings.HasPrefix(strings.ToLower(text), "bearer "):
		panic(malformed("text", `the whole value of a header; the token is what follows "Bearer "`))
	}
	need(!odd, "text", "other text than lease1_ and unpadded base64url")
	r := &reader{s: string(data)}
	need(r.count(majorArray, 4) == 4, "shape", "another frame")
	t := &token{header: r.bytes(0, maxText)}
	t.readHeader(&reader{s: t.header})
	t.raws = r.parts(0, maxText)
	t.sigs = r.parts(64, 64)
	wanted := 0
	if t.alg == algEd25519 {
		wanted = len(t.raws)
	}
	need(len(t.raws) > 0 && len(t.sigs) == wanted, "shape", "another number of blocks or signatures")
	t.readProof(r)
	r.end()
	units := 0
	t.blocks, t.hashes = make([]block, len(t.raws)), make([][32]byte, len(t.raws)+1)
	t.hashes[0] = hash(labelHeader, nil, t.header)
	for i, raw := range t.raws {
		t.blocks[i].read(&reader{s: raw}, i, t.alg)
		t.hashes[i+1] = hash(labelBlock, t.hashes[i][:], raw)
		units += len(t.blocks[i].budget)
	}
	need(units <= maxUnits, "too_large", "more than 32 budget units")
	return t
}

func (t *token) readHeader(r *reader) {
	need(r.count(majorArray, 3) == 3 && r.integer() == 1, "shape", "another header")
	t.alg, t.keyID = r.integer(), r.text()
	need(t.alg == algHMAC || t.alg == algEd25519, "shape", "another algorithm")
	need(isKeyID(t.keyID), "shape", "another key id")
	r.end()
}

func isKeyID(text string) bool { return within(text, ' ', '~') }

// within says whether text is 1 to 128 characters from one to another.
func within(text string, first, last rune) bool {
	odd := func(c rune) bool { return c < first || c > last }
	return text != "" && len(text) <= maxName && !strings.ContainsFunc(text, odd)
}

// parts reads an array of byte strings, which may be empty.
func (r *reader) parts(least, most int) []string {
	n := r.count(majorArray, 0)
	need(n <= maxBlocks, "too_large", "more than 16 blocks or signatures")
	out := make([]string, n)
	for i := range out {
		out[i] = r.bytes(least, most)
	}
	return out
}

func (t *token) readProof(r *reader) {
	parts, p := r.count(majorArray, 2), &t.proof
	p.kind = r.int(bearer, bound)
	if p.kind == bound {
		need(parts == 5, "shape", "another proof")
		p.iat, p.nonce, p.binding = r.int(0, math.MaxInt64), r.bytes(16, 16), r.bytes(32, 32)
	} else {
		need(parts == 2, "shape", "another proof")
	}
	size := 32
	if t.alg == algEd25519 && p.kind != bearer {
		size = 64
	}
	p.tag = []byte(r.bytes(size, size))
}

// text returns the text form.
func (t *token) text() string {
	p := &t.proof
	end := []any{p.kind, p.tag}
	if p.kind == bound {
		end = []any{p.kind, p.iat, []byte(p.nonce), []byte(p.binding), p.tag}
	}
	frame := appendCBOR(nil, []any{[]byte(t.header), byteStrings(t.raws), byteStrings(t.sigs), end})
	return prefix + base64.RawURLEncoding.EncodeToString(frame)
}

func byteStrings(values []string) []any {
	out := make([]any, len(values))
	for i := range values {
		out[i] = []byte(values[i])
	}
	return out
}
