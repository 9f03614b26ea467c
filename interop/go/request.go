package attenuate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"attenuate.invalid/attenuate/internal/strict"
)

const maxFacts, maxRun, maxName = 256, 8, 128

type opaque struct{}

// MarshalJSON writes null.
func (opaque) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// Opaque is a fact that is there and cannot be told; JSON shows it as null.
var Opaque = opaque{}

// Facts are what the service knows of a call, by name: string, int, int64, bool, Opaque, or a list of
// these ([]any, []string, []int64). Anything else is malformed.
type Facts map[string]any

// Request is what a service is about to do. The service makes it from the call itself, never from what
// the caller says about the call.
type Request struct {
	Action  string
	Run     string           // "agt_1@2/reader@1": what this process knows that it executes; "" where it knows none
	Facts   Facts            // at most 256
	Cost    map[string]int64 // unit to 0 to 2^53-1; a request is one of "calls"
	Binding []byte           // 32 bytes, of CallBinding or HTTPBinding; nil where none was made
}

// copied returns a request that can be changed without changing this one.
func (r Request) copied() Request {
	r.Cost, r.Binding, r.Facts = maps.Clone(r.Cost), slices.Clone(r.Binding), maps.Clone(r.Facts)
	for name, fact := range r.Facts {
		switch list := fact.(type) {
		case []any:
			r.Facts[name] = slices.Clone(list)
		case []string:
			r.Facts[name] = slices.Clone(list)
		case []int64:
			r.Facts[name] = slices.Clone(list)
		}
	}
	return r
}

type segment struct {
	name    string
	attempt int64 // 0 is open
}

// run is a path of names with attempts.
type run []segment

func (r run) String() string {
	parts := make([]string, len(r))
	for i, part := range r {
		if parts[i] = part.name; part.attempt > 0 {
			parts[i] += "@" + strconv.FormatInt(part.attempt, 10)
		}
	}
	return strings.Join(parts, "/")
}

func isRunName(text string) bool { return made(text, maxName, lower+upper+digits+"._:+-") }

// parseRun reads a run as text; it throws.
func parseRun(text string) (out run) {
	for _, part := range strings.SplitN(text, "/", maxRun+1) {
		name, attempt, stated := strings.Cut(part, "@")
		n, _ := strconv.ParseInt(attempt, 10, 64)
		good := !stated || 0 < n && n <= strict.SafeInt && strconv.FormatInt(n, 10) == attempt
		need(good && isRunName(name), "facts", `a run that is no path such as "agt_1@2/reader@1"`)
		out = append(out, segment{name, n})
	}
	need(len(out) <= maxRun, "facts", "a run of more than 8 segments")
	return out
}

func (r *reader) run() run {
	out := list(r, (*reader).segment)
	need(len(out) <= maxRun, "shape", "a run of more than 8 segments")
	return out
}

func (r *reader) segment() (s segment) {
	n := r.count(majorArray, 1)
	s.name = r.text()
	need(n <= 2 && isRunName(s.name), "shape", "another segment of a run")
	if n == 2 {
		s.attempt = r.int(1, strict.SafeInt)
	}
	return s
}

func isAction(text string) bool {
	return within(text, '!', '}') && !strings.Contains(text, "*")
}

func isPattern(text string) bool {
	rest, open := strings.CutSuffix(text, "*")
	if !open || rest == "" {
		return open || isAction(text)
	}
	return isAction(rest) && len(text) <= maxName && strings.IndexByte(".:/", rest[len(rest)-1]) >= 0
}

// takes says whether one of the patterns takes an action; "repo.*" does not take "repo.".
func takes(patterns []string, action string) bool {
	for _, pattern := range patterns {
		rest, open := strings.CutSuffix(pattern, "*")
		if pattern == action || open && len(action) > len(rest) && strings.HasPrefix(action, rest) {
			return true
		}
	}
	return false
}

// matter is a token, the request and all that the steps look at with them.
type matter struct {
	Request
	*Verifier
	t     *token
	asks  string // of an approval: the id of the block that asks
	run   run    // the request's, or the blocks'
	facts Facts  // string, int64, bool, Opaque or []any of these
	vague bool   // a fact or an element of one is Opaque
	forms map[form]bool
	now   int64
}

// check makes the matter of a request (V1, V2); it throws.
func (v *Verifier) check(request Request, now int64) *matter {
	request.Cost, request.Binding = maps.Clone(request.Cost), slices.Clone(request.Binding) // handlers may hold the caller's
	m := &matter{Request: request, Verifier: v, facts: make(Facts, len(request.Facts)), forms: make(map[form]bool), now: now}
	must := func(ok bool, what string) { need(ok, "facts", what) }
	must(v.Ring != nil, "a verifier without a ring")
	must(v.Audience != "" && utf8.ValidString(v.Audience), "a verifier without an audience")
	must(0 <= v.Leeway && v.Leeway <= 60, "a leeway that is not from 0 to 60 seconds")
	must(0 <= v.MaxLifetime && v.MaxLifetime <= strict.SafeInt, "a negative MaxLifetime")
	must(0 <= now && now <= strict.SafeInt, "a time that is not seconds since 1970")
	must(isAction(request.Action), "an action that is not 1 to 128 characters of ASCII without space, * and ~")
	must(request.Binding == nil || len(request.Binding) == 32, "a binding that is not 32 bytes")
	must(request.Run != "" || v.AllowUnstatedRun, "a request without a run; state it, or set AllowUnstatedRun")
	if request.Run != "" {
		m.run = parseRun(request.Run)
	}
	for unit, cost := range request.Cost {
		must(utf8.ValidString(unit) && 0 <= cost && cost <= strict.SafeInt, "a cost that is not from 0 to 2^53-1")
		must(unit != "calls" || cost == 1, "a cost of calls that is not 1: a request is one call")
	}
	need(len(request.Facts) <= maxFacts, "too_large", "more than 256 facts")
	for name, value := range request.Facts {
		fact, wrong := m.fact(value, true)
		if wrong != "" {
			panic(malformed("facts", fmt.Sprintf("fact %.80q is %s", name, wrong)))
		}
		must(utf8.ValidString(name), "the name of a fact is text that is not Unicode")
		m.facts[name] = fact
	}
	return m
}

// fact returns a value as a fact, or what is wrong with it.
func (m *matter) fact(value any, lists bool) (fact any, wrong string) {
	switch value := value.(type) {
	case string:
		if !utf8.ValidString(value) {
			wrong = "text that is not Unicode"
		}
		return value, wrong
	case int:
		return int64(value), ""
	case int64, bool:
		return value, ""
	case opaque:
		m.vague = true
		return value, ""
	case []string:
		return m.fact(anys(value), lists)
	case []int64:
		return m.fact(anys(value), lists)
	case []any:
		if !lists || len(value) > maxFacts {
			return nil, "a list in a list, or of more than 256"
		}
		out := make([]any, len(value))
		for i := range out {
			if out[i], wrong = m.fact(value[i], false); wrong != "" {
				return nil, "a list with " + wrong
			}
		}
		return out, ""
	case nil:
		return nil, "nil; leave it out, or state Opaque"
	}
	return nil, fmt.Sprintf("a %T; Flatten makes facts of JSON arguments", value)
}

func anys[T any](values []T) []any {
	out := make([]any, len(values))
	for i := range values {
		out[i] = values[i]
	}
	return out
}
