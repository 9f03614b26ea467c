package attenuate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Key mints leases. It shows nothing of its secret, which is behind a function: fmt follows pointers, and
// shows of a function its address.
type Key struct {
	id   string
	alg  int64
	data func() []byte // of an hmac key the secret, of an ed25519 key the seed, and in a Ring the public key
}

// HMACKey returns the key that mints under an hmac secret of 32 bytes.
func HMACKey(id string, secret []byte) (Key, error) { return newKey(id, algHMAC, secret) }

// Ed25519Key returns the key that mints under an ed25519 seed of 32 bytes (RFC 8032). As an approver's
// its id is its public key in lower-case hex.
func Ed25519Key(id string, seed []byte) (Key, error) { return newKey(id, algEd25519, seed) }

func newKey(id string, alg int64, data []byte) (Key, error) {
	if !isKeyID(id) || len(data) != keySize {
		return Key{}, errors.New("attenuate: a key is 32 bytes, and its id 1 to 128 printable ASCII characters")
	}
	kept := slices.Clone(data)
	return Key{id, alg, func() []byte { return kept }}, nil
}

// ID returns the key id.
func (k Key) ID() string { return k.id }

// String returns the key id and the algorithm, and never the secret.
func (k Key) String() string {
	return fmt.Sprintf("<Key %s, %s>", k.id, map[int64]string{algHMAC: "hmac", algEd25519: "ed25519"}[k.alg])
}

// Public returns the ed25519 public key, nil of an hmac key.
func (k Key) Public() []byte {
	if k.alg != algEd25519 {
		return nil
	}
	return publicOf(k.data())
}

// Ring holds the keys that leases may be authentic under, each key id once. Fill it before it is used.
type Ring struct{ keys map[string]Key }

// NewRing returns an empty ring.
func NewRing() *Ring { return &Ring{make(map[string]Key)} }

// AddSecret adds the secret of an hmac chain, 32 bytes: a root, or under "ROOT/AUDIENCE" the audience
// key of one service, which cannot mint for another.
func (r *Ring) AddSecret(id string, secret []byte) error { return r.add(id, algHMAC, secret) }

// AddPublic adds an ed25519 public key, 32 bytes.
func (r *Ring) AddPublic(id string, public []byte) error { return r.add(id, algEd25519, public) }

func (r *Ring) add(id string, alg int64, data []byte) error {
	key, err := newKey(id, alg, data)
	if _, taken := r.keys[id]; taken || alg == algEd25519 && strings.Contains(id, "/") {
		return fmt.Errorf(`attenuate: key id %q: twice, or with the "/" of an audience key, which is an hmac key`, id)
	}
	if err == nil {
		r.keys[id] = key
	}
	return err
}

// key returns the key that the token names (V3), and derives none for the audience key of another service:
// so nobody makes a verifier derive keys without end.
func (m *matter) key() ([]byte, *Refusal) {
	id := m.t.keyID
	root, served, derived := strings.Cut(id, "/")
	found, direct := m.Ring.keys[id]
	if !direct && derived {
		found = m.Ring.keys[root]
	}
	switch {
	case found.data == nil || !direct && found.alg != algHMAC:
		return nil, &Refusal{"untrusted", "unknown_key", NoBlock, fmt.Sprintf("key id %q", id), m.Ring.known(id)}
	case found.alg != m.t.alg:
		return nil, untrusted("algorithm", "another algorithm than the key's")
	case derived && served != m.Audience:
		return nil, forbidden("audience", 0, m.Audience, served)
	case direct:
		return found.data(), nil
	}
	return mac(found.data(), labelAudience, []byte(m.Audience)), nil
}

// known says which keys there are, to a lease of another.
func (r *Ring) known(id string) string {
	ids, hint := make([]string, 0, len(r.keys)), ""
	for each := range r.keys {
		ids = append(ids, each)
		if strings.HasPrefix(each, id+"/") {
			hint = "; a lease of an audience key is minted under it"
		}
	}
	slices.Sort(ids)
	return cut("keys "+strings.Join(ids, ", ")) + hint
}

// AudienceKey derives the key of one service from an hmac root's 32 bytes; its key id is ROOT/AUDIENCE.
// The service can verify leases made for it and can mint none for another.
func AudienceKey(root []byte, audience string) ([]byte, error) {
	if len(root) != keySize || !utf8.ValidString(audience) {
		return nil, errors.New("attenuate: a root key is 32 bytes, and an audience text")
	}
	return mac(root, labelAudience, []byte(audience)), nil
}
