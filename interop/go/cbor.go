package attenuate

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	majorUint, majorNint, majorBytes, majorText, majorArray, majorMap = 0, 1, 2, 3, 4, 5
	cborFalse, cborTrue, cborNull                                     = 0xF4, 0xF5, 0xF6

	maxDepth = 6 // nesting of arrays and maps, the outermost counting 1 (V1)
)

// reader reads the deterministic CBOR of specs/token.md and nothing else: any other spelling of a value
// is refused where it begins. It throws. The bytes are a string, so that text is not copied.
type reader struct {
	s string
	i int
}

func (r *reader) peek() byte {
	need(r.i < len(r.s), "cbor", "truncated bytes")
	return r.s[r.i]
}

func (r *reader) end() { need(r.i == len(r.s), "cbor", "trailing bytes") }

// head reads a head of major type 0 to 5 and returns that type and its argument.
func (r *reader) head() (major byte, n int64) {
	first := r.peek()
	r.i++
	major, n = first>>5, int64(first&31)
	need(n <= 27 && major <= majorMap, "cbor", "an indefinite length, a tag, a float or another value")
	if n < 24 {
		return major, n
	}
	size := 1 << (n - 24)
	need(len(r.s)-r.i >= size, "cbor", "truncated bytes")
	var wide uint64
	for i := 0; i < size; i++ {
		wide = wide<<8 | uint64(r.s[r.i+i])
	}
	r.i += size
	need(wide >= 24 && (size == 1 || wide >= 1<<(4*size)), "cbor", "a long spelling of a number")
	need(wide <= math.MaxInt64, "cbor", "an integer or a length beyond 2^63-1")
	return major, int64(wide)
}

// count reads the head of an array, a map or a string. Each element takes a byte or more, so a count
// beyond what is left is refused before anything is made of it.
func (r *reader) count(major byte, least int) int {
	found, n := r.head()
	need(found == major && n >= int64(least), "shape", "another type of value, or an empty one")
	need(n <= int64(len(r.s)-r.i), "cbor", "truncated bytes")
	return int(n)
}

func (r *reader) bytes(least, most int) string {
	n := r.count(majorBytes, least)
	need(n <= most, "shape", "more bytes than there may be")
	r.i += n
	return r.s[r.i-n : r.i]
}

func (r *reader) text() string {
	n := r.count(majorText, 0)
	r.i += n
	text := r.s[r.i-n : r.i]
	need(utf8.ValidString(text), "cbor", "text that is not UTF-8")
	return text
}

func (r *reader) int(least, most int64) int64 {
	major, n := r.head()
	need(major <= majorNint, "shape", "something else than an integer")
	if major == majorNint {
		n = -1 - n
	}
	need(least <= n && n <= most, "shape", "a number out of range")
	return n
}

func (r *reader) integer() int64 { return r.int(math.MinInt64, math.MaxInt64) }

// is reads a value of one byte, if it is the next.
func (r *reader) is(value byte) bool {
	found := r.peek() == value
	if found {
		r.i++
	}
	return found
}

func (r *reader) isTrue() bool {
	need(r.is(cborTrue), "shape", "something else than true")
	return true
}

// scalar reads text, an integer or a boolean.
func (r *reader) scalar() any {
	if r.is(cborTrue) {
		return true
	}
	if r.is(cborFalse) {
		return false
	}
	return r.key()
}

// key reads text or an integer.
func (r *reader) key() any {
	if r.peek()>>5 == majorText {
		return r.text()
	}
	return r.integer()
}

// list reads an array that is not empty.
func list[T any](r *reader, read func(*reader) T) []T {
	out := make([]T, r.count(majorArray, 1))
	for i := range out {
		out[i] = read(r)
	}
	return out
}

// pairs reads a map, whose keys ascend by bytes. `each` reads a key's value.
func pairs[K any](r *reader, least int, read func(*reader) K, each func(K)) {
	last := ""
	for n := r.count(majorMap, least); n > 0; n-- {
		start := r.i
		key := read(r)
		need(last < r.s[start:r.i], "cbor", "map keys out of order or twice")
		last = r.s[start:r.i]
		each(key)
	}
}

// value reads any value, as what JSON shows of it: bytes as hex, integer keys as digits. An extension's
// value has no bytes, null, integer keys or empty collections.
func (r *reader) value(depth int, extension bool) any {
	least, major := 0, r.peek()>>5
	if extension {
		least = 1
	}
	need(depth <= maxDepth || major != majorArray && major != majorMap, "too_large", "nesting beyond 6")
	switch {
	case major == majorArray:
		out := make([]any, r.count(majorArray, least))
		for i := range out {
			out[i] = r.value(depth+1, extension)
		}
		return out
	case major == majorMap:
		out := make(map[string]any)
		pairs(r, least, (*reader).key, func(key any) {
			_, isText := key.(string)
			need(isText || !extension, "shape", "a number as a key in an extension")
			out[fmt.Sprint(key)] = r.value(depth+1, extension)
		})
		return out
	case major == majorBytes && !extension:
		return hex.EncodeToString([]byte(r.bytes(0, len(r.s))))
	case !extension && r.is(cborNull):
		return nil
	}
	return r.scalar()
}

// --- writing ---

func appendHead(out []byte, major byte, n uint64) []byte {
	if n < 24 {
		return append(out, major<<5|byte(n))
	}
	size := 0 // of the number: 1, 2, 4 or 8 bytes
	for n>>(8<<size) > 0 {
		size++
	}
	out = append(out, major<<5|24|byte(size))
	for shift := 8<<size - 8; shift >= 0; shift -= 8 {
		out = append(out, byte(n>>shift))
	}
	return out
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
	case json.Number:
		n, err := value.Int64()
		need(err == nil, "shape", "a number that is no integer of 64 bits")
		return appendCBOR(out, n)
	case string:
		return append(appendHead(out, majorText, uint64(len(value))), value...)
	case []byte:
		return append(appendHead(out, majorBytes, uint64(len(value))), value...)
	case []any:
		out = appendHead(out, majorArray, uint64(len(value)))
		for _, member := range value {
			out = appendCBOR(out, member)
		}
		return out
	case map[any]any:
		return appendMap(out, value)
	case map[string]any:
		return appendMap(out, value)
	}
	panic(malformed("shape", "a value that has no encoding"))
}

func appendMap[K comparable](out []byte, members map[K]any) []byte {
	pairs := make([]string, 0, len(members))
	for key, member := range members {
		pairs = append(pairs, string(appendCBOR(appendCBOR(nil, key), member)))
	}
	slices.Sort(pairs) // by key: no key's encoding is the beginning of another's
	return append(appendHead(out, majorMap, uint64(len(pairs))), strings.Join(pairs, "")...)
}
