package attenuate

import (
	"fmt"
	"slices"
	"strings"

	"attenuate.invalid/attenuate/internal/strict"
)

const skew = 60 // seconds: of issued_at ahead of now (V6), and of a bound proof (V5)

// matter is an authentic chain and all that V6 and V7 look at with it.
type matter struct {
	*asked
	t    *token
	run  run    // the request's, or the blocks'
	asks []byte // of an approval: the id of the block that asks
}

// runOf returns the longest run that blocks state, each attempt from the first block that states it.
func runOf(blocks []block) run {
	var longest run
	for i := range blocks {
		if len(blocks[i].run) > len(longest) {
			longest = blocks[i].run
		}
	}
	out := slices.Clone(longest)
	for level := range out {
		out[level].attempt = 0
		for i := range blocks {
			if path := blocks[i].run; len(path) > level && out[level].attempt == 0 {
				out[level].attempt = path[level].attempt
			}
		}
	}
	return out
}

// cleared returns the first check of V6 and V7 that does not hold, or nil. The order is the contract.
func (m *matter) cleared() *Refusal {
	root, now := &m.t.blocks[0], m.now
	if root.run == nil || root.audience == nil || root.expires == absent || root.allow == nil || root.issuedAt == absent ||
		root.issuedAt >= root.expires || slices.ContainsFunc(root.run, func(s segment) bool { return s.attempt == 0 }) {
		return forbidden("structure", 0, "a lease without run, attempts, audience, expires, allow or issued_at", "", "")
	}
	if root.issuedAt > now+skew {
		return forbidden("issued_at", 0, fmt.Sprint(now), fmt.Sprintf("from %d on", root.issuedAt-skew), "")
	}
	for i := range m.t.blocks {
		b, more := &m.t.blocks[i], int64(len(m.t.blocks)-1-i)
		most := m.verifier.MaxLifetime
		switch {
		case i > 0 && b.issuedAt != absent:
			return forbidden("structure", i, "issued_at in a later block", "", "")
		case b.maxMore != absent && more > b.maxMore:
			return forbidden("depth", i, fmt.Sprintf("%d more blocks", more), fmt.Sprint(b.maxMore), "")
		case i == 0 && most > 0 && b.expires-b.issuedAt > most:
			return forbidden("lifetime", 0, fmt.Sprintf("a lease of %d seconds", b.expires-b.issuedAt), fmt.Sprint(most), "")
		case b.asker != nil && (i > 0 || string(b.asker) != string(m.asks)):
			return forbidden("for", i, "an approval, or of another block", "", "")
		case b.bound && m.t.proof.kind != bound:
			return forbidden("bound", i, "a proof that is not bound to a call", "a lease that was presented", "")
		}
	}
	for i := range m.t.blocks {
		if refusal := m.caveats(&m.t.blocks[i], i); refusal != nil {
			return refusal
		}
	}
	return nil
}

// caveats looks at each caveat of one block, by key (V7).
func (m *matter) caveats(b *block, i int) *Refusal {
	now, leeway := m.now, m.verifier.Leeway
	if code := m.outside(b.run); code != "" {
		return forbidden(code, i, "run "+m.run.String(), b.run.String()+" and what it starts", "")
	}
	if b.audience != nil && !slices.Contains(b.audience, m.verifier.Audience) {
		return forbidden("audience", i, m.verifier.Audience, fmt.Sprintf("%.200q", b.audience), "")
	}
	if b.notBefore != absent && now < b.notBefore-leeway {
		return forbidden("not_before", i, fmt.Sprint(now), fmt.Sprintf("from %d on", b.notBefore), "")
	}
	if b.expires != absent && now >= b.expires+leeway {
		return forbidden("expires", i, fmt.Sprint(now), fmt.Sprintf("before %d", b.expires), "a fresh lease")
	}
	if b.allow != nil && !slices.ContainsFunc(b.allow, m.fits) {
		return forbidden("allow", i, m.Action, words(b.allow), "")
	}
	if at := slices.IndexFunc(b.deny, m.denies); at >= 0 {
		return forbidden("deny", i, m.Action, "anything but "+words(b.deny[at:at+1]), "facts that certainly differ")
	}
	for j := range b.where {
		if w := &b.where[j]; !m.holds(w) {
			return forbidden("where", i, m.shown(w.fact), w.String(), "")
		}
	}
	for _, each := range b.budget {
		if _, stated := m.Cost[each.unit]; !stated && each.unit != "calls" {
			return forbidden("budget", i, "no cost in "+each.unit, "a request that states one", "")
		}
	}
	if len(b.numbers) > 0 {
		return forbidden("unknown_caveat", i, "caveat "+b.numbers[0].key, "caveats that this version knows", "")
	}
	for _, each := range b.extensions {
		handler := m.verifier.Handlers[each.key]
		if handler == nil {
			return forbidden("unknown_caveat", i, "caveat "+each.key, "caveats that a handler knows", "")
		}
		if !ask(handler, each.value, m.Request) {
			return forbidden(each.key, i, "", "what the handler says yes to", "")
		}
	}
	return nil
}

