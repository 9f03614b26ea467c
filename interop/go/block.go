package attenuate

import (
	"math"
	"strings"

	"attenuate.invalid/attenuate/internal/strict"
)

const (
	maxGrants = 64
	absent    = -1 // of a number that a block does not have
)

// The keys of a block, by number, and their names in JSON (specs/caveats.md, blocks).
const (
	keyNonce = iota
	keyNextKey
	keyRun
	keyAudience
	keyNotBefore
	keyExpires
	keyAllow
	keyDeny
	keyWhere
	keyBudget
	keyApproval
	keyDepth
	keyFinal
	keyBound
	keyFor
	keyIssuedAt
	keyNotes
)

var keyNames = [...]string{"nonce", "next_key", "run", "audience", "not_before", "expires", "allow", "deny",
	"where", "budget", "approval", "depth", "final", "bound", "for", "issued_at", "notes"}

// block is a block that was read strictly. What it lacks is nil, false or absent.
type block struct {
	raw                                   []byte
	nonce, nextKey, asker                 []byte // asker: of the key `for`
	run                                   run
	audience, final                       []string
	notBefore, expires, issuedAt, maxMore int64
	allow, deny                           []grant
	where                                 []condition
	budget                                []limit
	approval                              []demand
	bound                                 bool
	notes                                 map[string]any
	numbers, extensions                   []other // in the order of their encodings
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
	keys     []string // 32 bytes each, in hex
	quorum   int
}

type other struct {
	key   string
	value any
}

// readFrom reads one block of a chain (V1, V2); it throws.
func (b *block) readFrom(r *reader, index int, alg int64) {
	r.need(len(r.b) <= maxBlockSize, "too_large", "a block of more than 4096 bytes")
	*b = block{raw: r.b, notBefore: absent, expires: absent, issuedAt: absent, maxMore: absent}
	last := ""
	for n := r.some(majorMap, "a block"); n > 0; n-- {
		start := r.i
		if r.peek()>>5 == majorText {
			key := r.text()
			vendor, name, found := strings.Cut(key, "/")
			r.need(found && made(vendor, len(key), lower+digits+".-") && made(name, len(key), lower+upper+digits+"._-"), "shape", "a text key that is not vendor/name")
			r.ascends(&last, start)
			b.extensions = append(b.extensions, other{key, r.value(2, true)})
			continue
		}
		key := r.int(math.MinInt64, math.MaxInt64)
		r.ascends(&last, start)
		if !b.read(r, key) {
			b.numbers = append(b.numbers, other{string(strict.Append(nil, key)), r.value(2, false)})
		}
	}
	r.end()
	r.need(b.nonce != nil && (index > 0 || len(b.nonce) >= 16), "shape", "a block without a long nonce")
	r.need((b.nextKey != nil) == (alg == algEd25519), "shape", "next_key: in every ed25519 block, and in no other")
	r.need(len(b.allow)+len(b.deny) <= maxGrants, "too_large", "more than 64 grants in a block")
}

// read reads the value of a key; false says that nobody knows the key.
func (b *block) read(r *reader, key int64) bool {
	switch key {
	case keyNonce:
		b.nonce = r.bytes(8, 32)
	case keyNextKey:
		b.nextKey = r.bytes(32, 32)
	case keyRun:
		b.run = r.run()
	case keyAudience:
		b.audience = list(r, (*reader).text)
	case keyNotBefore:
		b.notBefore = r.int(0, strict.SafeInt)
	case keyExpires:
		b.expires = r.int(0, strict.SafeInt)
	case keyAllow:
		b.allow = list(r, (*reader).grant)
	case keyDeny:
		b.deny = list(r, (*reader).denied)
	case keyWhere:
		b.where = r.where()
	case keyBudget:
		last := ""
		for n := r.some(majorMap, "a budget"); n > 0; n-- {
			start := r.i
			unit := r.text()
			r.ascends(&last, start)
			b.budget = append(b.budget, limit{unit, r.int(0, strict.SafeInt)})
		}
	case keyApproval:
		b.approval = list(r, (*reader).demand)
	case keyDepth:
		b.maxMore = r.int(0, 15)
	case keyFinal:
		b.final = list(r, (*reader).pattern)
	case keyBound:
		b.bound = r.isTrue()
	case keyFor:
		b.asker = r.bytes(idSize, idSize)
	case keyIssuedAt:
		b.issuedAt = r.int(0, strict.SafeInt)
	case keyNotes:
		n, last := r.count(majorMap, "notes"), ""
		for b.notes = make(map[string]any, n); n > 0; n-- {
			start := r.i
			name := r.text()
			r.ascends(&last, start)
			b.notes[name] = r.scalar()
		}
	default:
		return false
	}
	return true
}

func list[T any](r *reader, read func(*reader) T) []T {
	out := make([]T, r.some(majorArray, "a list"))
	for i := range out {
		out[i] = read(r)
	}
	return out
}

func (r *reader) pattern() string {
	text := r.text()
	r.need(isPattern(text), "shape", `a pattern that is no action and does not end in "*" after ".", ":" or "/"`)
	return text
}

func (r *reader) grant() (g grant) {
	n, first := r.count(majorMap, "a grant"), r.int(0, 0)
	g.patterns = list(r, (*reader).pattern)
	for last := first; n > 1; n-- {
		if last = r.int(last+1, 2); last == 1 {
			g.where = r.where()
		} else {
			g.only = r.isTrue()
		}
	}
	r.need(n == 1, "shape", "an empty grant")
	return g
}

func (r *reader) denied() grant {
	g := r.grant()
	r.need(!g.only, "shape", "`only` in a deny")
	for i := range g.where {
		r.need(!g.where[i].optional, "shape", "`optional` in a deny")
	}
	return g
}

func (r *reader) where() (out []condition) {
	last := ""
	for n := r.some(majorMap, "facts"); n > 0; n-- {
		start := r.i
		fact := r.text()
		r.ascends(&last, start)
		out = append(out, condition{fact, r.constraint()})
	}
	return out
}

func (r *reader) demand() (d demand) {
	r.need(r.count(majorArray, "a demand") == 3, "shape", "another approval")
	d.patterns = list(r, (*reader).pattern)
	d.keys = list(r, func(r *reader) string { return hexOf(r.bytes(32, 32)) })
	known := make(map[string]bool, len(d.keys))
	for _, key := range d.keys {
		r.need(!known[key], "shape", "an approver twice")
		known[key] = true
	}
	d.quorum = int(r.int(1, int64(min(4, len(d.keys)))))
	return d
}
