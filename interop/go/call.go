package attenuate

import (
	"crypto/sha256"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"attenuate.invalid/attenuate/internal/strict"
)

const (
	maxNesting  = 64   // of a call's arguments
	maxFactName = 4096 // characters
)

// CallDigest returns SHA-256 of a call's JSON arguments in their canonical bytes (RFC 8785); its hex is
// the fact "call". Arguments that have no one spelling are refused.
func CallDigest(args []byte) ([]byte, error) {
	value, err := strict.Parse(args)
	text, canonical := strict.Append(nil, value)
	if err != nil || !canonical {
		return nil, malformed("facts", "arguments that are no JSON, or have no canonical bytes")
	}
	digest := sha256.Sum256(text)
	return digest[:], nil
}

// CallBinding returns the 32 bytes that bind a proof to a tool call with these JSON arguments. Read the
// same text for the call itself with DecodeArgs, never into a struct (see Flatten).
func CallBinding(audience, run, action string, args []byte) ([]byte, error) {
	digest, err := CallDigest(args)
	if err != nil {
		return nil, err
	}
	return binding(labelCall, digest, run, audience, run, action)
}

// HTTPBinding returns the 32 bytes that bind a proof to an HTTP request: method, scheme, authority and
// target as text on the wire, with nothing folded.
func HTTPBinding(audience, run, method, scheme, authority, target string, body []byte) ([]byte, error) {
	digest := sha256.Sum256(body)
	return binding(labelHTTP, digest[:], run, audience, run, method, scheme, authority, target)
}

func binding(label string, digest []byte, run string, texts ...string) (bound []byte, err error) {
	defer caught(&err)
	parseRun(run)
	need(utf8.ValidString(strings.Join(texts, " ")), "facts", "text that is not Unicode")
	h := hash(label, nil, string(appendCBOR(nil, append(anys(texts), digest))))
	return h[:], nil
}

// Flatten returns a tool's JSON arguments as facts under "args." (specs/caveats.md, facts). Numbers are
// int64 or Opaque. Text that is JSON with two meanings, or no object, is refused.
//
// Read the same text for the call itself with DecodeArgs, or into a map[string]any, never into a struct:
// encoding/json matches member names without case, so that a struct may take its path from "PATH".
func Flatten(args []byte) (facts Facts, err error) {
	defer caught(&err)
	members, err := DecodeArgs(args)
	if err != nil {
		return nil, err
	}
	facts = Facts{}
	if !hollow(members) {
		facts.put("args", members, 0)
	}
	return facts, nil
}

// DecodeArgs returns the JSON arguments that Flatten makes facts of, for the call itself: what is called is
// then what was checked. Values are nil, bool, string, json.Number, []any or map[string]any.
func DecodeArgs(args []byte) (members map[string]any, err error) {
	defer caught(&err)
	value, err := strict.Parse(args)
	members, ok := value.(map[string]any)
	need(err == nil && ok, "facts", "arguments that are no JSON object, or one with two meanings")
	return members, nil
}

// hollow says whether an object has no member but null.
func hollow(members map[string]any) bool {
	for _, member := range members {
		if member != nil {
			return false
		}
	}
	return true
}

func (f Facts) state(name string, fact any) {
	f[name] = fact
	need(len(f) <= maxFacts, "too_large", "more than 256 facts")
}

// put states a value of JSON under a name.
func (f Facts) put(name string, value any, depth int) {
	switch value := value.(type) {
	case []any:
		f.putList(name, value, depth)
	case map[string]any:
		named := len(value) > 0
		for key := range value {
			named = named && key != "" && !strings.Contains(key, ".")
		}
		if !named {
			f.state(name, Opaque)
			return
		}
		need(depth < maxNesting, "facts", "nesting beyond 64")
		for key, member := range value {
			if member != nil {
				f.put(join(name, key), member, depth+1)
			}
		}
	default:
		f.state(name, scalarOf(value))
	}
}

func join(name, key string) string {
	name += "." + key
	need(utf8.RuneCountInString(name) <= maxFactName, "too_large", "a name of more than 4096 characters")
	return name
}

func (f Facts) putList(name string, values []any, depth int) {
	list, objects := make([]any, len(values)), 0
	for i, value := range values {
		list[i] = scalarOf(value)
		if _, is := value.(map[string]any); is {
			objects++
		}
	}
	odd := len(values) > maxFacts || objects > 0 && objects < len(values) ||
		slices.ContainsFunc(values, func(value any) bool { return hasArray(value, depth) })
	switch {
	case odd:
		f.state(name, Opaque)
	case objects == 0:
		f.state(name, list)
	default:
		f.putTable(name, values, depth)
	}
}

// putTable states a list of objects, which becomes a list for each fact that any of them has.
func (f Facts) putTable(name string, values []any, depth int) {
	columns := Facts{}
	for i, value := range values {
		row := Facts{}
		if !hollow(value.(map[string]any)) { // else it lacks every fact
			row.put(name, value, depth)
		}
		if _, whole := row[name]; whole { // an object that is opaque itself
			f.state(name, Opaque)
			return
		}
		for key, fact := range row {
			if columns[key] == nil {
				column := make([]any, len(values))
				for j := range column {
					column[j] = Opaque
				}
				columns[key] = column
			}
			columns[key].([]any)[i] = fact
		}
		need(len(f)+len(columns) <= maxFacts, "too_large", "more than 256 facts")
	}
	for key, column := range columns {
		f.state(key, column)
	}
	if len(columns) == 0 {
		f.state(name, Opaque)
	}
}

// hasArray says whether an element of an array is an array or has one in it.
func hasArray(value any, depth int) bool {
	members, object := value.(map[string]any)
	if !object {
		_, array := value.([]any)
		return array
	}
	need(depth < maxNesting, "facts", "nesting beyond 64")
	for _, member := range members {
		if hasArray(member, depth+1) {
			return true
		}
	}
	return false
}

func scalarOf(value any) any {
	switch value := value.(type) {
	case bool, string:
		return value
	case json.Number:
		if f, _ := value.Float64(); f == math.Trunc(f) && math.Abs(f) <= strict.SafeInt {
			return int64(f) // exact: all integers up to there are doubles, and none beyond comes near
		}
	}
	return Opaque
}
