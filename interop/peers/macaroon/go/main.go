// Command macaroon is the peer in Go: it knows macaroons and nothing of leases.
//
//	{"macaroon": "AgEJ…" or "{\"i\": …}", "key": "hex", "holds": ["run agt_1@2", …]}
//	{"op": "narrow", "macaroon": …, "caveat": "expires 1800000300"}
//
// One JSON object a line in, one answer a line out: {"ok": …, "caveats": […]}, {"ok": true,
// "macaroon": …} or {"ok": false, "error": …}. A caveat holds if it is in "holds".
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log"
	"os"

	"gopkg.in/macaroon.v2"
)

type question struct {
	Op       string   `json:"op"`
	Macaroon string   `json:"macaroon"`
	Key      string   `json:"key"`
	Holds    []string `json:"holds"`
	Caveat   string   `json:"caveat"`
}

type answer struct {
	OK       bool     `json:"ok"`
	Caveats  []string `json:"caveats,omitempty"`
	Macaroon string   `json:"macaroon,omitempty"`
	Error    string   `json:"error,omitempty"`
}

func read(text string) (*macaroon.Macaroon, error) {
	var m macaroon.Macaroon
	if len(text) > 0 && text[0] == '{' {
		return &m, m.UnmarshalJSON([]byte(text))
	}
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	return &m, m.UnmarshalBinary(data)
}

// write gives a macaroon the form that it came in.
func write(m *macaroon.Macaroon, asJSON bool) (string, error) {
	if asJSON {
		data, err := m.MarshalJSON()
		return string(data), err
	}
	data, err := m.MarshalBinary()
	return base64.RawURLEncoding.EncodeToString(data), err
}

func reply(q question) (answer, error) {
	m, err := read(q.Macaroon)
	if err != nil {
		return answer{}, err
	}
	if q.Op == "narrow" {
		if err := m.AddFirstPartyCaveat([]byte(q.Caveat)); err != nil {
			return answer{}, err
		}
		text, err := write(m, q.Macaroon[0] == '{')
		return answer{OK: true, Macaroon: text}, err
	}
	key, err := hex.DecodeString(q.Key)
	if err != nil {
		return answer{}, err
	}
	holds := map[string]bool{}
	for _, line := range q.Holds {
		holds[line] = true
	}
	check := func(caveat string) error {
		if holds[caveat] {
			return nil
		}
		return errors.New("does not hold")
	}
	out := answer{OK: m.Verify(key, check, nil) == nil}
	for _, caveat := range m.Caveats() {
		out.Caveats = append(out.Caveats, string(caveat.Id))
	}
	return out, nil
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	encoder := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var q question
		decoder := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		decoder.DisallowUnknownFields()
		err := decoder.Decode(&q)
		out := answer{}
		if err == nil {
			out, err = reply(q)
		}
		if err != nil {
			out = answer{Error: err.Error()}
		}
		if err := encoder.Encode(out); err != nil {
			log.Fatal(err)
		}
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}
