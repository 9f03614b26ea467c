package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"attenuate.invalid/attenuate"
	"attenuate.invalid/attenuate/internal/strict"
)

// --- members of a line; each throws ---

func get[T any](line object, name string) T {
	value, ok := line[name].(T)
	require(ok)
	return value
}

// maybe returns a member that may be left out or null.
func maybe[T any](line object, name string) (value T) {
	if line[name] != nil {
		value = get[T](line, name)
	}
	return value
}

func known(line object, names ...string) object {
	for name := range line {
		require(slices.Contains(names, name))
	}
	return line
}

func integer(value any) int64 {
	number, _ := value.(strict.Number)
	n, ok := number.Int()
	require(ok)
	return n
}

func data(line object, name string, size int) []byte {
	text := get[string](line, name)
	value, err := hex.DecodeString(text)
	require(err == nil && hex.EncodeToString(value) == text && (size < 0 || len(value) == size))
	return value
}

// runOf returns a run as text, from text or from a list of [name, attempt], [name, null] or [name].
func runOf(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	segments, ok := value.([]any)
	require(ok && len(segments) > 0)
	parts := make([]string, len(segments))
	for i := range segments {
		pair, _ := segments[i].([]any)
		require(len(pair) == 1 || len(pair) == 2)
		name, ok := pair[0].(string)
		require(ok && !strings.ContainsAny(name, "@/"))
		if parts[i] = name; len(pair) == 2 && pair[1] != nil {
			parts[i] += "@" + strconv.FormatInt(integer(pair[1]), 10)
		}
	}
	return strings.Join(parts, "/")
}

// --- verify ---

func verify(line object) object {
	asked := known(get[object](line, "request"), "run", "audience", "action", "facts", "cost", "binding")
	options := maybe[object](line, "options")
	for name, value := range options {
		require(value == nil || name == "max_lifetime" || name == "leeway")
	}
	verifier := attenuate.Verifier{
		Ring: ring(get[[]any](line, "keys")), Audience: get[string](asked, "audience"),
		AllowUnstatedRun: true, AppliesCharges: true,
	}
	if options["leeway"] != nil {
		verifier.Leeway = integer(options["leeway"])
	}
	if options["max_lifetime"] != nil {
		verifier.MaxLifetime = integer(options["max_lifetime"])
		require(verifier.MaxLifetime > 0)
	}
	request := attenuate.Request{
		Action: get[string](asked, "action"), Cost: map[string]int64{}, Facts: attenuate.Facts{},
	}
	if asked["run"] != nil {
		request.Run = runOf(get[[]any](asked, "run"))
	}
	for unit, amount := range maybe[object](asked, "cost") {
		request.Cost[unit] = integer(amount)
	}
	for name, value := range maybe[object](asked, "facts") {
		request.Facts[name] = fact(value)
	}
	if asked["binding"] != nil {
		request.Binding = data(asked, "binding", 32)
	}
	verified := must(verifier.Verify(get[string](line, "token"), request, integer(line["now"])))
	charges := make([]any, len(verified.Charges))
	for i, charge := range verified.Charges {
		charges[i] = json.RawMessage(must(charge.MarshalJSON()))
	}
	return object{"ok": true, "block_ids": texts(verified.BlockIDs), "charges": charges}
}

func ring(rows []any) *attenuate.Ring {
	ring := attenuate.NewRing()
	for _, each := range rows {
		row, _ := each.(object)
		add := ring.AddPublic
		if alg := integer(row["alg"]); alg != -19 {
			require(alg == 5)
			add = ring.AddSecret
		}
		require(add(get[string](row, "id"), data(row, "key", 32)) == nil)
	}
	return ring
}

func fact(value any) any {
	switch value := value.(type) {
	case nil:
		return attenuate.Opaque
	case strict.Number:
		return integer(value)
	case []any:
		out := make([]any, len(value))
		for i := range value {
			out[i] = fact(value[i])
		}
		return out
	}
	return value // text, a boolean, or an object, which is none
}

