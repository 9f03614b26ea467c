package attenuate

import (
	"fmt"
	"strings"
	"unicode"
)

// NoBlock is the Block of a Refusal that no block of the lease made.
const NoBlock = -1

// Refusal is why something was refused. Stage and Code are stable and for programs (specs/verify.md,
// codes); the rest is for people. It never holds token text, a secret or a proof.
type Refusal struct {
	Stage string // "malformed", "untrusted", "forbidden" or "unavailable"
	Code  string
	Block int // number of the block that refused, or NoBlock

	Asked, Allowed string // empty where there is nothing to say
}

// Error says the stage, the block and the code, and what is known of the reason.
func (r *Refusal) Error() string {
	text := r.Stage
	if r.Block != NoBlock {
		text += fmt.Sprintf(" by block %d", r.Block)
	}
	text += ": " + r.Code
	if r.Asked != "" {
		text += "; asked: " + r.Asked
	}
	if r.Allowed != "" {
		text += "; allowed: " + r.Allowed
	}
	return text
}

func malformed(code, asked string) *Refusal { return &Refusal{"malformed", code, NoBlock, asked, ""} }

func untrusted(code, asked string) *Refusal { return &Refusal{"untrusted", code, NoBlock, asked, ""} }

func forbidden(code string, block int, asked, allowed string) *Refusal {
	return &Refusal{"forbidden", code, block, asked, allowed}
}

// need throws what is malformed where something is not so. Readers throw, because every one of their
// steps can fail in the same way.
func need(ok bool, code, what string) {
	if !ok {
		panic(malformed(code, what))
	}
}

// named is for a deferred function: it puts the name of a member before a refusal that was thrown in it.
func named(thrown any, name string) {
	if refusal, ok := thrown.(*Refusal); ok && name != "" {
		refusal.Asked = cut(name) + ": " + refusal.Asked
	}
	if thrown != nil {
		panic(thrown)
	}
}

// cut returns text for people, at most 200 characters of it and none that does not print.
func cut(text string) string {
	if runes := []rune(text); len(runes) > 200 {
		text = string(runes[:200]) + "…"
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// pass throws a refusal that there is.
func pass(refusal *Refusal) {
	if refusal != nil {
		panic(refusal)
	}
}

// caught turns a Refusal that was thrown into an error. Anything else goes on.
func caught(err *error) {
	thrown := recover()
	if refusal, ok := thrown.(*Refusal); ok {
		*err = refusal
	} else if thrown != nil {
		panic(thrown)
	}
}
