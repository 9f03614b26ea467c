package attenuate

import (
	"crypto/sha256"
	"math"
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
	if err == nil {
		args, err = strict.Canonical(value)
	}
	if err != nil {
		return nil, malformed("facts", err.Error())
	}
	digest := sha256.Sum256(args)
	return digest[:], nil
}

// CallBinding returns the 32 bytes that bind a proof to a tool call with these JSON arguments.
func CallBinding(audience, run, action string, args []byte) ([]byte, error) {
	digest, err := CallDigest(args)
	if err != nil {
		return nil, err
	}
	return binding(labelCall, audience, run, digest, action)
}

// HTTPBinding returns the 32 bytes that bind a proof to an HTTP request: method, scheme, authority and
// target as text on the wire, with nothing folded.
func HTTPBinding(audience, run, method, scheme, authority, target string, body []byte) ([]byte, error) {
	digest := sha256.Sum256(body)
	return binding(labelHTTP, audience, run, digest[:], method, scheme, authority, target)
}

func binding(label, audience, run string, digest []byte, texts ...string) ([]byte, error) {
	if _, err := parseRun(run); err != nil {
		return nil, err
	}
	parts := []any{audience, run}
	for _, text := range texts {
		parts = append(parts, text)
	}
	if !utf8.ValidString(audience + " " + strings.Join(texts, " ")) {
		return nil, malformed("facts", "text that is not Unicode")
	}
	out := hash(label, nil, appendCBOR(nil, append(parts, digest)))
	return out[:], nil
}

// Flatten returns a tool's JSON arguments as facts under "args." (specs/caveats.md, facts). Numbers are
// int64 or Opaque. Text that is JSON with two meanings, or no object, is refused.
func Flatten(args []byte) (facts Facts, err error) {
	defer caught(&err)
	value, err := strict.Parse(args)
	members, ok := value.(map[string]any)
	if err != nil || !ok {
		return nil, malformed("facts", "arguments that are no JSON object, or one with two meanings")
	}
	facts = Facts{}
	if !hollow(members) {
		flatten("args", value, facts, 0)
	}
	return facts, nil
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

func (f Facts) put(name string, fact any) {
	if f[name] = fact; len(f) > maxFacts {
		panic(malformed("too_large", "more than 256 facts"))
	}
}

func flatten(name string, value any, facts Facts, depth int) {
	switch value := value.(type) {
	case nil:
	case map[string]any:
		named := len(value) > 0
		for key := range value {
			named = named && key != "" && !strings.Contains(key, ".")
		}
		if !named {
			facts.put(name, Opaque)
			return
		}
		tooDeep(depth)
		for key, member := range value {
			if member != nil {
				flatten(join(name, key), member, facts, depth+1)
			}
		}
	case []any:
		flattenArray(name, value, facts, depth)
	default:
		facts.put(name, scalarOf(value))
	}
}

func tooDeep(depth int) {
	if depth >= maxNesting {
		panic(malformed("facts", "nesting beyond 64"))
	}
}

func join(name, key string) string {
	name += "." + key
	count := 0
	for i := 0; i < len(name); i++ { // half a surrogate pair is one character here, as it is in JSON
		if name[i]&0xC0 != 0x80 {
			count++
		}
	}
	if count > maxFactName {
		panic(malformed("too_large", "a name of more than 4096 characters"))
	}
	return name
}

func flattenArray(name string, values []any, facts Facts, depth int) {
	objects, arrays := 0, false
	for _, value := range values {
		if _, object := value.(map[string]any); object {
			objects++
		}
	}
	odd := len(values) > maxFacts || objects > 0 && objects < len(values)
	for i := 0; i < len(values) && !odd && !arrays; i++ {
		arrays = hasArray(values[i], depth)
	}
	if odd || arrays {
		facts.put(name, Opaque)
		return
	}
	list := make([]any, len(values))
	columns := map[string][]any{}
	for i, value := range values {
		members, object := value.(map[string]any)
		if !object {
			list[i] = scalarOf(value)
			continue
		}
		if hollow(members) {
			continue // it lacks every fact
		}
		row := Facts{}
		flatten(name, value, row, depth)
		if _, whole := row[name]; whole { // an object that is opaque itself
			facts.put(name, Opaque)
			return
		}
		for key, fact := range row {
			if columns[key] == nil {
				columns[key] = make([]any, len(values))
				for j := range columns[key] {
					columns[key][j] = Opaque
				}
			}
			columns[key][i] = fact
		}
		if len(facts)+len(columns) > maxFacts {
			panic(malformed("too_large", "more than 256 facts"))
		}
	}
	for key, column := range columns {
		facts.put(key, column)
	}
	if objects == 0 {
		facts.put(name, list)
	} else if len(columns) == 0 {
		facts.put(name, Opaque)
	}
}

// hasArray says whether an element of an array is an array or has one in it.
func hasArray(value any, depth int) bool {
	members, object := value.(map[string]any)
	if !object {
		_, array := value.([]any)
		return array
	}
	tooDeep(depth)
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
	case strict.Number:
		if whole, ok := value.Int(); ok && whole <= strict.SafeInt && whole >= -strict.SafeInt {
			return whole
		}
		if f := value.Float(); !value.Whole() && f == math.Trunc(f) && math.Abs(f) <= strict.SafeInt {
			return int64(f)
		}
	}
	return Opaque
}
