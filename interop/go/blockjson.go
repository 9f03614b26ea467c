package attenuate

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"attenuate.invalid/attenuate/internal/strict"
)

// --- JSON to what is on the wire; each throws ---

func need(ok bool, what string) {
	if !ok {
		panic(malformed("shape", what))
	}
}

// fieldsOf returns a block's fields by number. What only its bytes can show, reading it back refuses.
func fieldsOf(block json.Marshaler) map[any]any {
	need(block != nil, "no block")
	data, err := block.MarshalJSON()
	need(err == nil, "a block that does not marshal")
	value, err := strict.Parse(data)
	members, ok := value.(map[string]any)
	need(err == nil && ok, "a block that is no JSON object")
	out := make(map[any]any, len(members))
	for name, value := range members {
		number, isNumber := strict.Number(name).Int()
		switch at := slices.Index(keyNames[:], name); {
		case at >= 0:
			out[int64(at)] = fieldOf(at, value)
		case isNumber && string(strict.Append(nil, number)) == name:
			need(number < 0 || number >= int64(len(keyNames)), "a caveat by its number that has a name")
			out[number] = value
		default: // an extension, or nothing that is read
			out[name] = value
		}
	}
	return out
}

func fieldOf(key int, value any) any {
	switch key {
	case keyNonce, keyNextKey, keyFor:
		return bytesOf(value)
	case keyRun:
		text, ok := value.(string)
		need(ok, "a run that is no text")
		parsed, err := parseRun(text)
		need(err == nil, "another run")
		return parsed.wire()
	case keyAllow, keyDeny:
		return listOf(value, grantOf)
	case keyWhere:
		return whereOf(value)
	case keyApproval:
		return listOf(value, func(value any) any {
			members := membersOf(value, "actions", "keys", "quorum")
			quorum, stated := members["quorum"]
			if !stated {
				quorum = int64(1)
			}
			return []any{members["actions"], listOf(members["keys"], bytesOf), quorum}
		})
	}
	return value
}

func bytesOf(value any) any {
	text, _ := value.(string)
	data, err := hex.DecodeString(text)
	need(err == nil && hexOf(data) == value, "bytes that are not lower-case hex")
	return data
}

func listOf(value any, read func(any) any) any {
	values, ok := value.([]any)
	need(ok, "something else than a list")
	out := make([]any, len(values))
	for i := range values {
		out[i] = read(values[i])
	}
	return out
}

func membersOf(value any, known ...string) map[string]any {
	members, ok := value.(map[string]any)
	need(ok, "something else than an object")
	for name := range members {
		need(known == nil || slices.Contains(known, name), "an unknown member")
	}
	return members
}

func (r run) wire() any {
	out := make([]any, len(r))
	for i, part := range r {
		if out[i] = []any{part.name}; part.attempt != 0 {
			out[i] = []any{part.name, part.attempt}
		}
	}
	return out
}

func grantOf(value any) any {
	out := map[any]any{}
	for name, value := range membersOf(value, "actions", "where", "only") {
		switch name {
		case "actions":
			out[int64(0)] = value
		case "where":
			out[int64(1)] = whereOf(value)
		default:
			out[int64(2)] = value
		}
	}
	return out
}

func whereOf(value any) any {
	out := map[any]any{}
	for fact, value := range membersOf(value) {
		out[fact] = constraintOf(membersOf(value))
	}
	return out
}

func constraintOf(members map[string]any) any {
	var out []any
	least, bounded := members["min"]
	most, capped := members["max"]
	if bounded || capped {
		need(bounded == (least != nil) && capped == (most != nil), "a bound of null")
		out = []any{int64(between), []any{least, most}}
	}
	for name, value := range members {
		if at := slices.Index(kindNames[:], name); at >= 0 && at != int(between) {
			need(out == nil, "a constraint of two kinds")
			out = []any{int64(at), value}
		} else {
			need(strings.Contains(" min max optional ", " "+name+" "), "an unknown constraint")
		}
	}
	need(out != nil, "a constraint of no kind")
	if optional, stated := members["optional"]; stated {
		out = append(out, optional)
	}
	return out
}

// --- what was read, as JSON ---

func (c *constraint) json() map[string]any {
	out := map[string]any{}
	switch c.kind {
	case between:
		for i, name := range [...]string{"min", "max"} {
			if c.scalars[i] != nil {
				out[name] = c.scalars[i]
			}
		}
	case present:
		out["any"] = true
	case oneOf, noneOf:
		out[kindNames[c.kind]] = c.scalars
	default:
		out[kindNames[c.kind]] = plain(c.texts)
	}
	if c.optional {
		out["optional"] = true
	}
	return out
}

func plain(texts []string) any { return each(texts, func(text string) any { return text }) }

func each[T any](values []T, show func(T) any) any {
	out := make([]any, len(values))
	for i := range values {
		out[i] = show(values[i])
	}
	return out
}

func whereJSON(where []condition) any {
	out := make(map[string]any, len(where))
	for i := range where {
		out[where[i].fact] = where[i].constraint.json()
	}
	return out
}

func (g grant) json() any {
	out := map[string]any{"actions": plain(g.patterns)}
	if g.where != nil {
		out["where"] = whereJSON(g.where)
	}
	if g.only {
		out["only"] = true
	}
	return out
}

func (d demand) json() any {
	return map[string]any{"actions": plain(d.patterns), "keys": plain(d.keys), "quorum": int64(d.quorum)}
}

func (b *block) json() map[string]any {
	out := map[string]any{"nonce": hexOf(b.nonce)}
	put := func(key int, stated bool, value any) {
		if stated {
			out[keyNames[key]] = value
		}
	}
	put(keyNextKey, b.nextKey != nil, hexOf(b.nextKey))
	put(keyRun, b.run != nil, b.run.String())
	put(keyAudience, b.audience != nil, plain(b.audience))
	put(keyNotBefore, b.notBefore != absent, b.notBefore)
	put(keyExpires, b.expires != absent, b.expires)
	put(keyAllow, b.allow != nil, each(b.allow, grant.json))
	put(keyDeny, b.deny != nil, each(b.deny, grant.json))
	put(keyWhere, b.where != nil, whereJSON(b.where))
	put(keyApproval, b.approval != nil, each(b.approval, demand.json))
	put(keyDepth, b.maxMore != absent, b.maxMore)
	put(keyFinal, b.final != nil, plain(b.final))
	put(keyBound, b.bound, true)
	put(keyFor, b.asker != nil, hexOf(b.asker))
	put(keyIssuedAt, b.issuedAt != absent, b.issuedAt)
	put(keyNotes, b.notes != nil, b.notes)
	budget := make(map[string]any, len(b.budget))
	for _, limit := range b.budget {
		budget[limit.unit] = limit.most
	}
	put(keyBudget, b.budget != nil, budget)
	for _, unknown := range append(b.numbers[:len(b.numbers):len(b.numbers)], b.extensions...) {
		out[unknown.key] = unknown.value
	}
	return out
}
