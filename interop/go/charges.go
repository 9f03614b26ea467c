package attenuate

import (
	"encoding/json"
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
	key := (&reader{s: string(c.Key)}).value(1, false)
	out := map[string]any{"kind": c.Kind, "key": key, "amount": c.Amount, "ceiling": c.Ceiling, "until": c.Until}
	switch c.Kind {
	case "attempt":
		out["raises"] = c.Raises
	case "revoked":
		out["issued_at"] = c.IssuedAt
	}
	return json.Marshal(out)
}

// Counters returns the charges that a service without a store cannot do without: budgets, `final` and
// replay. Attempts and revocation it lacks too, for every lease: there short lifetimes have to do.
func (v *Verified) Counters() (out []Charge) {
	for _, charge := range v.Charges {
		if charge.Kind != "attempt" && charge.Kind != "revoked" {
			out = append(out, charge)
		}
	}
	return out
}

// ends returns when each block has ended, and with it all that descends from it.
func (t *token) ends(leeway int64) []int64 {
	out, end := make([]int64, len(t.blocks)), int64(strict.SafeInt)
	for i := range t.blocks {
		end = min(end, t.blocks[i].expires)
		out[i] = min(end+leeway, strict.SafeInt)
	}
	return out
}

// charges returns what a request under an authentic chain is charged (V9).
func (m *matter) charges() []Charge {
	t, until := m.t, m.t.ends(m.Leeway)
	last := until[len(until)-1]
	out := make([]Charge, 0, 4+3*len(t.blocks)+len(m.run))
	put := func(amount, ceiling, until int64, kind string, parts ...any) *Charge {
		key := appendCBOR(appendHead(make([]byte, 0, 64), majorArray, uint64(1+len(parts))), kind)
		for _, part := range parts {
			key = appendCBOR(key, part)
		}
		out = append(out, Charge{Kind: kind, Key: key, Amount: amount, Ceiling: ceiling, Until: until})
		return &out[len(out)-1]
	}
	for i := range t.blocks {
		for _, limit := range t.blocks[i].budget {
			cost := m.Cost[limit.unit]
			if limit.unit == "calls" {
				cost = 1
			}
			put(cost, limit.most, until[i], "budget", t.id(i), limit.unit)
		}
	}
	for i := range t.blocks {
		if patterns := t.blocks[i].final; takes(patterns, m.Action) {
			put(1, 1, until[i], "final", t.id(i))
		} else if patterns != nil {
			put(0, 0, until[i], "final", t.id(i))
		}
	}
	for level, part := range m.run {
		at, states := stating(t.blocks, level)
		if at < 0 || part.attempt == 0 { // below what the blocks name, it is the request's own affair
			continue
		}
		path := append(append(run{}, m.run[:level]...), segment{name: part.name})
		end, above := int64(strict.SafeInt), any(t.keyID)
		if at > 0 {
			end, above = until[at-1], t.id(at-1)
		}
		put(part.attempt, strict.SafeInt, end, "attempt", above, path.String()).Raises = states
	}
	if t.proof.kind == bound {
		put(1, 1, t.proof.iat+replayWindow, "replay", t.tip(), []byte(t.proof.nonce))
	}
	revoked := func(kind string, selector any) {
		put(0, 0, last, "revoked", kind, selector).IssuedAt = t.blocks[0].issued
	}
	for i := range t.blocks {
		revoked("block", t.id(i))
	}
	for level := range m.run {
		revoked("run", m.run[:level+1].String())
	}
	for _, name := range [...]string{"agent", "subject", "template", "policy"} {
		if note, there := t.blocks[0].notes[name]; there {
			revoked(name, note)
		}
	}
	revoked("key", t.keyID)
	if root, _, derived := strings.Cut(t.keyID, "/"); derived {
		revoked("key", root)
	}
	return out
}
