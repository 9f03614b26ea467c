package main

import (
	"encoding/json"
	"testing"
)

func TestAnswers(t *testing.T) {
	const key = `"1111111111111111111111111111111111111111111111111111111111111111"`
	for in, want := range map[string]string{
		`{"op":"flatten","args":{"a":1.0,"b":null,"\ud800":[null]}}`: `{"facts":{"args.a":1,"args.\ud800":[null]}}`,
		`{"op":"flatten","args":[]}`:                                 bad,
		`{"op":"x"}`:                                                 bad,
		`[]`:                                                         bad,
		`{"op":"flatten","args":{"a":1,"a":1}}`:                      bad,
		`{"op":"audience_key","key":` + key + `,"audience":"\ud800"}`:                           bad,
		`{"op":"call_binding","audience":"g","run":"a@1","action":"x","args":9007199254740992}`: bad,
		`{"op":"mint","alg":5,"key_id":"k","key":` + key + `,"blocks":[{"run":"a"}]}`:           `{"code":"shape","ok":false,"stage":"malformed"}`,
	} {
		if got, err := answer([]byte(in)); err != nil || string(got) != want {
			t.Errorf("%s: %s, not %s", in, got, want)
		}
	}
}

const bad = `{"code":"facts","ok":false,"stage":"malformed"}`

func TestMintNarrowVerify(t *testing.T) {
	const key = `"1111111111111111111111111111111111111111111111111111111111111111"`
	do := func(text string) map[string]any {
		said, err := answer([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var out map[string]any
		if err := json.Unmarshal(said, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	token := do(`{"op":"mint","alg":5,"key_id":"k","key":` + key + `,"blocks":[{"nonce":"00000000000000000000000000000000","run":"a@1",
		"audience":["g"],"issued_at":1,"expires":9,"allow":[{"actions":["*"]}]}]}`)["token"].(string)
	token = do(`{"op":"narrow","token":"` + token + `","block":{"nonce":"0000000000000000","expires":5}}`)["token"].(string)
	ask := `{"op":"verify","token":"` + token + `","keys":[{"id":"k","alg":5,"key":` + key + `}],"request":{"audience":"g","action":"x"},"now":`
	if out := do(ask + `4}`); out["ok"] != true || len(out["block_ids"].([]any)) != 2 {
		t.Error(out)
	}
	if out := do(ask + `5}`); out["code"] != "expires" || out["block"] != 1.0 {
		t.Error(out)
	}
}
