package attenuate

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"attenuate.invalid/attenuate/internal/strict"
)

const (
	lower, upper, digits = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"

	maxFacts, maxRun, maxName = 256, 8, 128
)

type opaque struct{}

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

type segment struct {
	name    string
	attempt int64 // 0 is open
}

// run is a path of names with attempts.
type run []segment

func (r run) String() string {
	var out strings.Builder
	for i, part := range r {
		if i > 0 {
			out.WriteByte('/')
		}
		out.WriteString(part.name)
		if part.attempt > 0 {
			out.WriteString("@" + strconv.FormatInt(part.attempt, 10))
		}
	}
	return out.String()
}

func isRunName(text string) bool { return made(text, maxName, lower+upper+digits+"._:+-") }

func parseRun(text string) (run, error) {
	out := make(run, 0, maxRun)
	for more := true; more; {
		var part string
		part, text, more = strings.Cut(text, "/")
		name, attempt, stated := strings.Cut(part, "@")
		n := int64(0)
		if stated {
			n, _ = strict.Number(attempt).Int()
			stated = n < 1 || n > strict.SafeInt || !made(attempt, 16, digits) || attempt[0] == '0'
		}
		if stated || !isRunName(name) || len(out) == maxRun {
			return nil, malformed("facts", `a run that is no path such as "agt_1@2/reader@1"`)
		}
		out = append(out, segment{name, n})
	}
	return out, nil
}

func (r *reader) run() run {
	out := list(r, func(r *reader) (s segment) {
		n := r.some(majorArray, "a segment")
		s.name = r.text()
		r.need(n <= 2 && isRunName(s.name), "shape", "another segment of a run")
		if n == 2 {
			s.attempt = r.int(1, strict.SafeInt)
		}
		return s
	})
	r.need(len(out) <= maxRun, "shape", "a run of more than 8 segments")
	return out
}

func isAction(text string) bool {
	return text != "" && len(text) <= maxName && !strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '}' || c == '*' })
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

// asked is a request that was checked, and everything else that the steps look at.
type asked struct {
	Request
	verifier *Verifier
	run      run
	facts    Facts // string, int64, bool, Opaque or []any of these
	vague    bool  // a fact or an element of one is Opaque
	now      int64
}

// check makes the asked of a request (V1, V2).
func (v *Verifier) check(request Request, now int64) (a *asked, err error) {
	defer caught(&err)
	a = &asked{Request: request, verifier: v, facts: make(Facts, len(request.Facts)), now: now}
	need := func(ok bool, what string) {
		if !ok {
			panic(malformed("facts", what))
		}
	}
	need(v.Audience != "" && utf8.ValidString(v.Audience), "a verifier without an audience")
	need(0 <= v.Leeway && v.Leeway <= 60, "a leeway that is not from 0 to 60 seconds")
	need(0 <= v.MaxLifetime && v.MaxLifetime <= strict.SafeInt, "a negative MaxLifetime")
	need(0 <= now && now <= strict.SafeInt, "a time that is not seconds since 1970")
	need(isAction(request.Action), "an action that is not 1 to 128 characters of ASCII without space, * and ~")
	need(request.Binding == nil || len(request.Binding) == 32, "a binding that is not 32 bytes")
	need(request.Run != "" || v.AllowUnstatedRun, "a request without a run; state it, or set AllowUnstatedRun")
	if request.Run != "" {
		if a.run, err = parseRun(request.Run); err != nil {
			return nil, err
		}
	}
	for unit, cost := range request.Cost {
		need(utf8.ValidString(unit) && 0 <= cost && cost <= strict.SafeInt, "a cost that is not from 0 to 2^53-1")
		need(unit != "calls" || cost == 1, "a cost of calls that is not 1: a request is one call")
	}
	if len(request.Facts) > maxFacts {
		return nil, malformed("too_large", "more than 256 facts")
	}
	for name, value := range request.Facts {
		fact, ok := a.fact(value, true)
		if !ok || !utf8.ValidString(name) {
			return nil, malformed("facts", fmt.Sprintf("fact %.80q is a %T; give string, int, int64, bool, Opaque or up to 256 of these", name, value))
		}
		a.facts[name] = fact
	}
	return a, nil
}

// fact returns a value as a fact.
func (a *asked) fact(value any, lists bool) (any, bool) {
	switch value := value.(type) {
	case string:
		return value, utf8.ValidString(value)
	case int:
		return int64(value), true
	case int64, bool:
		return value, true
	case opaque:
		a.vague = true
		return value, true
	case []string:
		return a.list(len(value), func(i int) any { return value[i] }, lists)
	case []int64:
		return a.list(len(value), func(i int) any { return value[i] }, lists)
	case []any:
		return a.list(len(value), func(i int) any { return value[i] }, lists)
	}
	return nil, false
}

func (a *asked) list(n int, at func(int) any, lists bool) (any, bool) {
	if !lists || n > maxFacts {
		return nil, false
	}
	out := make([]any, n)
	for i := range out {
		fact, ok := a.fact(at(i), false)
		if !ok {
			return nil, false
		}
		out[i] = fact
	}
	return out, true
}
