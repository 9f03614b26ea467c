package attenuate

import (
	"encoding/base64"
	"encoding/json"
	"math/rand"
	"strings"
	"testing"
)

// FuzzParse: no panic, and what is read has one spelling.
func FuzzParse(f *testing.F) {
	for _, v := range load(f) {
		f.Add(v.Token)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lease, err := Parse(text)
		if err != nil {
			if code(err)[:9] != "malformed" {
				t.Fatal(err)
			}
			return
		}
		first, _, _ := strings.Cut(text, "~")
		if lease.in().text() != first {
			t.Fatal("a token of two spellings")
		}
	})
}

// FuzzVerify: no bytes but those that were made are accepted.
func FuzzVerify(f *testing.F) {
	texts := make(map[string]bool)
	var verifiers []*Verifier
	for _, alg := range []string{"hmac", "ed25519"} {
		for n := 1; n < 4; n++ {
			lease, v := chainOf(f, alg, n)
			sealed, _ := lease.Seal()
			texts[lease.Token()], texts[sealed.Token()] = true, true
			verifiers = append(verifiers, v)
		}
	}
	for text := range texts {
		data, _ := base64.RawURLEncoding.DecodeString(text[len(prefix):])
		f.Add(data)
	}
	request := asking()
	f.Fuzz(func(t *testing.T, data []byte) {
		text := prefix + base64.RawURLEncoding.EncodeToString(data)
		for _, v := range verifiers {
			if _, err := v.Verify(text, request, testNow); err == nil && !texts[text] {
				t.Fatalf("accepted: %x", data)
			}
		}
	})
}

// FuzzJSON: no panic on what services and holders hand in.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"a": [{"b": 1e3, "c": null}, {}], "é": "\ud83d\ude00\n", "run": "a@1", "allow": [{"actions": ["*"]}]}`))
	lease, _ := chainOf(f, "hmac", 1)
	f.Fuzz(func(t *testing.T, data []byte) {
		facts, err := Flatten(data)
		if err == nil {
			_, v := chainOf(t, "hmac", 1)
			if err := checked(v, Request{Action: "x", Run: "a", Facts: facts}); err != nil && !strings.Contains(string(data), `\u`) {
				t.Fatalf("flattened facts are none: %v", err)
			}
		}
		CallBinding("github", "a", "b", data)
		lease.Narrow(json.RawMessage(data))
	})
}

func checked(v *Verifier, request Request) (err error) {
	defer caught(&err)
	v.check(request, 0)
	return nil
}

// TestNoMutantIsAccepted is the seed run of FuzzVerify: every byte of a token bent in a few ways.
func TestNoMutantIsAccepted(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	for _, alg := range []string{"hmac", "ed25519"} {
		bearer, v := chainOf(t, alg, 2)
		end, err := bearer.Seal()
		if err != nil {
			t.Fatal(err)
		}
		for _, lease := range []*Lease{bearer, end} {
			data, _ := base64.RawURLEncoding.DecodeString(lease.Token()[len(prefix):])
			accepted := 0
			for i := range data {
				for _, c := range []byte{data[i], data[i] ^ 1<<random.Intn(8), data[i] + 1 + byte(random.Intn(255))} {
					mutant := append([]byte(nil), data...)
					mutant[i] = c
					if _, err := v.Verify(prefix+base64.RawURLEncoding.EncodeToString(mutant), asking(), testNow); err == nil {
						accepted++
						if c != data[i] {
							t.Errorf("%s: byte %d as %#x is accepted", alg, i, c)
						}
					}
				}
			}
			if accepted != len(data) { // the control: unchanged, it is
				t.Errorf("%s: %d of %d accepted", alg, accepted, len(data))
			}
		}
	}
}