// ask asks a handler. One that panics has not said yes.
func ask(handler Handler, value any, request Request) (yes bool) {
	defer func() {
		if recover() != nil {
			yes = false
		}
	}()
	return handler(value, request)
}

// outside says how a run that a block states is not the beginning of the request's: names go first.
func (m *matter) outside(stated run) string {
	if len(m.run) < len(stated) {
		return "run"
	}
	code := ""
	for level, part := range stated {
		if m.run[level].name != part.name {
			return "run"
		}
		if part.attempt != 0 && part.attempt != m.run[level].attempt {
			code = "attempt"
		}
	}
	return code
}

func (m *matter) fits(g grant) bool {
	if !takes(g.patterns, m.Action) {
		return false
	}
	for i := range g.where {
		if !m.holds(&g.where[i]) {
			return false
		}
	}
	if !g.only {
		return true
	}
	for name := range m.facts {
		if strings.HasPrefix(name, "args.") && !slices.ContainsFunc(g.where, func(c condition) bool { return c.fact == name }) {
			return false
		}
	}
	return m.facts["args"] != Opaque
}

// denies says whether a grant of a deny fits: unless a constraint is certain not to.
func (m *matter) denies(g grant) bool {
	return takes(g.patterns, m.Action) && !slices.ContainsFunc(g.where, func(c condition) bool {
		fact, there := m.facts[c.fact]
		return there && all(&c.constraint, fact, fails)
	})
}

// holds says whether a constraint of an allow or a where is certain to hold.
func (m *matter) holds(c *condition) bool {
	fact, there := m.facts[c.fact]
	if !there {
		if !m.opaqueAbove(c.fact) {
			return c.optional
		}
		fact = Opaque
	}
	return c.kind == present || all(&c.constraint, fact, holds)
}

// opaqueAbove says whether a fact that is absent is opaque, because a name above it is (facts).
func (m *matter) opaqueAbove(name string) bool {
	for at := strings.LastIndexByte(name, '.'); m.vague && at >= 0; at = strings.LastIndexByte(name, '.') {
		name = name[:at]
		above := m.facts[name]
		if elements, _ := above.([]any); above == Opaque || slices.Contains(elements, any(Opaque)) {
			return true
		}
	}
	return false
}

// all says whether a fact, or each element of a list that is not empty, is told to be `wanted`.
func all(c *constraint, fact any, wanted verdict) bool {
	elements, many := fact.([]any)
	if !many {
		return c.told(fact) == wanted
	}
	return len(elements) > 0 && !slices.ContainsFunc(elements, func(each any) bool { return c.told(each) != wanted })
}

func words(grants []grant) string {
	out := make([]string, 0, len(grants))
	for _, g := range grants {
		text := strings.Join(g.patterns, ", ")
		for i := range g.where {
			text += " where " + g.where[i].String()
		}
		out = append(out, text)
	}
	return fmt.Sprintf("%.400s", strings.Join(out, "; "))
}

func (m *matter) shown(fact string) string {
	value, there := m.facts[fact]
	if !there {
		return fmt.Sprintf("no fact %.80s", fact)
	}
	return fmt.Sprintf("%.80s is %.80s", fact, fmt.Sprint(value))
}

// String returns the condition in its JSON form.
func (c *condition) String() string {
	return fmt.Sprintf("%s %.200s", c.fact, strict.Append(nil, c.constraint.json()))
}
