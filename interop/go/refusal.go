package attenuate

import (
	"fmt"
	"strings"
)

// NoBlock is the Block of a Refusal that no block of the lease made.
const NoBlock = -1

// Refusal is why something was refused. Stage and Code are stable and for programs (specs/verify.md,
// codes); the rest is for people. It never holds token text, a secret or a proof.
type Refusal struct {
	Stage string // "malformed", "untrusted", "forbidden" or "unavailable"
	Code  string
	Block int // number of the block that refused, or NoBlock

	Asked, Allowed, WouldPass string // empty where there is nothing to say
}

// Error says the stage, the block and the code, and what is known of the reason.
func (r *Refusal) Error() string {
	var out strings.Builder
	out.WriteString(r.Stage)
	if r.Block != NoBlock {
		fmt.Fprintf(&out, " by block %d", r.Block)
	}
	out.WriteString(": " + r.Code)
	for _, part := range [...][2]string{{"asked", r.Asked}, {"allowed", r.Allowed}, {"would pass", r.WouldPass}} {
		if part[1] != "" {
			out.WriteString("; " + part[0] + ": " + part[1])
		}
	}
	return out.String()
}

func malformed(code, asked string) *Refusal {
	return &Refusal{Stage: "malformed", Code: code, Block: NoBlock, Asked: asked}
}

func untrusted(code, asked string) *Refusal {
	return &Refusal{Stage: "untrusted", Code: code, Block: NoBlock, Asked: asked}
}

func forbidden(code string, block int, asked, allowed, wouldPass string) *Refusal {
	return &Refusal{"forbidden", code, block, asked, allowed, wouldPass}
}

// caught turns a Refusal that a reader threw into an error; readers throw, because every one of their
// steps can fail in the same way. Anything else goes on.
func caught(err *error) {
	switch thrown := recover().(type) {
	case nil:
	case *Refusal:
		*err = thrown
	default:
		panic(thrown)
	}
}
