// Package strict reads JSON that has one meaning, and writes it: a member name twice, NaN, Infinity
// and nesting without end are refused, and a number keeps its text.
package strict

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

var (
	// ErrSyntax says that a text is no JSON.
	ErrSyntax = errors.New("this is not JSON")
	// ErrUnclear says that a text is JSON, or was so far, and has no one meaning.
	ErrUnclear = errors.New("JSON with a member name twice, NaN, Infinity, or nesting without end")
)

const maxDepth = 1000

// Number is a number as it is written.
type Number string

// Whole says whether a number is written without fraction and exponent.
func (n Number) Whole() bool { return !strings.ContainsAny(string(n), ".eE") }

// Int returns a whole number that 64 bits hold.
func (n Number) Int() (int64, bool) {
	value, err := strconv.ParseInt(string(n), 10, 64) // takes no fraction and no exponent
	return value, err == nil
}

// Float returns the nearest double, which may be infinite.
func (n Number) Float() float64 {
	value, _ := strconv.ParseFloat(string(n), 64)
	return value
}

type parser struct {
	s     string
	i     int
	depth int
}

// Parse returns the value of a JSON text: nil, bool, string, Number, []any or map[string]any. Half a
// surrogate pair becomes the three bytes that UTF-8 would have for it, so that such text is not valid
// UTF-8, and two different texts stay different.
func Parse(text []byte) (value any, err error) {
	if !utf8.Valid(text) {
		return nil, ErrSyntax
	}
	defer func() {
		if thrown := recover(); thrown == ErrSyntax || thrown == ErrUnclear {
			value, err = nil, thrown.(error)
		} else if thrown != nil {
			panic(thrown)
		}
	}()
	p := &parser{s: string(text)}
	value = p.value()
	if p.next(); p.i != len(p.s) {
		return nil, ErrSyntax
	}
	return value, nil
}

// next skips white space and returns the byte there, 0 at the end.
func (p *parser) next() byte {
	for ; p.i < len(p.s); p.i++ {
		if c := p.s[p.i]; c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
	}
	return 0
}

func (p *parser) take(word string) bool {
	found := strings.HasPrefix(p.s[p.i:], word)
	if found {
		p.i += len(word)
	}
	return found
}

func (p *parser) must(found bool) {
	if !found {
		panic(ErrSyntax)
	}
}

func (p *parser) value() any {
	switch c := p.next(); {
	case c == '"':
		return p.text()
	case c == '{' || c == '[':
		if p.depth++; p.depth > maxDepth {
			panic(ErrUnclear)
		}
		defer func() { p.depth-- }()
		if p.i++; c == '{' {
			return p.object()
		}
		return p.array()
	case p.take("NaN") || p.take("Infinity") || p.take("-Infinity"):
		panic(ErrUnclear)
	case p.take("true"):
		return true
	case p.take("false"):
		return false
	case p.take("null"):
		return nil
	}
	return p.number()
}

func (p *parser) object() any {
	out, twice := map[string]any{}, false
	for more := p.next() != '}'; more; more = p.take(",") {
		p.must(p.next() == '"')
		name := p.text()
		p.next()
		p.must(p.take(":"))
		_, known := out[name]
		twice = twice || known
		out[name] = p.value()
		p.next()
	}
	p.must(p.take("}"))
	if twice {
		panic(ErrUnclear)
	}
	return out
}

func (p *parser) array() any {
	out := []any{}
	for more := p.next() != ']'; more; more = p.take(",") {
		out = append(out, p.value())
		p.next()
	}
	p.must(p.take("]"))
	return out
}

func (p *parser) digits() bool {
	start := p.i
	for p.i < len(p.s) && p.s[p.i]-'0' < 10 {
		p.i++
	}
	return p.i > start
}

func (p *parser) number() any {
	start := p.i
	p.take("-")
	if !p.take("0") {
		p.must(p.digits())
	}
	if p.take(".") {
		p.must(p.digits())
	}
	if p.take("e") || p.take("E") {
		_ = p.take("+") || p.take("-")
		p.must(p.digits())
	}
	return Number(p.s[start:p.i])
}

func (p *parser) text() string {
	p.i++
	start := p.i
	var out []byte
	for ; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			if out == nil {
				return p.s[start : p.i-1]
			}
			return string(append(out, p.s[start:p.i-1]...))
		case c < 0x20:
			panic(ErrSyntax)
		case c == '\\':
			out = p.escape(append(out, p.s[start:p.i]...))
			start = p.i + 1
		}
	}
	panic(ErrSyntax)
}

// escape appends what an escape stands for and stops at its last character.
func (p *parser) escape(out []byte) []byte {
	p.i++
	p.must(p.i < len(p.s))
	if at := strings.IndexByte(`"\/bfnrt`, p.s[p.i]); at >= 0 {
		return append(out, "\"\\/\b\f\n\r\t"[at])
	}
	p.must(p.s[p.i] == 'u')
	r, ok := p.unit(p.i + 1)
	p.must(ok)
	p.i += 4
	if !utf16.IsSurrogate(r) {
		return utf8.AppendRune(out, r)
	}
	if strings.HasPrefix(p.s[p.i+1:], `\u`) {
		low, ok := p.unit(p.i + 3)
		p.must(ok)
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			p.i += 6
			return utf8.AppendRune(out, pair)
		}
	}
	return append(out, 0xE0|byte(r>>12), 0x80|byte(r>>6)&0x3F, 0x80|byte(r)&0x3F)
}

func (p *parser) unit(at int) (rune, bool) {
	if at+4 > len(p.s) {
		return 0, false
	}
	value, err := strconv.ParseUint(p.s[at:at+4], 16, 16)
	return rune(value), err == nil
}
