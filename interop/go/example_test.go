package attenuate_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"attenuate.invalid/attenuate"
)

const now = 1_800_000_000 // seconds since 1970; a service asks its clock: time.Now().Unix()

var root = bytes.Repeat([]byte{7}, 32) // an hmac key; a real one is random and kept by the issuer

// githubKey verifies leases for the service github, and can mint none for others.
func githubKey() []byte {
	key, err := attenuate.AudienceKey(root, "github")
	if err != nil {
		panic(err)
	}
	return key
}

// issue is the issuer's part: it mints under the key that the service holds.
func issue() *attenuate.Lease {
	key, err := attenuate.HMACKey("k1/github", githubKey())
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
	verifier, err := newVerifier(githubKey()) // this and readFile are the README's, in readme_test.go
	if err != nil {
		panic(err)
	}

	// The agent narrows what it has before it hands it on, without a key.
	child, err := issue().Narrow(json.RawMessage(`{"where": {"path": {"under": ["src"]}}}`))
	if err != nil {
		panic(err)
	}

	for _, path := range []string{"src/main.go", "src/../.env"} {
		err := readFile(verifier, child.Token(), path, now+1)
		var refusal *attenuate.Refusal
		if errors.As(err, &refusal) {
			fmt.Println(refusal.Stage, refusal.Code, refusal.Block)
			fmt.Println(err)
		}
	}
	// Output:
	// src/main.go for agt_1@2 until 1800000900
	// forbidden where 1
	// forbidden by block 1: where; asked: path "src/../.env"; allowed: path {"under":["src"]}
}

func ExampleVerified_Counters() {
	lease, err := issue().Narrow(attenuate.Block{"budget": map[string]any{"calls": 3}})
	if err != nil {
		panic(err)
	}
	verifier, err := newVerifier(githubKey())
	if err != nil {
		panic(err)
	}
	request := attenuate.Request{Action: "repo.read", Run: "agt_1@2"}

	// Nobody counts here, so a lease that asks for it is refused.
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

// TestReadme: the README's program is the one that is compiled and run here.
func TestReadme(t *testing.T) {
	readme, err1 := os.ReadFile("README.md")
	source, err2 := os.ReadFile("readme_test.go")
	_, program, found := strings.Cut(string(source), "package attenuate_test\n\n")
	if err1 != nil || err2 != nil || !found || !strings.Contains(string(readme), "```go\n"+program+"```\n") {
		t.Error("the README has another program than readme_test.go", err1, err2)
	}
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
