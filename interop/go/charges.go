package attenuate

import (
	"strings"

	"attenuate.invalid/attenuate/internal/strict"
)

const replayWindow = 120 // seconds after iat for which a bound proof's counter is kept

// Charge is one counter to move or to look at (specs/verify.md, charges). All of a request's apply, or
// none.
type Charge struct {
	Kind    string // "budget", "final", "attempt", "replay" or "revoked"
	Key     []byte // of the counter: the deterministic CBOR of its kind and parts
	Amount  int64  // what is added, 0 to look only; of "attempt" the attempt
	Ceiling int64  // the most that the counter may be afterwards
	Until   int64  // seconds since 1970, after which no lease can ask for this counter

	Raises   bool  // of "attempt": an authentic block stated it, so that it raises the register
	IssuedAt int64 // of "revoked": of block 0
}

// MarshalJSON writes the key as its parts, bytes in hex.
func (c Charge) MarshalJSON() (text []byte, err error) {
	defer caught(&err)
	out := map[string]any{"kind": c.Kind, "key": newReader(c.Key).value(1, false), "amount": c.Amount, "ceiling": c.Ceiling, "until": c.Until}
	switch c.Kind {
	case "attempt":
		out["raises"] = c.Raises
	case "revoked":
		out["issued_at"] = c.IssuedAt
	}
	return strict.Append(nil, out), nil
}

// Counters returns the charges that a service without a store cannot do without: budgets, `final` and
// replay. Attempts and revocation it lacks too, for every lease: there short lifetimes have to do.
func (v *Verified) Counters() (out []Charge) {
	for _, charge := range v.Charges {
		if charge.Kind == "budget" || charge.Kind == "final" || charge.Kind == "replay" {
			out = append(out, charge)
		}
	}
	return out
}

// ends returns when each block has ended, and with it all that descends from it.
func (t *token) ends(leeway int64) []int64 {
	out, end := make([]int64, len(t.blocks)), int64(strict.SafeInt)
	for i := range t.blocks {
		if expires := t.blocks[i].expires; expires != absent {
			end = min(end, expires)
		}
		out[i] = min(end+leeway, strict.SafeInt)
	}
	return out
}

func (t *token) expiry() int64 { return t.ends(0)[len(t.blocks)-1] }

// charges returns what a request under an authentic chain is charged (V9).
func (m *matter) charges() (out []Charge) {
	t, until := m.t, m.t.ends(m.verifier.Leeway)
	out = make([]Charge, 0, 4+3*len(t.blocks)+len(m.run))
	id := func(i int) []byte { return t.hashes[i][:idSize] }
	// key begins a counter's key: its kind, and the bytes or the text that what follows belongs to
	key := func(kind string, parts uint64, of []byte, text string) []byte {
		out := appendText(append(make([]byte, 0, 96), majorArray<<5|byte(parts)), kind)
		if of != nil {
			return append(appendHead(out, majorBytes, uint64(len(of))), of...)
		}
		return appendText(out, text)
	}
	put := func(kind string, key []byte, amount, ceiling, until int64) *Charge {
		out = append(out, Charge{Kind: kind, Key: key, Amount: amount, Ceiling: ceiling, Until: until})
		return &out[len(out)-1]
	}
	for i := range t.blocks {
		for _, each := range t.blocks[i].budget {
			cost := int64(1)
			if each.unit != "calls" {
				cost = m.Cost[each.unit]
			}
			put("budget", appendText(key("budget", 3, id(i), ""), each.unit), cost, each.most, until[i])
		}
	}
	for i := range t.blocks {
		if patterns := t.blocks[i].final; patterns != nil {
			ends := int64(0)
			if takes(patterns, m.Action) {
				ends = 1
			}
			put("final", key("final", 2, id(i), ""), ends, ends, until[i])
		}
	}
	for level := range m.run {
		at, states := t.stating(level)
		if at < 0 {
			break // below what the blocks name: the request's own affair
		}
		if m.run[level].attempt == 0 {
			continue
		}
		above, end := []byte(nil), int64(strict.SafeInt) // the key id, or the block before
		if at > 0 {
			above, end = id(at-1), until[at-1]
		}
		path := append(append(run{}, m.run[:level]...), segment{name: m.run[level].name})
		register := appendText(key("attempt", 3, above, t.keyID), path.String())
		put("attempt", register, m.run[level].attempt, strict.SafeInt, end).Raises = states
	}
	if t.proof.kind == bound {
		put("replay", appendCBOR(key("replay", 3, t.tip(), ""), t.proof.nonce), 1, 1, t.proof.iat+replayWindow)
	}
	revoked := func(key []byte) {
		put("revoked", key, 0, 0, until[len(until)-1]).IssuedAt = t.blocks[0].issuedAt
	}
	for i := range t.blocks {
		name := key("revoked", 3, nil, "block")
		revoked(append(appendHead(name, majorBytes, idSize), id(i)...))
	}
	for level := range m.run {
		revoked(appendText(key("revoked", 3, nil, "run"), m.run[:level+1].String()))
	}
	for _, name := range [...]string{"agent", "subject", "template", "policy"} {
		if note, there := t.blocks[0].notes[name]; there {
			revoked(appendCBOR(key("revoked", 3, nil, name), note))
		}
	}
	revoked(appendText(key("revoked", 3, nil, "key"), t.keyID))
	if root, _, derived := strings.Cut(t.keyID, "/"); derived {
		revoked(appendText(key("revoked", 3, nil, "key"), root))
	}
	return out
}

// stating returns the first block that states the attempt of a level of the run and true, or the first
// that names the level and false; -1 where none does.
func (t *token) stating(level int) (at int, states bool) {
	at = -1
	for i := range t.blocks {
		if path := t.blocks[i].run; len(path) > level {
			if path[level].attempt != 0 {
				return i, true
			}
			if at < 0 {
				at = i
			}
		}
	}
	return at, false
}
