package attenuate

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
)

// The kinds of constraints, by their number on the wire (specs/caveats.md, constraints).
const oneOf, noneOf, inRange, under, starts, host, present = 0, 1, 2, 3, 4, 5, 6

var kindNames = [...]string{"one_of", "none_of", "range", "under", "starts", "host", "any"}

type constraint struct {
	kind     int64
	operands []any // string, int64 or bool; in a range int64 or nil
	optional bool
	raw      string
}

func (r *reader) constraint() (c constraint) {
	start := r.i
	n := r.count(majorArray, 2)
	c.kind = r.int(oneOf, present)
	switch c.kind {
	case present:
		r.isTrue()
	case inRange:
		c.operands = list(r, (*reader).bound)
	default:
		c.operands = list(r, (*reader).scalar)
	}
	need(n <= 3 && c.well(), "shape", "another constraint")
	c.optional = n == 3 && r.isTrue()
	c.raw = r.s[start:r.i]
	return c
}

func (r *reader) bound() any {
	if r.is(cborNull) {
		return nil
	}
	return r.integer()
}

// well says whether the operands are what the kind asks for.
func (c *constraint) well() bool {
	if c.kind == inRange {
		if len(c.operands) != 2 {
			return false
		}
		least, bounded := c.operands[0].(int64)
		most, capped := c.operands[1].(int64)
		return bounded != capped || bounded && least <= most
	}
	for _, operand := range c.operands {
		text, isText := operand.(string)
		if c.kind == starts && !isText || c.kind == host && !isHost(text) ||
			c.kind == under && text != "/" && text != "." && !isPath(text) {
			return false
		}
	}
	return true
}

// told says whether it is clear what the constraint says of one scalar, and whether it holds. For under
// and host the scalar is one that matter.formed took.
func (c *constraint) told(value any) (clear, holds bool) {
	text, isText := value.(string)
	switch c.kind {
	case oneOf, noneOf:
		for _, operand := range c.operands { // 1, "1" and true differ
			clear = clear || reflect.TypeOf(operand) == reflect.TypeOf(value)
			holds = holds || operand == value
		}
		return clear, holds == (c.kind == oneOf)
	case inRange:
		number, isInt := value.(int64)
		least, bounded := c.operands[0].(int64)
		most, capped := c.operands[1].(int64)
		return isInt, !(bounded && number < least) && !(capped && number > most)
	case under:
		return c.toldPath(text)
	case starts:
		return isText, c.some(func(prefix string) bool { return strings.HasPrefix(text, prefix) })
	case host:
		// no host but an address itself ends in an address, so one rule serves both
		return true, c.some(func(name string) bool { return text == name || strings.HasSuffix(text, "."+name) })
	}
	return true, true
}

func (c *constraint) some(good func(operand string) bool) bool {
	return slices.ContainsFunc(c.operands, func(operand any) bool { return good(operand.(string)) })
}

func (c *constraint) toldPath(path string) (clear, holds bool) {
	absolute, clear := strings.HasPrefix(path, "/"), true
	holds = c.some(func(operand string) bool {
		if (operand[0] == '/') != absolute {
			clear = false // nobody here knows where a relative path starts
			return false
		}
		return operand == "/" || operand == "." || path == operand || strings.HasPrefix(path, operand+"/")
	})
	return clear || holds, holds
}

func isPath(text string) bool {
	between := "/" + strings.TrimPrefix(text, "/") + "/" // each segment between two
	if strings.Contains(between, "//") || strings.Contains(between, "/./") ||
		strings.Contains(between, "/../") || strings.HasPrefix(between, "/~") {
		return false
	}
	for i, c := range text {
		escape := c == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2])
		if escape || c == '\\' || c < 0x20 || c >= 0x7F && c <= 0x9F {
			return false
		}
	}
	return true
}

func isHex(c byte) bool { return c-'0' < 10 || c|0x20-'a' < 6 }

func isHost(text string) bool {
	if len(text) > 253 {
		return false
	}
	labels := strings.Split(text, ".")
	for _, label := range labels {
		if !made(label, 63, lower+digits+"_-") {
			return false
		}
	}
	last := labels[len(labels)-1]
	if made(last, 63, digits) || strings.HasPrefix(last, "0x") { // an address, of which there is one spelling
		_, err := netip.ParseAddr(text)
		return err == nil
	}
	return true
}

const lower, upper, digits = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"

// made says whether text is 1 to `most` of these characters.
func made(text string, most int, of string) bool {
	for i := 0; i < len(text); i++ {
		if strings.IndexByte(of, text[i]) < 0 {
			return false
		}
	}
	return text != "" && len(text) <= most
}
