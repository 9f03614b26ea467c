package attenuate

import (
	"encoding/hex"
	"slices"
	"strings"

	"attenuate.invalid/attenuate/internal/strict"
)

const (
	maxGrants = 64
	never     = strict.SafeInt + 1 // an expiry that a block does not state
	unissued  = -1                 // an issued_at that it does not
	issuedAt  = int64(15)          // its key
)

// block is a block that was read strictly. What it lacks is empty, or holds for every request.
type block struct {
	nonce, nextKey, asker      string // asker: of the key `for`
	run                        run
	audience, final            []string
	notBefore, expires, issued int64
	allow, deny                []grant
	where                      []condition
	budget                     []limit
	approval                   []demand
	depth                      int64
	bound                      bool
	notes                      map[string]any
	others                     []other // unknown numbers and extensions, in the order of their encodings
}

type grant struct {
	patterns []string
	where    []condition
	only     bool
}

type condition struct {
	fact string
	constraint
}

type limit struct {
	unit string
	most int64
}

type demand struct {
	patterns []string
	keys     []string // in hex
	quorum   int
}

type other struct {
	key   any // int64 or string
	value any
}

// blockParts has each key of a block, by its number (specs/caveats.md, blocks).
var blockParts = []part{
	{"nonce", bytesWire, same, func(b *block, r *reader) { b.nonce = r.bytes(8, 32) }},
	{"next_key", bytesWire, same, func(b *block, r *reader) { b.nextKey = r.bytes(keySize, keySize) }},
	{"run", runWire, runShown, func(b *block, r *reader) { b.run = r.run() }},
	{"audience", same, same, func(b *block, r *reader) { b.audience = list(r, (*reader).text) }},
	{"not_before", same, same, func(b *block, r *reader) { b.notBefore = r.natural() }},
	{"expires", same, same, func(b *block, r *reader) { b.expires = r.natural() }},
	{"allow", elements(grantWire), elements(grantShown), func(b *block, r *reader) { b.allow = list(r, (*reader).grant) }},
	{"deny", elements(grantWire), elements(grantShown), func(b *block, r *reader) { b.deny = list(r, (*reader).denied) }},
	{"where", members(constraintWire), members(constraintShown), func(b *block, r *reader) { b.where = r.where() }},
	{"budget", same, same, func(b *block, r *reader) { b.budget = r.budget() }},
	{"approval", elements(demandWire), elements(demandShown), func(b *block, r *reader) { b.approval = r.demands() }},
	{"depth", same, same, func(b *block, r *reader) { b.depth = r.int(0, maxBlocks-1) }},
	{"final", same, same, func(b *block, r *reader) { b.final = list(r, (*reader).pattern) }},
	{"bound", same, same, func(b *block, r *reader) { b.bound = r.isTrue() }},
	{"for", bytesWire, same, func(b *block, r *reader) { b.asker = r.bytes(idSize, idSize) }},
	{"issued_at", same, same, func(b *block, r *reader) { b.issued = r.natural() }},
	{"notes", same, same, func(b *block, r *reader) { b.notes = r.notes() }},
}

// read reads one block of a chain (V1, V2); it throws.
func (b *block) read(r *reader, index int, alg int64) {
	need(len(r.s) <= maxBlockSize, "too_large", "a block of more than 4096 bytes")
	*b = block{expires: never, issued: unissued, depth: maxBlocks}
	member := ""
	defer func() { named(recover(), member) }()
	pairs(r, 1, (*reader).key, func(key any) {
		number, isNumber := key.(int64)
		if isNumber && 0 <= number && number < int64(len(blockParts)) {
			member = blockParts[number].name
			blockParts[number].read(b, r)
			member = ""
			return
		}
		name, _ := key.(string)
		need(isNumber || isExtension(name), "shape", "a text key that is not vendor/name")
		b.others = append(b.others, other{key, r.value(2, !isNumber)})
	})
	r.end()
	need(len(b.nonce) >= 16 || index > 0 && b.nonce != "", "shape", "a block without a long nonce")
	need((b.nextKey != "") == (alg == algEd25519), "shape", "next_key: in every ed25519 block, and in no other")
	need(len(b.allow)+len(b.deny) <= maxGrants, "too_large", "more than 64 grants in a block")
}

func isExtension(key string) bool {
	vendor, name, _ := strings.Cut(key, "/")
	return made(vendor, maxBlockSize, lower+digits+".-") && made(name, maxBlockSize, lower+upper+digits+"._-")
}

func (r *reader) natural() int64 { return r.int(0, strict.SafeInt) }

func (r *reader) budget() (out []limit) {
	pairs(r, 1, (*reader).text, func(unit string) { out = append(out, limit{unit, r.natural()}) })
	return out
}

func (r *reader) notes() map[string]any {
	out := make(map[string]any)
	pairs(r, 0, (*reader).text, func(name string) { out[name] = r.scalar() })
	return out
}

func (r *reader) where() (out []condition) {
	pairs(r, 1, (*reader).text, func(fact string) { out = append(out, condition{fact, r.constraint()}) })
	return out
}

func (r *reader) pattern() string {
	text := r.text()
	need(isPattern(text), "shape", `a pattern that is no action and does not end in "*" after ".", ":" or "/"`)
	return text
}

func (r *reader) grant() (g grant) {
	pairs(r, 1, (*reader).integer, func(key int64) {
		switch key {
		case 0:
			g.patterns = list(r, (*reader).pattern)
		case 1:
			g.where = r.where()
		default:
			g.only = key == 2 && r.isTrue()
			need(g.only, "shape", "an unknown part of a grant")
		}
	})
	need(g.patterns != nil, "shape", "a grant without actions")
	return g
}

func (r *reader) denied() grant {
	g := r.grant()
	optional := slices.ContainsFunc(g.where, func(c condition) bool { return c.optional })
	need(!g.only && !optional, "shape", "`only` or `optional` in a deny")
	return g
}

func (r *reader) demands() []demand { return list(r, (*reader).demand) }

func (r *reader) demand() (d demand) {
	need(r.count(majorArray, 3) == 3, "shape", "another approval")
	d.patterns = list(r, (*reader).pattern)
	known := make(map[string]bool)
	d.keys = list(r, func(r *reader) string {
		key := hex.EncodeToString([]byte(r.bytes(keySize, keySize)))
		need(!known[key], "shape", "an approver twice")
		known[key] = true
		return key
	})
	d.quorum = int(r.int(1, int64(min(4, len(d.keys)))))
	return d
}
