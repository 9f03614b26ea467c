package attenuate

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Blocks in JSON, both ways (specs/caveats.md, JSON). Only the form is turned, and it throws where it
// cannot be: what the values say is for the reader of the bytes to refuse.

// part is one member of a block, a grant or a demand: its name, how its value becomes what is on the wire
// and JSON again, and of a block how it is read. Its number is its place.
type part struct {
	name       string
	wire, show func(any) any
	read       func(*block, *reader)
}

var (
	grantParts = []part{{"actions", same, same, nil},
		{"where", members(constraintWire), members(constraintShown), nil}, {"only", same, same, nil}}
	demandParts = []part{{"actions", same, same, nil},
		{"keys", elements(bytesWire), same, nil}, {"quorum", same, same, nil}}
)

// wireOf returns the members of an object by their numbers. What no part has is an unknown number, or of a
// block an extension, which stands under its name.
func wireOf(parts []part, what string, value any) map[any]any {
	out := make(map[any]any)
	for name, value := range object(value) {
		at := slices.IndexFunc(parts, func(p part) bool { return p.name == name })
		number, err := strconv.ParseInt(name, 10, 64)
		switch {
		case at >= 0:
			out[int64(at)] = turned(name, value, parts[at].wire)
		case err == nil && strconv.FormatInt(number, 10) == name:
			need(number < 0 || number >= int64(len(parts)), "shape", "a number that has a name")
			out[number] = turned(name, value, same)
		default:
			need(what == "caveat" && isExtension(name), "shape", fmt.Sprintf("%.80q is no %s", name, what))
			out[name] = turned(name, value, same)
		}
	}
	return out
}

// turned returns what a member becomes, which has an encoding; it throws under the member's name.
func turned(name string, value any, turn func(any) any) any {
	defer func() { named(recover(), name) }()
	value = turn(value)
	appendCBOR(nil, value)
	return value
}

// shownOf returns an object of what was read under numbers.
func shownOf(parts []part, value any) map[string]any {
	out := make(map[string]any)
	for key, value := range object(value) {
		if number, err := strconv.Atoi(key); err == nil && 0 <= number && number < len(parts) {
			key, value = parts[number].name, parts[number].show(value)
		}
		out[key] = value
	}
	return out
}

func same(value any) any { return value }

func object(value any) map[string]any {
	out, ok := value.(map[string]any)
	need(ok, "shape", "something else than a JSON object")
	return out
}

func array(value any) []any {
	out, ok := value.([]any)
	need(ok, "shape", "something else than a list")
	return out
}

// elements turns the elements of a list.
func elements(turn func(any) any) func(any) any {
	return func(value any) any {
		out := slices.Clone(array(value))
		for i := range out {
			out[i] = turn(out[i])
		}
		return out
	}
}

// members turns the members of an object.
func members(turn func(any) any) func(any) any {
	return func(value any) any {
		out := maps.Clone(object(value))
		for name := range out {
			out[name] = turned(name, out[name], turn)
		}
		return out
	}
}

func bytesWire(value any) any {
	text, _ := value.(string)
	data, err := hex.DecodeString(text)
	need(err == nil && hex.EncodeToString(data) == value, "shape", "bytes that are not lower-case hex")
	return data
}

func runWire(value any) any {
	text, ok := value.(string)
	need(ok, "shape", "a run that is no text")
	var out []any
	for _, part := range parseRun(text) {
		pair := []any{part.name, part.attempt}
		if part.attempt == 0 {
			pair = pair[:1]
		}
		out = append(out, pair)
	}
	return out
}

func runShown(value any) any {
	var out run
	for _, part := range array(value) {
		pair := append(array(part), int64(0)) // for an attempt that is open
		out = append(out, segment{pair[0].(string), pair[1].(int64)})
	}
	return out.String()
}

func grantWire(value any) any { return wireOf(grantParts, "part of a grant", value) }

func grantShown(value any) any { return shownOf(grantParts, value) }

func demandWire(value any) any {
	out := []any{nil, nil, int64(1)}
	for key, part := range wireOf(demandParts, "part of an approval", value) {
		number, ok := key.(int64)
		need(ok && 0 <= number && number < 3, "shape", "an unknown part of an approval")
		out[number] = part
	}
	return out
}

func demandShown(value any) any {
	out := make(map[string]any)
	for i, part := range array(value) {
		out[demandParts[i].name] = part
	}
	return out
}

func constraintWire(value any) any {
	var out []any
	least, bounded := object(value)["min"]
	most, capped := object(value)["max"]
	if bounded || capped {
		need(bounded == (least != nil) && capped == (most != nil), "shape", "a bound of null")
		out = []any{int64(inRange), []any{least, most}}
	}
	for name, value := range object(value) {
		if at := slices.Index(kindNames[:], name); at >= 0 && at != inRange {
			need(out == nil, "shape", "a constraint of two kinds")
			out = []any{int64(at), value}
		} else {
			need(name == "min" || name == "max" || name == "optional", "shape", "an unknown constraint: "+cut(name))
		}
	}
	need(out != nil, "shape", "a constraint of no kind")
	if optional, stated := object(value)["optional"]; stated {
		out = append(out, optional)
	}
	return out
}

func constraintShown(value any) any {
	parts := array(value)
	out := map[string]any{kindNames[parts[0].(int64)]: parts[1]}
	if parts[0] == int64(inRange) {
		out = make(map[string]any)
		for i, name := range [...]string{"min", "max"} {
			if bound := array(parts[1])[i]; bound != nil {
				out[name] = bound
			}
		}
	}
	if len(parts) == 3 {
		out["optional"] = true
	}
	return out
}
