package attenuate

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand"
	"strings"
	"testing"
	"time"

	"attenuate.invalid/attenuate/internal/source"
)

const testNow = 1_800_000_000

func bareVerify(public, signature, message []byte) bool {
	return ed25519.Verify(public, message, signature)
}

func secretOf(c byte) []byte { return bytes.Repeat([]byte{c}, 32) }

func first() Block {
	return Block{
		"run": "agt_1@2", "audience": []string{"github"}, "issued_at": testNow - 10, "expires": testNow + 900,
		"allow": []any{
			Block{"actions": []string{"repo.read", "repo.write.*"}, "where": Block{"repo": Block{"one_of": []string{"clord"}}}},
			Block{"actions": []string{"pull_request.create"}},
		},
	}
}

func later(i int) Block {
	return Block{
		"run": "agt_1@2", "expires": testNow + 800 - i,
		"allow": []any{Block{"actions": []string{"repo.read"}, "where": Block{"path": Block{"under": []string{"src"}}}}},
	}
}

// chainOf mints a bearer lease of n blocks and the verifier that takes it.
func chainOf(t testing.TB, alg string, n int) (*Lease, *Verifier) {
	t.Helper()
	ring := NewRing()
	key, err := HMACKey("k1", secretOf('k'))
	if alg == "ed25519" {
		key, err = Ed25519Key("k1", secretOf('k'))
		ring.AddPublic("k1", key.Public())
	} else {
		ring.AddSecret("k1", secretOf('k'))
	}
	if err != nil {
		t.Fatal(err)
	}
	source.Random = rand.New(rand.NewSource(int64(n))) // the same tokens in every process of a fuzz run
	defer func() { source.Random = crand.Reader }()
	lease, err := Mint(key, first())
	for i := 1; err == nil && i < n; i++ {
		lease, err = lease.Narrow(later(i))
	}
	if err != nil {
		t.Fatal(err)
	}
	return lease, &Verifier{Ring: ring, Audience: "github", MaxLifetime: 3600}
}

func asking() Request {
	return Request{Action: "repo.read", Run: "agt_1@2", Facts: Facts{"repo": "clord", "path": "src/a.go"}}
}

func code(err error) string {
	var refusal *Refusal
	if err == nil {
		return "ok"
	}
	if !errors.As(err, &refusal) {
		return "not a refusal: " + err.Error()
	}
	return strings.TrimSuffix(fmt.Sprintf("%s %s %d", refusal.Stage, refusal.Code, refusal.Block), " -1")
}

