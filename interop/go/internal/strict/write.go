package strict

import (
	"cmp"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// SafeInt is 2^53-1, the largest integer that every JSON reader keeps.
const SafeInt = 1<<53 - 1

const maxCanonical = 64 // nesting of a call's arguments (specs/token.md, bindings)

var errNone = errors.New("no canonical bytes: an integer beyond 2^53-1, a number that is not finite, " +
	"text with half a surrogate pair, or nesting beyond 64")

// Canonical returns the RFC 8785 bytes of a value that Parse returned.
func Canonical(value any) ([]byte, error) {
	w := writer{canonical: true}
	if w.write(value, 0); w.failed {
		return nil, errNone
	}
	return w.out, nil
}

// Append appends a value as JSON, numbers as they are written.
func Append(out []byte, value any) []byte {
	w := writer{out: out}
	w.write(value, 0)
	return w.out
}

type writer struct {
	out       []byte
	canonical bool
	failed    bool
}

func (w *writer) write(value any, depth int) {
	switch value := value.(type) {
	case bool:
		w.out = strconv.AppendBool(w.out, value)
	case int64:
		w.out = strconv.AppendInt(w.out, value, 10)
	case Number:
		w.number(value)
	case string:
		w.failed = w.failed || w.canonical && !utf8.ValidString(value)
		w.text(value)
	case json.RawMessage:
		w.out = append(w.out, value...)
	case []any:
		w.open('[', depth)
		for i, member := range value {
			w.comma(i)
			if w.write(member, depth+1); w.failed {
				return
			}
		}
		w.out = append(w.out, ']')
	case map[string]any:
		w.open('{', depth)
		for i, name := range sorted(value) {
			w.comma(i)
			w.write(name, depth)
			w.out = append(w.out, ':')
			if w.write(value[name], depth+1); w.failed {
				return
			}
		}
		w.out = append(w.out, '}')
	default:
		w.out = append(w.out, "null"...)
		w.failed = w.failed || value != nil
	}
}

func (w *writer) open(bracket byte, depth int) {
	w.out = append(w.out, bracket)
	w.failed = w.failed || w.canonical && depth == maxCanonical
}

func (w *writer) comma(i int) {
	if i > 0 {
		w.out = append(w.out, ',')
	}
}

// sorted returns the names of an object in the order of their UTF-16 code units (RFC 8785, 3.2.3).
func sorted(members map[string]any) []string {
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.SortFunc(names, utf16Order)
	return names
}

// utf16Order compares by bytes, but what takes two units (lead bytes F0 and up) comes before U+E000 to
// U+FFFF (lead bytes EE and EF).
func utf16Order(a, b string) int {
	for i := 0; i < min(len(a), len(b)); i++ {
		if x, y := a[i], b[i]; x != y {
			if x >= 0xEE && y >= 0xEE && (x >= 0xF0) != (y >= 0xF0) {
				x, y = y, x
			}
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(len(a), len(b))
}

// number writes a number as it is, or as ECMAScript does (RFC 8785, 3.2.2.3).
func (w *writer) number(number Number) {
	value := number.Float()
	switch whole, ok := number.Int(); {
	case !w.canonical:
		w.out = append(w.out, number...)
	case number.Whole() && (!ok || whole > SafeInt || whole < -SafeInt) || math.IsInf(value, 0):
		w.failed = true
	case value == 0:
		w.out = append(w.out, '0') // also of -0
	case math.Abs(value) >= 1e-6 && math.Abs(value) < 1e21:
		w.out = strconv.AppendFloat(w.out, value, 'f', -1, 64)
	default:
		w.out = strconv.AppendFloat(w.out, value, 'e', -1, 64)
		if n := len(w.out); w.out[n-2] == '0' && w.out[n-3] == '-' { // e-07 is written e-7
			w.out = append(w.out[:n-2], w.out[n-1])
		}
	}
}

func (w *writer) text(value string) {
	const digits = "0123456789abcdef"
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
			w.out = append(w.out, '\\', 'u', 'd', digits[value[i+1]>>2&15], digits[value[i+1]&3<<2|value[i+2]>>4&3], digits[value[i+2]&15])
			i += 2
		default:
			w.out = append(w.out, c)
		}
	}
	w.out = append(w.out, '"')
}
