package attenuate_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"attenuate.invalid/attenuate"
)

const now = 1_800_000_000 // seconds since 1970; a service asks its clock: time.Now().Unix()

var root = bytes.Repeat([]byte{7}, 32) // an hmac key; a real one is random and kept by the issuer

func issue() *attenuate.Lease {
	key, err := attenuate.HMACKey("k1", root)
	if err != nil {
		panic(err)
	}
	lease, err := attenuate.Mint(key, attenuate.Block{
		"run": "agt_1@2", "audience": []string{"github"}, "issued_at": now, "expires": now + 900,
		"allow": []any{map[string]any{"actions": []string{"repo.read"}}},
	})
	if err != nil {
		panic(err)
	}
	return lease
}

func Example() {
	// The service github holds a key that verifies leases for github and can mint none for others.
	key, _ := attenuate.AudienceKey(root, "github")
	ring := attenuate.NewRing()
	if err := ring.AddSecret("k1/github", key); err != nil {
		panic(err)
	}
	if err := ring.AddSecret("k1", root); err != nil { // or the root itself
		panic(err)
	}
	verifier := attenuate.Verifier{Ring: ring, Audience: "github", MaxLifetime: 3600}

	// The agent narrows what it has before it hands it on, without a key.
	child, err := issue().Narrow(json.RawMessage(`{"where": {"path": {"under": ["src"]}}}`))
	if err != nil {
		panic(err)
	}

	// The service states the call that it is about to make, in its own words.
	for _, path := range []string{"src/main.go", "src/../.env"} {
		request := attenuate.Request{Action: "repo.read", Run: "agt_1@2", Facts: attenuate.Facts{"path": path}}
		verified, err := verifier.Verify(child.Token(), request, now+1)
		var refusal *attenuate.Refusal
		if errors.As(err, &refusal) {
			fmt.Println(refusal.Stage, refusal.Code, refusal.Block)
			fmt.Println(err)
			continue
		}
		fmt.Println("ok for", verified.Run)
	}
	// Output:
	// ok for agt_1@2
	// forbidden where 1
	// forbidden by block 1: where; asked: path is src/../.env; allowed: path under [src]
}

func ExampleVerified_Counters() {
	lease, err := issue().Narrow(attenuate.Block{"budget": map[string]any{"calls": 3}})
	if err != nil {
		panic(err)
	}
	ring := attenuate.NewRing()
	if err := ring.AddSecret("k1", root); err != nil {
		panic(err)
	}
	request := attenuate.Request{Action: "repo.read", Run: "agt_1@2"}

	// Nobody counts here, so a lease that asks for it is refused.
	verifier := attenuate.Verifier{Ring: ring, Audience: "github"}
	_, err = verifier.Verify(lease.Token(), request, now)
	fmt.Println(err)

	// A caller that applies charges says so, and then has to.
	verifier.AppliesCharges = true
	verified, err := verifier.Verify(lease.Token(), request, now)
	if err != nil {
		panic(err)
	}
	for _, charge := range verified.Counters() {
		fmt.Println(charge.Kind, charge.Amount, "of", charge.Ceiling)
	}
	// Output:
	// unavailable: store; asked: a lease with a counter: budget; allowed: AppliesCharges, by a caller that applies them
	// budget 1 of 3
}

func ExampleLease_Present() {
	// The holder binds the lease to one call; the service computes the same binding of its own call.
	binding, err := attenuate.CallBinding("github", "agt_1@2", "repo.read", []byte(`{"path": "README"}`))
	if err != nil {
		panic(err)
	}
	call, err := issue().Present(binding, now)
	if err != nil {
		panic(err)
	}
	fmt.Println(call.Proof())
	// Output: bound
}

func ExampleFlatten() {
	facts, err := attenuate.Flatten([]byte(`{"to": [{"name": "ann"}, {"name": "bob"}], "n": 2.0, "ratio": 0.5}`))
	if err != nil {
		panic(err)
	}
	fmt.Println(facts["args.to.name"], facts["args.n"], facts["args.ratio"] == attenuate.Opaque)
	// Output: [ann bob] 2 true
}
