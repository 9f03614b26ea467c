package attenuate

import (
	"encoding/binary"
	"math"
	"slices"
	"unicode/utf8"

	"attenuate.invalid/attenuate/internal/strict"
)

const (
	majorUint, majorNint, majorBytes, majorText, majorArray, majorMap = 0, 1, 2, 3, 4, 5
	cborFalse, cborTrue, cborNull                                     = 0xF4, 0xF5, 0xF6

	maxDepth = 6 // nesting of arrays and maps, the outermost counting 1 (V1)
)

// reader reads the deterministic CBOR of specs/token.md and nothing else: any other spelling of a value
// is refused where it begins. It throws a *Refusal. s is the same bytes as b, for text without copies.
type reader struct {
	b []byte
	s string
	i int
}

func newReader(b []byte) *reader { return &reader{b: b, s: string(b)} }

func (r *reader) need(ok bool, code, what string) {
	if !ok {
		panic(malformed(code, what))
	}
}

func (r *reader) peek() byte {
	r.need(r.i < len(r.b), "cbor", "truncated bytes")
	return r.b[r.i]
}

func (r *reader) end() { r.need(r.i == len(r.b), "cbor", "trailing bytes") }

// head reads a head of major type 0 to 5 and returns that type and its argument.
func (r *reader) head() (major byte, n int64) {
	first := r.peek()
	r.i++
	major, n = first>>5, int64(first&31)
	if n < 24 {
		r.need(major <= majorMap, "cbor", "a tag, a float or another value")
		return major, n
	}
	r.need(n <= 27 && major <= majorMap, "cbor", "an indefinite length, a tag or a float")
	size := 1 << (n - 24)
	r.need(len(r.b)-r.i >= size, "cbor", "truncated bytes")
	var wide uint64
	for _, c := range r.b[r.i : r.i+size] {
		wide = wide<<8 | uint64(c)
	}
	r.i += size
	r.need(wide >= 24 && (size == 1 || wide >= 1<<(4*size)), "cbor", "a long spelling of a number")
	r.need(wide <= math.MaxInt64, "cbor", "an integer or a length beyond 2^63-1")
	return major, int64(wide)
}

// count reads the head of an array, a map or a string. Each element takes a byte or more, so a count
// beyond what is left is refused before anything is made of it.
func (r *reader) count(major byte, what string) int {
	found, n := r.head()
	if found != major {
		panic(malformed("shape", "something else than "+what))
	}
	r.need(n <= int64(len(r.b)-r.i), "cbor", "truncated bytes")
	return int(n)
}

func (r *reader) some(major byte, what string) int {
	n := r.count(major, what)
	if n == 0 {
		panic(malformed("shape", what+" without an element"))
	}
	return n
}

func (r *reader) bytes(least, most int) []byte {
	n := r.count(majorBytes, "bytes")
	r.need(least <= n && n <= most, "shape", "bytes of another length")
	r.i += n
	return r.b[r.i-n : r.i : r.i]
}

func (r *reader) text() string {
	n := r.count(majorText, "text")
	r.i += n
	text := r.s[r.i-n : r.i]
	r.need(utf8.ValidString(text), "cbor", "text that is not UTF-8")
	return text
}

func (r *reader) int(least, most int64) int64 {
	major, n := r.head()
	r.need(major <= majorNint, "shape", "something else than an integer")
	if major == majorNint {
		n = -1 - n
	}
	r.need(least <= n && n <= most, "shape", "a number out of range")
	return n
}

func (r *reader) isTrue() bool {
	r.need(r.peek() == cborTrue, "shape", "something else than true")
	r.i++
	return true
}

// ascends checks that the map key from `start` on comes after the one before it, by bytes.
func (r *reader) ascends(before *string, start int) {
	key := r.s[start:r.i]
	r.need(*before < key, "cbor", "map keys out of order or twice")
	*before = key
}

