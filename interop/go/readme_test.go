package attenuate_test

import (
	"fmt"

	"attenuate.invalid/attenuate"
)

// newVerifier makes the verifier of the service "github" from its audience key, 32 bytes.
func newVerifier(key []byte) (*attenuate.Verifier, error) {
	ring := attenuate.NewRing()
	if err := ring.AddSecret("k1/github", key); err != nil {
		return nil, err
	}
	return &attenuate.Verifier{Ring: ring, Audience: "github", MaxLifetime: 3600}, nil
}

// readFile serves one file, if the token allows it; now is time.Now().Unix().
func readFile(verifier *attenuate.Verifier, token, path string, now int64) error {
	// What the service is about to do, in its own words; never what the caller says about it.
	request := attenuate.Request{
		Action: "repo.read",
		Run:    "agt_1@2",
		Facts:  attenuate.Facts{"path": path},
	}
	verified, err := verifier.Verify(token, request, now)
	if err != nil {
		return err // an *attenuate.Refusal: Stage, Code and Block are for programs, the text is for people
	}
	fmt.Println(path, "for", verified.Run, "until", verified.Expires)
	return nil
}
