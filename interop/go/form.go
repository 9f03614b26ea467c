package attenuate

import (
	"encoding/hex"
	"encoding/json"
)

// Hex is bytes that JSON shows in lower-case hex.
type Hex []byte

// MarshalText returns the hex digits.
func (h Hex) MarshalText() ([]byte, error) { return []byte(hexOf(h)), nil }

// UnmarshalText reads hex digits.
func (h *Hex) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// Block is what one block of a lease says, to be minted or appended (specs/caveats.md, blocks). Every
// caveat must hold, so each can only take away; what is left out is not said.
type Block struct {
	Nonce     Hex                   `json:"nonce,omitempty"` // left out, it is drawn
	Run       string                `json:"run,omitempty"`   // "agt_1@2/reader@1"
	Audience  []string              `json:"audience,omitempty"`
	NotBefore *int64                `json:"not_before,omitempty"` // seconds since 1970; see Int
	Expires   *int64                `json:"expires,omitempty"`
	IssuedAt  *int64                `json:"issued_at,omitempty"` // in the first block, and in no other
	Allow     []Grant               `json:"allow,omitempty"`
	Deny      []Grant               `json:"deny,omitempty"`
	Where     map[string]Constraint `json:"where,omitempty"`
	Budget    map[string]int64      `json:"budget,omitempty"`
	Approval  []Demand              `json:"approval,omitempty"`
	Depth     *int64                `json:"depth,omitempty"`
	Final     []string              `json:"final,omitempty"`
	Bound     bool                  `json:"bound,omitempty"`
	For       Hex                   `json:"for,omitempty"`
	Notes     map[string]any        `json:"notes,omitempty"` // string, int64 or bool

	Extensions map[string]any `json:"-"` // "vendor/name" to what its handler understands
}

// Int returns a pointer to a number, for the fields of a Block that may be left out.
func Int(n int64) *int64 { return &n }

// Grant is actions and what must hold of a request's facts. Only refuses arguments that Where does not name.
type Grant struct {
	Actions []string              `json:"actions"`
	Where   map[string]Constraint `json:"where,omitempty"`
	Only    bool                  `json:"only,omitempty"`
}

// Constraint is one of its kinds: Min and Max together are one, the others one each. Optional takes a
// fact that is absent.
type Constraint struct {
	OneOf    []any    `json:"one_of,omitempty"`
	NoneOf   []any    `json:"none_of,omitempty"`
	Min      *int64   `json:"min,omitempty"`
	Max      *int64   `json:"max,omitempty"`
	Under    []string `json:"under,omitempty"`
	Starts   []string `json:"starts,omitempty"`
	Host     []string `json:"host,omitempty"`
	Any      bool     `json:"any,omitempty"`
	Optional bool     `json:"optional,omitempty"`
}

// Demand asks for the approval of Quorum of these keys (ed25519 public keys) for these actions.
type Demand struct {
	Actions []string `json:"actions"`
	Keys    []Hex    `json:"keys"`
	Quorum  int      `json:"quorum"`
}

// MarshalJSON returns the JSON form.
func (b Block) MarshalJSON() ([]byte, error) {
	type plain Block
	data, err := json.Marshal(plain(b))
	if err != nil || len(b.Extensions) == 0 {
		return data, err
	}
	more, err := json.Marshal(b.Extensions)
	if err != nil || len(data) == len("{}") {
		return more, err
	}
	return append(append(data[:len(data)-1], ','), more[1:]...), nil
}
