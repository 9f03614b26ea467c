package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"attenuate.invalid/attenuate"
	"attenuate.invalid/attenuate/internal/source"
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
	number, _ := value.(json.Number)
	n, err := number.Int64()
	require(err == nil)
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

func verify(line line) object {
	asked := known(get[object](line.object, "request"), "run", "audience", "action", "facts", "cost", "binding")
	options := maybe[object](line.object, "options")
	for name, value := range options {
		require(value == nil || name == "max_lifetime" || name == "leeway")
	}
	verifier := attenuate.Verifier{
		Ring: ring(get[[]any](line.object, "keys")), Audience: get[string](asked, "audience"),
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
	verified := must(verifier.Verify(get[string](line.object, "token"), request, integer(line.object["now"])))
	return object{"ok": true, "block_ids": verified.BlockIDs, "charges": verified.Charges}
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
	case json.Number:
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

// --- mint, narrow, seal, present, inspect ---

func told(lease *attenuate.Lease, err error) object {
	return object{"token": must(lease, err).Token()}
}

func mint(line line) object {
	newKey, alg := attenuate.HMACKey, integer(line.object["alg"])
	var blocks []json.RawMessage
	require(json.Unmarshal(line.raw["blocks"], &blocks) == nil && len(blocks) > 0)
	seeds := make([]any, len(blocks))
	if alg == -19 {
		newKey, seeds = attenuate.Ed25519Key, get[[]any](line.object, "seeds")
		require(len(seeds) == len(blocks))
	}
	require(alg == 5 || alg == -19)
	key := must(newKey(get[string](line.object, "key_id"), data(line.object, "key", 32)))
	var lease *attenuate.Lease
	for i, block := range blocks {
		draw(alg, seeds[i])
		if i == 0 {
			lease = must(attenuate.Mint(key, block))
		} else {
			lease = must(lease.Narrow(block))
		}
	}
	return object{"token": lease.Token()}
}

// draw sets what is drawn for a block: the seed of its next key, and nothing for a nonce, so that a block
// without one is refused. Blocks are as stated, as in Python.
func draw(alg int64, seed any) {
	source.AsStated = true
	drawn := []byte(nil)
	if alg == -19 {
		drawn = data(object{"seed": seed}, "seed", 32)
	}
	source.Random = bytes.NewReader(drawn)
}

func held(line line) *attenuate.Lease {
	return must(attenuate.Parse(get[string](line.object, "token")))
}

func narrow(line line) object {
	lease := held(line)
	if lease.Proof() == "bearer" { // no other is narrowed, whatever the block and the seed are
		draw(lease.Alg(), line.object["seed"])
	}
	return told(lease.Narrow(line.raw["block"]))
}

func seal(line line) object { return told(held(line).Seal()) }

func present(line line) object {
	source.Random = bytes.NewReader(data(line.object, "nonce", 16))
	return told(held(line).Present(data(line.object, "binding", 32), integer(line.object["iat"])))
}

func inspect(line line) object {
	lease := held(line)
	return object{
		"alg": lease.Alg(), "key_id": lease.KeyID(), "proof": lease.Proof(),
		"blocks": lease.Blocks(), "block_ids": lease.BlockIDs(),
	}
}

// --- keys, bindings, facts ---

func audienceKey(line line) object {
	key := must(attenuate.AudienceKey(data(line.object, "key", 32), get[string](line.object, "audience")))
	return object{"key": hex.EncodeToString(key)}
}

func callBinding(line line) object {
	audience, action := get[string](line.object, "audience"), get[string](line.object, "action")
	return bindingOf(attenuate.CallBinding(audience, runOf(line.object["run"]), action, line.raw["args"]))
}

func httpBinding(line line) object {
	var body []byte
	if line.object["body"] != nil {
		body = data(line.object, "body", -1)
	}
	text := func(name string) string { return get[string](line.object, name) }
	return bindingOf(attenuate.HTTPBinding(text("audience"), runOf(line.object["run"]), text("method"), text("scheme"),
		text("authority"), text("target"), body))
}

func bindingOf(binding []byte, err error) object {
	return object{"binding": hex.EncodeToString(must(binding, err))}
}

func flatten(line line) object {
	return object{"facts": object(must(attenuate.Flatten(line.raw["args"])))}
}