// scalar reads text, an integer or a boolean.
func (r *reader) scalar() any {
	switch first := r.peek(); {
	case first == cborFalse || first == cborTrue:
		r.i++
		return first == cborTrue
	case first>>5 == majorText:
		return r.text()
	}
	return r.int(math.MinInt64, math.MaxInt64)
}

// value reads any value, as what JSON shows of it: bytes as hex, integer keys as digits. An extension's
// value has no bytes, null, integer keys or empty collections.
func (r *reader) value(depth int, extension bool) any {
	switch first := r.peek(); first >> 5 {
	case majorArray:
		n := r.count(majorArray, "an array")
		r.nested(depth, n, extension)
		out := make([]any, 0, n)
		for ; n > 0; n-- {
			out = append(out, r.value(depth+1, extension))
		}
		return out
	case majorMap:
		n, last := r.count(majorMap, "a map"), ""
		r.nested(depth, n, extension)
		out := make(map[string]any, n)
		for ; n > 0; n-- {
			start := r.i
			key := r.key(extension)
			r.ascends(&last, start)
			out[key] = r.value(depth+1, extension)
		}
		return out
	case majorBytes:
		r.need(!extension, "shape", "bytes in an extension")
		return hexOf(r.bytes(0, len(r.b)))
	default:
		if first == cborNull && !extension {
			r.i++
			return nil
		}
	}
	return r.scalar()
}

func (r *reader) nested(depth, n int, extension bool) {
	r.need(depth <= maxDepth, "too_large", "nesting beyond 6")
	r.need(n > 0 || !extension, "shape", "an empty collection in an extension")
}

func (r *reader) key(extension bool) string {
	if first := r.peek() >> 5; first == majorText || extension {
		return r.text()
	}
	return string(strict.Append(nil, r.int(math.MinInt64, math.MaxInt64)))
}

// --- writing ---

func appendHead(out []byte, major byte, n uint64) []byte {
	switch major <<= 5; {
	case n < 24:
		return append(out, major|byte(n))
	case n <= math.MaxUint8:
		return append(out, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(out, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(out, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(out, major|27), n)
}

func appendText(out []byte, text string) []byte {
	return append(appendHead(out, majorText, uint64(len(text))), text...)
}

// appendCBOR appends the deterministic encoding of a value; it throws for a value that has none. Text
// is not looked at: what is written is read back before it is used.
func appendCBOR(out []byte, value any) []byte {
	switch value := value.(type) {
	case nil:
		return append(out, cborNull)
	case bool:
		if value {
			return append(out, cborTrue)
		}
		return append(out, cborFalse)
	case int64:
		if value < 0 {
			return appendHead(out, majorNint, uint64(-1-value))
		}
		return appendHead(out, majorUint, uint64(value))
	case strict.Number:
		if n, ok := value.Int(); ok {
			return appendCBOR(out, n)
		}
	case string:
		return appendText(out, value)
	case []byte:
		return append(appendHead(out, majorBytes, uint64(len(value))), value...)
	case []any:
		out = appendHead(out, majorArray, uint64(len(value)))
		for _, member := range value {
			out = appendCBOR(out, member)
		}
		return out
	case map[any]any:
		pairs := make([][2]string, 0, len(value))
		for key, member := range value {
			pairs = append(pairs, [2]string{string(appendCBOR(nil, key)), string(appendCBOR(nil, member))})
		}
		slices.SortFunc(pairs, func(a, b [2]string) int { return slices.Compare(a[:1], b[:1]) })
		out = appendHead(out, majorMap, uint64(len(pairs)))
		for _, pair := range pairs {
			out = append(append(out, pair[0]...), pair[1]...)
		}
		return out
	case map[string]any:
		members := make(map[any]any, len(value))
		for name, member := range value {
			members[name] = member
		}
		return appendCBOR(out, members)
	}
	panic(malformed("shape", "a value that has no encoding"))
}
