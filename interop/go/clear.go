package attenuate

import (
	"fmt"
	"slices"
	"strings"

	"attenuate.invalid/attenuate/internal/strict"
)

const skew = 60 // seconds: of issued_at ahead of now (V6), and of a bound proof (V5)

// firstParts are what the first block of a lease has.
var firstParts = [...]string{"run", `attempts of all its run, as in "a@1"`, "audience", "expires", "allow", "issued_at",
	"issued_at before expires"}

// runOf returns the longest run that blocks state, each attempt from the first block that states it.
func runOf(blocks []block) run {
	var out run
	for i := range blocks {
		if path := blocks[i].run; len(path) > len(out) {
			out = slices.Clone(path)
		}
	}
	for level := range out {
		out[level].attempt = 0
		if at, states := stating(blocks, level); states {
			out[level].attempt = blocks[at].run[level].attempt
		}
	}
	return out
}

// stating returns the first block that states the attempt of a level of the run and true, or the first
// that names the level and false; -1 where none does.
func stating(blocks []block, level int) (at int, states bool) {
	at = -1
	for i := range blocks {
		path := blocks[i].run
		if len(path) > level && path[level].attempt != 0 {
			return i, true
		}
		if len(path) > level && at < 0 {
			at = i
		}
	}
	return at, false
}

// incomplete says what keeps a block from being the first of a lease, or nothing.
func (b *block) incomplete() (parts string) {
	open := slices.ContainsFunc(b.run, func(s segment) bool { return s.attempt == 0 })
	lack := [...]bool{b.run == nil, open, b.audience == nil, b.expires == never, b.allow == nil,
		b.issued == unissued, b.issued >= b.expires}
	for i, lacking := range lack {
		if lacking {
			parts += ", " + firstParts[i]
		}
	}
	return strings.TrimPrefix(parts, ", ")
}

// cleared returns the first check of V6 and V7 that does not hold, or nil. The order is the contract.
func (m *matter) cleared() *Refusal {
	blocks, root := m.t.blocks, &m.t.blocks[0]
	if lacks := root.incomplete(); lacks != "" {
		return forbidden("structure", 0, "a first block without "+lacks, "")
	}
	if root.issued > m.now+skew {
		return forbidden("issued_at", 0, fmt.Sprint("now ", m.now), fmt.Sprintf("from %d on", root.issued-skew))
	}
	for i := range blocks {
		b, more, life := &blocks[i], len(blocks)-1-i, root.expires-root.issued
		switch {
		case i > 0 && b.issued != unissued:
			return forbidden("structure", i, "issued_at in a later block", "")
		case int64(more) > b.depth:
			return forbidden("depth", i, fmt.Sprintf("%d more blocks", more), fmt.Sprintf("at most %d", b.depth))
		case i == 0 && m.MaxLifetime > 0 && life > m.MaxLifetime:
			return forbidden("lifetime", 0, fmt.Sprintf("a lease of %d seconds", life), fmt.Sprintf("at most %d", m.MaxLifetime))
		case b.asker != "" && (i > 0 || b.asker != m.asks):
			return forbidden("for", i, "an approval, or of another block", "")
		case b.bound && m.t.proof.kind != bound:
			return forbidden("bound", i, "a proof that is not bound to a call", "a lease that was presented")
		}
	}
	for i := range blocks {
		if refusal := m.caveats(&blocks[i], i); refusal != nil {
			return refusal
		}
	}
	return nil
}

// caveats looks at each caveat of one block, by key (V7).
func (m *matter) caveats(b *block, i int) *Refusal {
	switch code := m.outside(b.run); {
	case code != "":
		return forbidden(code, i, m.run.String(), b.run.String())
	case b.audience != nil && !slices.Contains(b.audience, m.Audience):
		return forbidden("audience", i, m.Audience, fmt.Sprintf("%.200q", b.audience))
	case m.now < b.notBefore-m.Leeway:
		return forbidden("not_before", i, fmt.Sprint("now ", m.now), fmt.Sprintf("from %d on", b.notBefore-m.Leeway))
	case m.now >= b.expires+m.Leeway:
		return forbidden("expires", i, fmt.Sprint("now ", m.now), fmt.Sprintf("before %d", b.expires+m.Leeway))
	case b.allow != nil && !slices.ContainsFunc(b.allow, m.fits):
		asked, allowed := m.unmet(b.allow)
		return forbidden("allow", i, asked, allowed)
	}
	if at := slices.IndexFunc(b.deny, m.denies); at >= 0 {
		asked, allowed := "action "+m.Action, "another action"
		if where := b.deny[at].where; where != nil {
			asked += ", " + m.stated(where[0].fact)
			allowed += ", or facts for which the deny certainly fails: " + where[0].String()
		}
		return forbidden("deny", i, asked, allowed)
	}
	if at := slices.IndexFunc(b.where, m.lacks); at >= 0 {
		return forbidden("where", i, m.stated(b.where[at].fact), b.where[at].String())
	}
	for _, limit := range b.budget {
		if _, stated := m.Cost[limit.unit]; !stated && limit.unit != "calls" {
			return forbidden("budget", i, "no cost in "+cut(limit.unit), "a request that states one")
		}
	}
	for _, each := range b.others {
		name, isText := each.key.(string)
		handler := m.Handlers[name]
		if !isText || handler == nil {
			return forbidden("unknown_caveat", i, fmt.Sprint(each.key), "caveats that the verifier knows")
		}
		if !ask(handler, each.value, m.Request.copied()) {
			return forbidden(name, i, "", "what the handler says yes to")
		}
	}
	return nil
}

