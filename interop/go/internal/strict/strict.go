// Package strict reads JSON that has one meaning, and writes it: a member name twice and nesting
// without end are refused, and a number keeps its text.
package strict

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

var (
	// ErrSyntax says that a text is no JSON, or nests beyond 10,000, where encoding/json gives up.
	ErrSyntax = errors.New("this is not JSON")
	// ErrUnclear says that a text is JSON and has no one meaning.
	ErrUnclear = errors.New("JSON with a member name twice, or nesting without end")
)

// SafeInt is 2^53-1, the largest integer that every JSON reader keeps.
const SafeInt = 1<<53 - 1

const (
	maxDepth     = 1000
	maxCanonical = 64 // nesting of a call's arguments (specs/token.md, bindings)
)

// parser reads a text that json.Valid took, so that each step finds what it expects.
type parser struct {
	s       string
	i       int
	unclear bool
}

// Parse returns the value of a JSON text: nil, bool, string, json.Number, []any or map[string]any. Half a
// surrogate pair, which encoding/json would mend, becomes the three bytes that UTF-8 would have for it, so
// that such text is not valid UTF-8, and two different texts stay different.
func Parse(text []byte) (any, error) {
	if !json.Valid(text) || !utf8.Valid(text) {
		return nil, ErrSyntax
	}
	p := &parser{s: string(text)}
	value := p.value(1)
	if p.unclear {
		return nil, ErrUnclear
	}
	return value, nil
}

// take steps over a byte, if it is what comes next after space, commas and colons.
func (p *parser) take(c byte) bool {
	for strings.IndexByte(" \t\r\n,:", p.s[p.i]) >= 0 {
		p.i++
	}
	found := p.s[p.i] == c
	if found {
		p.i++
	}
	return found
}

func (p *parser) value(depth int) any {
	p.unclear = p.unclear || depth > maxDepth
	switch {
	case p.take('{'):
		out := map[string]any{}
		for !p.take('}') {
			name, _ := p.value(depth).(string)
			_, twice := out[name]
			p.unclear = p.unclear || twice
			out[name] = p.value(depth + 1)
		}
		return out
	case p.take('['):
		out := []any{}
		for !p.take(']') {
			out = append(out, p.value(depth+1))
		}
		return out
	case p.take('"'):
		return p.text()
	}
	word := p.s[p.i:]
	if end := strings.IndexAny(word, " \t\r\n,]}"); end >= 0 {
		word = word[:end]
	}
	p.i += len(word)
	switch word {
	case "null":
		return nil
	case "true", "false":
		return word == "true"
	}
	return json.Number(word)
}

// text reads what follows a quotation mark, and the one at its end.
func (p *parser) text() string {
	var out []byte
	for {
		at := p.i + strings.IndexAny(p.s[p.i:], `"\`)
		out = append(out, p.s[p.i:at]...)
		if p.i = at + 1; p.s[at] == '"' {
			return string(out)
		}
		escape := p.s[p.i]
		if p.i++; escape != 'u' {
			out = append(out, "\"\\/\b\f\n\r\t"[strings.IndexByte(`"\/bfnrt`, escape)])
			continue
		}
		r := p.unit(p.i)
		p.i += 4
		if strings.HasPrefix(p.s[p.i:], `\u`) {
			if pair := utf16.DecodeRune(r, p.unit(p.i+2)); pair != utf8.RuneError {
				r = pair
				p.i += 6
			}
		}
		if utf16.IsSurrogate(r) {
			out = append(out, 0xE0|byte(r>>12), 0x80|byte(r>>6)&0x3F, 0x80|byte(r)&0x3F)
		} else {
			out = utf8.AppendRune(out, r)
		}
	}
}

func (p *parser) unit(at int) rune {
	value, _ := strconv.ParseUint(p.s[at:at+4], 16, 16)
	return rune(value)
}

// --- writing ---

// Append appends a value in the form of RFC 8785, and says whether it has one. What has none (an integer
// beyond 2^53-1 or a number that is not finite as it was written, half a surrogate pair, nesting beyond
// 64) is written as it would be read. What Parse does not return is written as encoding/json does.
func Append(out []byte, value any) ([]byte, bool) {
	w := writer{out, true}
	w.write(value, 0)
	return w.out, w.canonical
}

type writer struct {
	out       []byte
	canonical bool
}

func (w *writer) write(value any, depth int) {
	switch value := value.(type) {
	case json.Number:
		w.number(value)
	case string:
		w.text(value)
	case []any:
		w.canonical = w.canonical && depth < maxCanonical
		w.out = append(w.out, '[')
		for i, member := range value {
			w.comma(i)
			w.write(member, depth+1)
		}
		w.out = append(w.out, ']')
	case map[string]any:
		w.canonical = w.canonical && depth < maxCanonical
		type member struct {
			name  string
			units []uint16 // of UTF-16, by which names are sorted (RFC 8785, 3.2.3)
		}
		members := make([]member, 0, len(value))
		for name := range value {
			members = append(members, member{name, utf16.Encode([]rune(name))})
		}
		slices.SortFunc(members, func(a, b member) int { return slices.Compare(a.units, b.units) })
		w.out = append(w.out, '{')
		for i, member := range members {
			w.comma(i)
			w.text(member.name)
			w.out = append(w.out, ':')
			w.write(value[member.name], depth+1)
		}
		w.out = append(w.out, '}')
	default: // a boolean or null, where it is of Parse
		text, err := json.Marshal(value)
		w.out, w.canonical = append(w.out, text...), w.canonical && err == nil
	}
}

func (w *writer) comma(i int) {
	if i > 0 {
		w.out = append(w.out, ',')
	}
}

// number writes a number as ECMAScript does (RFC 8785, 3.2.2.3), which encoding/json does as well.
func (w *writer) number(number json.Number) {
	value, err := number.Float64()
	whole := !strings.ContainsAny(number.String(), ".eE")
	if value == 0 {
		value = 0 // without the sign of -0
	}
	if text, _ := json.Marshal(value); err == nil && !(whole && math.Abs(value) > SafeInt) {
		w.out = append(w.out, text...)
		return
	}
	w.out, w.canonical = append(w.out, number...), false
}

func (w *writer) text(value string) {
	const digits = "0123456789abcdef"
	w.canonical = w.canonical && utf8.ValidString(value)
	w.out = append(w.out, '"')
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '"' || c == '\\':
			w.out = append(w.out, '\\', c)
		case c >= '\b' && c <= '\r' && c != '\v':
			w.out = append(w.out, '\\', "btn_fr"[c-'\b'])
		case c < 0x20:
			w.out = append(w.out, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		case c == 0xED && i+2 < len(value) && value[i+1] >= 0xA0: // half a surrogate pair, from Parse
			half := 0xD000 | int64(value[i+1]&0x3F)<<6 | int64(value[i+2]&0x3F)
			w.out = strconv.AppendInt(append(w.out, `\u`...), half, 16)
			i += 2
		default:
			w.out = append(w.out, c)
		}
	}
	w.out = append(w.out, '"')
}
