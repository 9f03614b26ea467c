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
)

// The labels of specs/token.md, chains.
const (
	labelHeader, labelBlock, labelLink = "attenuate/1 header\x00", "attenuate/1 block\x00", "attenuate/1 link\x00"
	labelSeal, labelUse, labelAudience = "attenuate/1 seal\x00", "attenuate/1 use\x00", "attenuate/1 audience\x00"
	labelCall, labelHTTP               = "attenuate/1 call\x00", "attenuate/1 http\x00"
)

const (
	bearer = iota
	sealed
	bound
)

var proofNames = [...]string{"bearer", "sealed", "bound"}

// proof ends a token; tag is the secret, the seal or the tag of a bound use.
type proof struct {
	kind                int
	iat                 int64
	nonce, binding, tag []byte
}

// token is what a text says (V1, V2); nothing of it is believed before V5.
type token struct {
	header []byte
	alg    int64
	keyID  string
	blocks []block
	hashes [][32]byte // h[0] to h[n]
	sigs   [][]byte
	proof  proof
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }

func hash(label string, before, last []byte) [32]byte {
	message := append(make([]byte, 0, 512), label...) // on the stack for all but long blocks
	return sha256.Sum256(append(append(message, before...), last...))
}

// ids returns the name of each block: the first 16 bytes of its hash, in hex.
func (t *token) ids() []string {
	out := make([]string, len(t.hashes))
	for i := range t.hashes {
		out[i] = hexOf(t.hashes[i][:idSize])
	}
	return out
}

func (t *token) tip() []byte { return t.hashes[len(t.hashes)-1][:] }

// parseWhole reads a token and the approvals after it.
func parseWhole(text string) (t *token, approvals []*token, err error) {
	defer caught(&err)
	if len(text) > maxWhole {
		return nil, nil, malformed("too_large", "a token and approvals of more than 16384 characters")
	}
	first, rest, more := strings.Cut(text, "~")
	if more && strings.Count(rest, "~") >= maxApprovals {
		return nil, nil, malformed("too_large", "more than 4 approvals")
	}
	t = readToken(first)
	for more {
		first, rest, more = strings.Cut(rest, "~")
		approvals = append(approvals, readToken(first))
	}
	return t, approvals, nil
}

// readToken reads one token's text; it throws.
func readToken(text string) *token {
	if len(text) > maxText {
		panic(malformed("too_large", "a token of more than 8192 characters"))
	}
	body, found := strings.CutPrefix(text, prefix)
	data, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if !found || err != nil || strings.ContainsAny(body, "\r\n") { // the decoder skips line ends
		panic(malformed("text", "other text than lease1_ and unpadded base64url"))
	}
	r := newReader(data)
	r.need(r.count(majorArray, "a frame") == 4, "shape", "another frame")
	header := r.within(0, maxText)
	t := &token{header: header.b}
	t.readHeader(&header)
	raws := r.strings(0, maxText)
	for _, sig := range r.strings(64, 64) {
		t.sigs = append(t.sigs, sig.b)
	}
	wanted := 0
	if t.alg == algEd25519 {
		wanted = len(raws)
	}
	r.need(len(raws) > 0 && len(t.sigs) == wanted, "shape", "another number of blocks or signatures")
	t.readProof(r)
	r.end()
	h, units := hash(labelHeader, nil, t.header), 0
	t.blocks, t.hashes = make([]block, len(raws)), make([][32]byte, len(raws))
	for i := range raws {
		t.blocks[i].readFrom(&raws[i], i, t.alg)
		units += len(t.blocks[i].budget)
		h = hash(labelBlock, h[:], raws[i].b)
		t.hashes[i] = h
	}
	r.need(units <= maxUnits, "too_large", "more than 32 budget units")
	return t
}

func (t *token) readHeader(r *reader) {
	r.need(r.count(majorArray, "a header") == 3, "shape", "another header")
	r.int(1, 1)
	t.alg = r.int(algEd25519, algHMAC)
	r.need(t.alg == algHMAC || t.alg == algEd25519, "shape", "another algorithm")
	t.keyID = r.text()
	r.need(isKeyID(t.keyID), "shape", "another key id")
	r.end()
}

func isKeyID(text string) bool {
	return text != "" && len(text) <= 128 && !strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' })
}

// within returns a reader of what a byte string holds.
func (r *reader) within(least, most int) reader {
	data := r.bytes(least, most)
	return reader{b: data, s: r.s[r.i-len(data) : r.i]}
}

func (r *reader) strings(least, most int) []reader {
	n := r.count(majorArray, "an array of byte strings")
	r.need(n <= maxBlocks, "too_large", "more than 16 blocks or signatures")
	out := make([]reader, n)
	for i := range out {
		out[i] = r.within(least, most)
	}
	return out
}

func (t *token) readProof(r *reader) {
	size, parts := 32, r.count(majorArray, "a proof")
	if t.alg == algEd25519 {
		size = 64
	}
	p := &t.proof
	p.kind = int(r.int(bearer, bound))
	switch {
	case p.kind == bearer && parts == 2:
		size = 32
	case p.kind == bound && parts == 5:
		p.iat, p.nonce, p.binding = r.int(0, math.MaxInt64), r.bytes(16, 16), r.bytes(32, 32)
	default:
		r.need(p.kind == sealed && parts == 2, "shape", "another proof")
	}
	p.tag = r.bytes(size, size)
}

// writeToken returns the text of a token whose blocks are still bytes.
func writeToken(header []byte, raws, sigs []any, p proof) string {
	end := []any{int64(p.kind), p.tag}
	if p.kind == bound {
		end = []any{int64(bound), p.iat, p.nonce, p.binding, p.tag}
	}
	return prefix + base64.RawURLEncoding.EncodeToString(appendCBOR(nil, []any{header, raws, sigs, end}))
}