func texts(values []string) []any {
	out := make([]any, len(values))
	for i := range values {
		out[i] = values[i]
	}
	return out
}

// --- mint, narrow, seal, present, inspect ---

func told(lease *attenuate.Lease, err error) object {
	return object{"token": must(lease, err).Token()}
}

func mint(line object) object {
	newKey, blocks := attenuate.HMACKey, get[[]any](line, "blocks")
	alg, seeds := integer(line["alg"]), []any(nil)
	if alg == -19 {
		newKey, seeds = attenuate.Ed25519Key, get[[]any](line, "seeds")
		require(len(seeds) == len(blocks))
	}
	require((alg == 5 || alg == -19) && len(blocks) > 0)
	key := must(newKey(get[string](line, "key_id"), data(line, "key", 32)))
	var lease *attenuate.Lease
	for i, block := range blocks {
		random := bytes.NewReader(nil)
		if alg == -19 {
			random = seed(alg, seeds[i])
		}
		if i == 0 {
			lease = must(attenuate.MintFrom(random, key, raw(block)))
		} else {
			lease = must(lease.NarrowFrom(random, raw(block)))
		}
	}
	return object{"token": lease.Token()}
}

// seed returns the randomness of a block: the seed of its next key, and nothing for a nonce, so that a
// block without one is refused.
func seed(alg int64, value any) *bytes.Reader {
	if alg == 5 {
		return bytes.NewReader(nil)
	}
	return bytes.NewReader(data(object{"seed": value}, "seed", 32))
}

func raw(value any) json.RawMessage { return strict.Append(nil, value) }

func held(line object) *attenuate.Lease { return must(attenuate.Parse(get[string](line, "token"))) }

func narrow(line object) object {
	lease := held(line)
	return told(lease.NarrowFrom(seed(lease.Alg(), line["seed"]), raw(line["block"])))
}

func seal(line object) object { return told(held(line).Seal()) }

func present(line object) object {
	nonce := bytes.NewReader(data(line, "nonce", 16))
	return told(held(line).PresentFrom(nonce, data(line, "binding", 32), integer(line["iat"])))
}

func inspect(line object) object {
	lease := held(line)
	blocks := make([]any, len(lease.BlockIDs()))
	for i, block := range lease.Blocks() {
		blocks[i] = block
	}
	return object{
		"alg": lease.Alg(), "key_id": lease.KeyID(), "proof": lease.Proof(),
		"blocks": blocks, "block_ids": texts(lease.BlockIDs()),
	}
}

// --- keys, bindings, facts ---

func audienceKey(line object) object {
	key := must(attenuate.AudienceKey(data(line, "key", 32), get[string](line, "audience")))
	return object{"key": hex.EncodeToString(key)}
}

func callBinding(line object) object {
	args, stated := line["args"]
	require(stated)
	audience, action := get[string](line, "audience"), get[string](line, "action")
	return bindingOf(attenuate.CallBinding(audience, runOf(line["run"]), action, raw(args)))
}

func httpBinding(line object) object {
	var body []byte
	if line["body"] != nil {
		body = data(line, "body", -1)
	}
	return bindingOf(attenuate.HTTPBinding(get[string](line, "audience"), runOf(line["run"]), get[string](line, "method"),
		get[string](line, "scheme"), get[string](line, "authority"), get[string](line, "target"), body))
}

func bindingOf(binding []byte, err error) object {
	return object{"binding": hex.EncodeToString(must(binding, err))}
}

func flatten(line object) object {
	facts := must(attenuate.Flatten(raw(get[object](line, "args"))))
	return object{"facts": plain(map[string]any(facts))}
}

// plain returns facts as JSON, null for what is opaque.
func plain(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name := range value {
			value[name] = plain(value[name])
		}
	case []any:
		for i := range value {
			value[i] = plain(value[i])
		}
	}
	if value == attenuate.Opaque {
		return nil
	}
	return value
}