func TestRoundTrips(t *testing.T) {
	for _, alg := range []string{"hmac", "ed25519"} {
		lease, v := chainOf(t, alg, 3)
		binding, err := CallBinding("github", "agt_1@2", "repo.read", []byte(`{"path": "src/a.go"}`))
		if err != nil {
			t.Fatal(err)
		}
		v.AppliesCharges = true
		bound := asking()
		bound.Binding = binding
		sealed, err1 := lease.Seal()
		presented, err2 := lease.Present(binding, testNow)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		for _, c := range []struct {
			lease   *Lease
			request Request
			want    string
		}{
			{lease, asking(), "ok"}, {sealed, asking(), "ok"}, {presented, bound, "ok"},
			{presented, asking(), "forbidden binding"},
		} {
			if _, err := v.Verify(c.lease.Token(), c.request, testNow); code(err) != c.want {
				t.Errorf("%s %s: %v, not %s", alg, c.lease.Proof(), err, c.want)
			}
			again, err := Parse(c.lease.Token())
			if err != nil || again.Token() != c.lease.Token() || fmt.Sprint(again.BlockIDs()) != fmt.Sprint(c.lease.BlockIDs()) {
				t.Errorf("%s %s does not read back: %v", alg, c.lease.Proof(), err)
			}
		}
		if _, err := v.Verify(presented.Token(), bound, testNow+61); code(err) != "forbidden stale_proof" {
			t.Errorf("%s: %v", alg, err)
		}
		for _, done := range []*Lease{sealed, presented} {
			_, err1 := done.Narrow(later(3))
			_, err2 := done.Seal()
			_, err3 := done.Present(binding, testNow)
			for _, err := range []error{err1, err2, err3} {
				if code(err) != "forbidden structure" {
					t.Errorf("%s %s: %v", alg, done.Proof(), err)
				}
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	lease, v := chainOf(t, "hmac", 2)
	change := func(change func(*Verifier, *Request)) (*Verifier, Request) {
		other, request := *v, asking()
		change(&other, &request)
		return &other, request
	}
	for want, make := range map[string]func(*Verifier, *Request){
		"ok":                    func(*Verifier, *Request) {},
		"malformed facts":       func(_ *Verifier, r *Request) { r.Run = "" },
		"forbidden run 0":       func(_ *Verifier, r *Request) { r.Run = "agt_2@2" },
		"forbidden attempt 0":   func(_ *Verifier, r *Request) { r.Run = "agt_1@3" },
		"forbidden allow 0":     func(_ *Verifier, r *Request) { r.Action = "repo.delete" },
		"forbidden allow 1":     func(_ *Verifier, r *Request) { r.Facts["path"] = "src/../etc" },
		"forbidden audience 0":  func(v *Verifier, _ *Request) { v.Audience = "other" },
		"untrusted unknown_key": func(v *Verifier, _ *Request) { v.Ring = NewRing() },
		"forbidden lifetime 0":  func(v *Verifier, _ *Request) { v.MaxLifetime = 60 },
		"untrusted proof":       func(v *Verifier, _ *Request) { v.Ring = NewRing(); v.Ring.AddSecret("k1", secretOf('x')) },
		"untrusted algorithm":   func(v *Verifier, _ *Request) { v.Ring = NewRing(); v.Ring.AddPublic("k1", secretOf('x')) },
	} {
		other, request := change(make)
		if _, err := other.Verify(lease.Token(), request, testNow); code(err) != want {
			t.Errorf("%v, not %s", err, want)
		}
	}
	for _, value := range []any{nil, 1.5, int32(1), map[string]any{}, []any{[]any{}}, "\xff", []string{"\xff"}, make([]int64, 257), struct{}{}, []byte("x")} {
		_, request := change(func(_ *Verifier, r *Request) { r.Facts["x"] = value })
		if _, err := v.Verify(lease.Token(), request, testNow); code(err) != "malformed facts" {
			t.Errorf("fact %T: %v", value, err)
		}
	}
}

// TestCountersAreNotForgotten: a lease that needs a counter is refused where nobody says that they count.
func TestCountersAreNotForgotten(t *testing.T) {
	lease, v := chainOf(t, "hmac", 1)
	for name, block := range map[string]Block{"budget": {"budget": Block{"calls": 1}}, "final": {"final": []string{"x"}}} {
		counted, err := lease.Narrow(block)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(counted.Token(), asking(), testNow); code(err) != "unavailable store" {
			t.Errorf("%s: %v", name, err)
		}
		applying := *v
		applying.AppliesCharges = true
		verified, err := applying.Verify(counted.Token(), asking(), testNow)
		if err != nil || len(verified.Counters()) != 1 || verified.Counters()[0].Kind != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestApproval(t *testing.T) {
	approver, _ := Ed25519Key("x", secretOf('a'))
	approver, _ = Ed25519Key(hex.EncodeToString(approver.Public()), secretOf('a'))
	lease, v := chainOf(t, "hmac", 1)
	v.AppliesCharges = true
	asks, err := lease.Narrow(Block{"approval": []any{Block{"actions": []string{"repo.read"}, "keys": []string{approver.ID()}}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(asks.Token(), asking(), testNow); code(err) != "forbidden approval 1" {
		t.Error(err)
	}
	said := first()
	said["for"], said["budget"] = asks.BlockIDs()[1], Block{"calls": 1}
	yes, err := Mint(approver, said)
	if err != nil {
		t.Fatal(err)
	}
	yes, _ = yes.Seal()
	approved, err := asks.Attach(yes)
	if err != nil {
		t.Fatal(err)
	}
	verified, err := v.Verify(approved.Token(), asking(), testNow)
	if err != nil || len(verified.Approvals) != 1 {
		t.Error(verified, err)
	}
}

func TestNothingShowsASecret(t *testing.T) {
	lease, v := chainOf(t, "hmac", 2)
	key, _ := HMACKey("k1", secretOf('k'))
	within := struct {
		a *Lease
		b Lease
		C Lease
		d Key
		E Key
		f *Ring
		G Verifier
	}{lease, *lease, *lease, key, key, v.Ring, *v}
	body := lease.Token()[len(lease.Token())-40:]
	var out bytes.Buffer
	for _, value := range []any{lease, *lease, key, &key, v.Ring, *v.Ring, v, *v, within, &within, []*Lease{lease}, map[string]Lease{"x": *lease}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
		data, _ := json.Marshal(value)
		out.Write(data)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "value", value)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "value", value)
	}
	secret := lease.in().proof.tag
	for _, hidden := range []string{body, hex.EncodeToString(secret), string(secret), "kkkk", "6b6b", "107 107", "0x6b", fmt.Sprint(secret)[1:20]} {
		if strings.Contains(out.String(), hidden) {
			t.Errorf("%q is shown", hidden)
		}
	}
	if !strings.Contains(out.String(), lease.BlockIDs()[1]) { // the control: something was written
		t.Error("nothing is shown at all")
	}
	for _, text := range []string{lease.Token() + "!", lease.Token() + "~x", lease.Token()[1:]} {
		if _, err := Parse(text); err == nil || strings.Contains(err.Error(), body) {
			t.Error("an error shows the token, or there is none")
		}
	}
}

func TestMAC(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	for size := 0; size < 300; size++ {
		key, message := make([]byte, keySize), make([]byte, size)
		random.Read(key)
		random.Read(message)
		h := hmac.New(sha256.New, key)
		h.Write([]byte(labelLink))
		h.Write(message)
		if want := h.Sum(nil); !bytes.Equal(mac(key, labelLink, message), want) || bytes.Equal(mac(key, "", message), want) {
			t.Fatalf("another MAC for %d bytes", size)
		}
	}
}

func TestRing(t *testing.T) {
	ring := NewRing()
	for i, err := range []error{
		ring.AddSecret("", secretOf(1)), ring.AddSecret("é", secretOf(1)), ring.AddSecret("k\n", secretOf(1)),
		ring.AddSecret(strings.Repeat("x", 129), secretOf(1)), ring.AddSecret("k", secretOf(1)[1:]), ring.AddPublic("e/x", secretOf(1)),
	} {
		if err == nil {
			t.Errorf("bad key %d was taken", i)
		}
	}
	if ring.AddSecret("k/x", secretOf(1)) != nil || ring.AddSecret("k/x", secretOf(1)) == nil {
		t.Error("an audience key is taken once")
	}
}

func TestHandlers(t *testing.T) {
	lease, v := chainOf(t, "hmac", 1)
	lease, err := lease.Narrow(Block{"acme/x": []any{"a", 1}})
	if err != nil {
		t.Fatal(err)
	}
	for want, handler := range map[string]Handler{
		"ok":                         func(value any, r Request) bool { return value.([]any)[1] == int64(1) && r.Action == "repo.read" },
		"forbidden acme/x 1":         func(any, Request) bool { return false },
		"forbidden unknown_caveat 1": nil,
	} {
		v.Handlers = map[string]Handler{"acme/x": handler}
		if _, err := v.Verify(lease.Token(), asking(), testNow); code(err) != want {
			t.Errorf("%v, not %s", err, want)
		}
	}
	v.Handlers["acme/x"] = func(any, Request) bool { panic("x") }
	if _, err := v.Verify(lease.Token(), asking(), testNow); code(err) != "forbidden acme/x 1" {
		t.Error(err)
	}
}

// TestRefusalsSay: what was asked and what is allowed, in words of the request and of the JSON form.
func TestRefusalsSay(t *testing.T) {
	lease, v := chainOf(t, "hmac", 1)
	narrowed := func(text string) string {
		t.Helper()
		out, err := lease.Narrow(json.RawMessage(text))
		if err != nil {
			t.Fatal(err)
		}
		return out.Token()
	}
	grant := `{"allow": [{"actions": ["repo.read"], "where": {"repo": {"any": true}, "path": {"under": ["src"]}}}]}`
	deny := `{"deny": [{"actions": ["repo.*"], "where": {"path": {"starts": ["src"]}}}]}`
	for _, c := range []struct {
		token  string
		change func(*Verifier, *Request)
		want   string
	}{
		{narrowed(grant), func(_ *Verifier, r *Request) { r.Facts["path"] = "docs/a.md" },
			`1: allow; asked: path "docs/a.md"; allowed: path {"under":["src"]}`},
		{narrowed(grant), func(_ *Verifier, r *Request) { delete(r.Facts, "path") }, `asked: no path; allowed: path {"under":["src"]}`},
		{narrowed(grant), func(_ *Verifier, r *Request) { r.Facts["path"] = []any{Opaque, "a"} }, `asked: path [null,"a"];`},
		{lease.Token(), func(_ *Verifier, r *Request) { r.Action = "x" },
			`asked: action x; allowed: repo.read, repo.write.*, pull_request.create`},
		{narrowed(deny), nil, `1: deny; asked: action repo.read, path "src/a.go"; allowed: another action, ` +
			`or facts for which the deny certainly fails: path {"starts":["src"]}`},
		{narrowed(`{"deny": [{"actions": ["repo.*"]}]}`), nil, `asked: action repo.read; allowed: another action`},
		{narrowed(`{"where": {"a.b": {"max": 3, "optional": true}}}`), func(_ *Verifier, r *Request) { r.Facts["a"] = Opaque },
			`asked: a.b within what is Opaque; allowed: a.b {"max":3,"optional":true}`},
		{narrowed(`{"where": {"a\n\u202e": {"any": true}}}`), nil, "asked: no a\ufffd\ufffd; allowed: a\ufffd\ufffd {\"any\":true}"},
		{narrowed(`{"allow": [{"actions": ["*"], "only": true}]}`), func(_ *Verifier, r *Request) { r.Facts["args.x"] = 1 },
			"asked: an argument without a constraint; allowed: with `only`, arguments that the grant names"},
		{narrowed(`{"not_before": 1800000040}`), func(v *Verifier, _ *Request) { v.Leeway = 30 }, `asked: now 1800000000; allowed: from 1800000010 on`},
		{narrowed(`{"expires": 1799999900}`), func(v *Verifier, _ *Request) { v.Leeway = 30 }, `asked: now 1800000000; allowed: before 1799999930`},
		{lease.Token(), func(v *Verifier, _ *Request) { v.Ring = nil }, "a verifier without a ring"},
		{lease.Token(), func(v *Verifier, _ *Request) { v.Ring = NewRing(); v.Ring.AddSecret("k1/github", secretOf('k')) },
			`asked: key id "k1"; allowed: keys k1/github; a lease of an audience key is minted under it`},
		{lease.Token(), func(v *Verifier, _ *Request) { v.Ring = NewRing(); v.Ring.AddPublic("e1", secretOf('k')) },
			`asked: key id "k1"; allowed: keys e1`},
		{lease.Token(), func(_ *Verifier, r *Request) { r.Facts["n"] = 1.5 }, `fact "n" is a float64; Flatten makes facts of JSON arguments`},
		{lease.Token(), func(_ *Verifier, r *Request) { r.Facts["n"] = "\xff" }, `fact "n" is text that is not Unicode`},
		{"Bearer " + lease.Token(), nil, `the token is what follows "Bearer "`},
		{lease.Token() + "\n", nil, `a token with white space around it`},
	} {
		other, request := *v, asking()
		if c.change != nil {
			c.change(&other, &request)
		}
		if _, err := other.Verify(c.token, request, testNow); err == nil || !strings.HasSuffix(err.Error()+";", c.want+";") && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, not %s", err, c.want)
		}
	}
}

func TestMintAndNarrowSay(t *testing.T) {
	key, _ := HMACKey("k1", secretOf('k'))
	for want, block := range map[string]string{
		"expires, allow":                       `{"run": "a@1", "audience": ["g"]}`,
		`attempts of all its run, as in "a@1"`: `{"run": "a", "audience": ["g"], "expires": 99999999999, "allow": [{"actions": ["x"]}]}`,
		"issued_at before expires":             `{"run": "a@1", "audience": ["g"], "expires": 5, "allow": [{"actions": ["x"]}]}`,
	} {
		if _, err := Mint(key, json.RawMessage(block)); err == nil || err.Error() != "malformed: shape; asked: a first block without "+want {
			t.Errorf("%v, not %s", err, want)
		}
	}
	lease, err := Mint(key, json.RawMessage(`{"run": "a@1", "audience": ["g"], "expires": 99999999999, "allow": [{"actions": ["x"]}]}`))
	if err != nil || lease.Blocks()[0]["issued_at"].(int64) < 1_700_000_000 {
		t.Fatal("no time of the clock", err)
	}
	for want, block := range map[string]string{
		"expires: a number that is no integer of 64 bits": `{"expires": 1.5}`,
		"expires: something else than an integer":         `{"expires": "soon"}`,
		`"allows" is no caveat`:                           `{"allows": []}`,
		`allow: "action" is no part of a grant`:           `{"allow": [{"action": "x"}]}`,
		"where: path: an unknown constraint: below":       `{"where": {"path": {"below": ["src"]}}}`,
		"a block that says nothing":                       `{"nonce": "00112233445566778899aabbccddeeff"}`,
	} {
		if _, err := lease.Narrow(json.RawMessage(block)); err == nil || err.Error() != "malformed: shape; asked: "+want {
			t.Errorf("%v, not %s", err, want)
		}
	}
}

func TestNarrowBySilence(t *testing.T) {
	for _, alg := range []string{"hmac", "ed25519"} {
		lease, _ := chainOf(t, alg, 1)
		for _, form := range []any{struct{ expires int }{5}, Block{}} {
			if _, err := lease.Narrow(form); code(err) != "malformed shape" {
				t.Errorf("%s %v: %v", alg, form, err)
			}
		}
		if _, err := lease.Narrow(Block{"expires": 5}); err != nil {
			t.Error(alg, err)
		}
	}
}

// A fact is looked at once for a kind: 300 constraints about 2 MB take no longer than one.
func TestLongFacts(t *testing.T) {
	path := strings.Repeat("abc/", 1<<19) + "a"
	host := strings.Repeat("abc.", 1<<19) + "a"
	for _, c := range []struct{ fact, constraint, want string }{
		{path, `{"under":["x"]}`, "ok"},                             // is not denied, after all of them
		{path, `{"under":["abc"]}`, "forbidden deny 1"},             // control
		{path + "/../b", `{"under":["x"]}`, "forbidden deny 1"},     // nobody can tell
		{host, `{"host":["x.y"]}`, "forbidden deny 1"},              // no host
		{"abc.a", `{"host":["x.y"]}`, "ok"},                         // control
		{strings.Repeat("a.", 126) + "b", `{"host":["x.y"]}`, "ok"}, // 253 characters
		{strings.Repeat("a.", 126) + "bc", `{"host":["x.y"]}`, "forbidden deny 1"},
	} {
		lease, v := chainOf(t, "hmac", 1)
		grant := `{"actions":["*"],"where":{"f":` + c.constraint + `}}`
		deny := `{"deny":[` + strings.Repeat(grant+",", 59) + grant + `]}`
		for i := 0; i < 5; i++ {
			var err error
			if lease, err = lease.Narrow(json.RawMessage(deny)); err != nil {
				t.Fatal(err)
			}
		}
		request := asking()
		request.Facts["f"] = c.fact
		start := time.Now()
		_, err := v.Verify(lease.Token(), request, testNow)
		if took := time.Since(start); code(err) != c.want || took > time.Second {
			t.Errorf("%s of %d characters: %s in %s, not %s", c.constraint, len(c.fact), code(err), took, c.want)
		}
	}
}

func TestHandlersChangeNothing(t *testing.T) {
	lease, v := chainOf(t, "hmac", 1)
	lease, err := lease.Narrow(Block{"budget": Block{"usd": 10}, "acme/x": 1, "acme/y": 1})
	if err != nil {
		t.Fatal(err)
	}
	request := asking()
	request.Cost, request.Binding = map[string]int64{"usd": 7}, secretOf('b')
	request.Facts["list"], request.Facts["names"] = []any{"a"}, []string{"a"}
	v.AppliesCharges = true
	seen := func(any, Request) bool { return true }
	for _, change := range []Handler{seen, func(_ any, r Request) bool { // the first is the control
		delete(r.Cost, "usd")
		r.Binding[0], r.Facts["list"].([]any)[0], r.Facts["names"].([]string)[0] = 0, "b", "b"
		delete(r.Facts, "path")
		return true
	}, func(any, Request) bool { // or the one that it holds itself
		delete(request.Cost, "usd")
		return true
	}} {
		v.Handlers = map[string]Handler{"acme/x": change, "acme/y": func(_ any, r Request) bool {
			return r.Cost["usd"] == 7 && r.Binding[0] == 'b' && r.Facts["path"] != nil &&
				r.Facts["list"].([]any)[0] == "a" && r.Facts["names"].([]string)[0] == "a"
		}}
		verified, err := v.Verify(lease.Token(), request, testNow)
		if err != nil || verified.Charges[0].Kind != "budget" || verified.Charges[0].Amount != 7 {
			t.Error(verified, err)
		}
	}
}

// encoding/json matches the names of a struct's members without case, so the check and the call differ.
func TestDecodeArgs(t *testing.T) {
	for _, text := range []string{`{"path":"src/a","PATH":"/etc/shadow"}`, `{"path":"src/a","n":9007199254740993}`} {
		facts, err1 := Flatten([]byte(text))
		args, err2 := DecodeArgs([]byte(text))
		if err1 != nil || err2 != nil || facts["args.path"] != "src/a" || args["path"] != "src/a" {
			t.Error(facts, args, err1, err2)
		}
	}
	var tool struct{ Path string }
	if json.Unmarshal([]byte(`{"path":"src/a","PATH":"/etc/shadow"}`), &tool); tool.Path != "/etc/shadow" {
		t.Error("encoding/json has changed: a struct takes ", tool.Path)
	}
	for _, text := range []string{`[]`, `null`, `{"a":1,"a":2}`, `{"a":1} ` + "x"} {
		if args, err := DecodeArgs([]byte(text)); args != nil || code(err) != "malformed facts" {
			t.Error(text, args, err)
		}
	}
}

func TestZeroValues(t *testing.T) {
	lease, _ := chainOf(t, "hmac", 1)
	zero := &Lease{}
	_, err1 := zero.Narrow(Block{"expires": 1})
	_, err2 := zero.Seal()
	_, err3 := zero.Present(secretOf(1), 1)
	_, err4 := zero.Attach(lease)
	_, err5 := lease.Attach(nil)
	_, err6 := lease.Attach(zero)
	_, err7 := (*Lease)(nil).Seal()
	for i, err := range []error{err1, err2, err3, err4, err5, err6, err7} {
		if code(err) != "malformed shape" {
			t.Error(i+1, err)
		}
	}
	if zero.Token()+zero.KeyID()+zero.Proof()+zero.Run() != "" || zero.Alg() != 0 || len(zero.BlockIDs())+len(zero.Blocks()) != 0 {
		t.Error("a zero lease says something")
	}
	key, _ := HMACKey("k1", secretOf('k'))
	if key.String() != "<Key k1, hmac>" || fmt.Sprint(key) != key.String() {
		t.Error(key)
	}
}
