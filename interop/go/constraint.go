package attenuate

import (
	"math"
	"slices"
	"strings"
)

// kind is the number of a constraint on the wire (specs/caveats.md, constraints).
type kind int64

const (
	oneOf kind = iota
	noneOf
	between
	under
	starts
	host
	present
)

var kindNames = [...]string{"one_of", "none_of", "between", "under", "starts", "host", "any"}

// verdict is what a constraint says of one scalar.
type verdict int

const (
	fails verdict = iota
	holds
	unclear // cannot be told
)

type constraint struct {
	kind     kind
	scalars  []any    // one_of, none_of: string, int64 or bool; between: least and most, int64 or nil
	texts    []string // under, starts, host
	optional bool
}

func (r *reader) constraint() (c constraint) {
	n := r.count(majorArray, "a constraint")
	r.need(n == 2 || n == 3, "shape", "another constraint")
	c.kind = kind(r.int(int64(oneOf), int64(present)))
	if c.kind == present {
		r.isTrue()
	} else {
		operands := r.some(majorArray, "an operand")
		r.need(c.kind != between || operands == 2, "shape", "a range of other than two bounds")
		for ; operands > 0; operands-- {
			c.operand(r)
		}
	}
	if c.kind == between {
		least, bounded := c.scalars[0].(int64)
		most, too := c.scalars[1].(int64)
		r.need((bounded || too) && !(bounded && too && least > most), "shape", "another range")
	}
	c.optional = n == 3 && r.isTrue()
	return c
}

func (c *constraint) operand(r *reader) {
	switch c.kind {
	case oneOf, noneOf:
		c.scalars = append(c.scalars, r.scalar())
	case between:
		if r.peek() == cborNull {
			r.i++
			c.scalars = append(c.scalars, nil)
			return
		}
		c.scalars = append(c.scalars, r.int(math.MinInt64, math.MaxInt64))
	default:
		text := r.text()
		r.need(c.kind != under || text == "/" || text == "." || isPath(text), "shape", "an operand that is no path")
		r.need(c.kind != host || isHost(text), "shape", "an operand that is no host")
		c.texts = append(c.texts, text)
	}
}

// told says whether the constraint holds for one scalar: string, int64, bool or Opaque.
func (c *constraint) told(value any) verdict {
	if c.kind == present {
		return holds
	}
	text, isText := value.(string)
	number, isInt := value.(int64)
	flag, isBool := value.(bool)
	switch c.kind {
	case oneOf, noneOf:
		typed, among := false, false
		for _, operand := range c.scalars { // 1, "1" and true differ
			switch operand := operand.(type) {
			case string:
				typed, among = typed || isText, among || isText && operand == text
			case int64:
				typed, among = typed || isInt, among || isInt && operand == number
			case bool:
				typed, among = typed || isBool, among || isBool && operand == flag
			}
		}
		return tellIf(typed, among == (c.kind == oneOf))
	case between:
		least, bounded := c.scalars[0].(int64)
		most, capped := c.scalars[1].(int64)
		return tellIf(isInt, !(bounded && number < least) && !(capped && number > most))
	case starts:
		return tellIf(isText, slices.ContainsFunc(c.texts, func(prefix string) bool { return strings.HasPrefix(text, prefix) }))
	case host:
		return tellIf(isText && isHost(text), slices.ContainsFunc(c.texts, func(name string) bool { return below(text, name) }))
	}
	return c.toldPath(text, isText && isPath(text))
}

func tellIf(clear, yes bool) verdict {
	switch {
	case !clear:
		return unclear
	case yes:
		return holds
	}
	return fails
}

// below says whether a host is a name or ends in it after a dot. No host but an address itself ends in
// an address, so one rule serves both.
func below(text, name string) bool {
	rest, found := strings.CutSuffix(text, name)
	return found && (rest == "" || rest[len(rest)-1] == '.')
}

func (c *constraint) toldPath(path string, well bool) verdict {
	if !well {
		return unclear
	}
	absolute, otherWay := path[0] == '/', false
	for _, operand := range c.texts {
		rest, found := strings.CutPrefix(path, operand)
		switch {
		case operand == "/" && absolute || operand == "." && !absolute:
			return holds
		case found && operand != "/" && (rest == "" || rest[0] == '/'):
			return holds
		case (operand[0] == '/') != absolute:
			otherWay = true // nobody here knows where a relative path starts
		}
	}
	return tellIf(!otherWay, false)
}

func isPath(text string) bool {
	rest := strings.TrimPrefix(text, "/")
	if strings.HasPrefix(rest, "~") {
		return false
	}
	for more := true; more; {
		var segment string
		if segment, rest, more = strings.Cut(rest, "/"); segment == "" || segment == "." || segment == ".." {
			return false
		}
	}
	for i, c := range text {
		if c == '\\' || c < 0x20 || c >= 0x7F && c <= 0x9F {
			return false
		}
		if c == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]) {
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
		if !made(label, 63, "abcdefghijklmnopqrstuvwxyz0123456789_-") {
			return false
		}
	}
	last := labels[len(labels)-1]
	if !made(last, 63, "0123456789") && !strings.HasPrefix(last, "0x") {
		return true
	}
	for _, label := range labels { // a number at the end: an address, of which there is one spelling
		if !made(label, 3, "0123456789") || len(label) > 1 && label[0] == '0' || len(label) == 3 && label > "255" {
			return false
		}
	}
	return len(labels) == 4
}

// made says whether text is 1 to `most` of these characters.
func made(text string, most int, of string) bool {
	for i := 0; i < len(text); i++ {
		if strings.IndexByte(of, text[i]) < 0 {
			return false
		}
	}
	return text != "" && len(text) <= most
}