// ask asks a handler. One that panics has not said yes.
func ask(handler Handler, value any, request Request) (yes bool) {
	defer func() { yes = recover() == nil && yes }()
	return handler(value, request)
}

// outside says how a run that a block states is not the beginning of the request's: names go first.
func (m *matter) outside(stated run) (code string) {
	for level, part := range stated {
		if len(m.run) < len(stated) || m.run[level].name != part.name {
			return "run"
		}
		if part.attempt != 0 && part.attempt != m.run[level].attempt {
			code = "attempt"
		}
	}
	return code
}

func (m *matter) fits(g grant) bool {
	if !takes(g.patterns, m.Action) || slices.ContainsFunc(g.where, m.lacks) {
		return false
	}
	for name := range m.facts {
		named := func(c condition) bool { return c.fact == name }
		if g.only && strings.HasPrefix(name, "args.") && !slices.ContainsFunc(g.where, named) {
			return false
		}
	}
	return !g.only || m.facts["args"] != Opaque
}

// denies says whether a grant of a deny fits: unless a constraint is certain not to.
func (m *matter) denies(g grant) bool {
	return takes(g.patterns, m.Action) && !slices.ContainsFunc(g.where, func(c condition) bool {
		fact, there := m.facts[c.fact]
		there = there && m.formed(c)
		return there && c.certain(fact, false)
	})
}

// lacks says whether a constraint of an allow or a where is not certain to hold.
func (m *matter) lacks(c condition) bool {
	fact, there := m.facts[c.fact]
	if !there && !m.opaqueAbove(c.fact) {
		return !c.optional
	}
	return c.kind != present && !(there && m.formed(c) && c.certain(fact, true))
}

// form is a fact and a kind of constraint.
type form struct {
	fact string
	kind int64
}

// formed says whether a fact, or each element of a list, is a path or a host where a constraint is about
// these. A fact is looked at once for a kind: it may be long, and the constraints many.
func (m *matter) formed(c condition) bool {
	is := isPath
	switch c.kind {
	case under:
	case host:
		is = isHost
	default:
		return true
	}
	well, looked := m.forms[form{c.fact, c.kind}]
	if !looked {
		elements, many := m.facts[c.fact].([]any)
		if !many {
			elements = []any{m.facts[c.fact]}
		}
		well = !slices.ContainsFunc(elements, func(each any) bool {
			text, isText := each.(string)
			return !isText || !is(text)
		})
		m.forms[form{c.fact, c.kind}] = well
	}
	return well
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

// certain says whether it is clear that a fact, or each element of a list that is not empty, holds or fails.
func (c *constraint) certain(fact any, wanted bool) bool {
	told := func(value any) bool {
		clear, holds := c.told(value)
		return clear && holds == wanted
	}
	elements, many := fact.([]any)
	if !many {
		return told(fact)
	}
	return len(elements) > 0 && !slices.ContainsFunc(elements, func(each any) bool { return !told(each) })
}

// --- for people ---

// unmet says of an allow what was asked and allowed: actions, or else what the first grant of the action lacks.
func (m *matter) unmet(allow []grant) (asked, allowed string) {
	var patterns []string
	for _, g := range allow {
		at, taken := slices.IndexFunc(g.where, m.lacks), takes(g.patterns, m.Action)
		if taken && at >= 0 {
			return m.stated(g.where[at].fact), g.where[at].String()
		}
		if taken {
			return "an argument without a constraint", "with `only`, arguments that the grant names"
		}
		patterns = append(patterns, g.patterns...)
	}
	return "action " + m.Action, cut(strings.Join(patterns, ", "))
}

// stated says what a fact is: path "docs/a.md".
func (m *matter) stated(name string) string {
	fact, there := m.facts[name]
	text, _ := strict.Append([]byte(name+" "), fact)
	switch {
	case there:
		return cut(string(text))
	case m.opaqueAbove(name):
		return cut(name) + " within what is Opaque"
	}
	return "no " + cut(name)
}

// String returns the fact and the constraint in its JSON form: path {"under":["src"]}.
func (c condition) String() string {
	text, _ := strict.Append([]byte(c.fact+" "), constraintShown((&reader{s: c.raw}).value(1, false)))
	return cut(string(text))
}
