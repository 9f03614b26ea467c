package attenuate

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

const keySize = 32

// hide returns a function for a secret: fmt follows pointers and shows of a function its address.
func hide[T any](secret *T) func() *T { return func() *T { return secret } }

// material is one key.
type material struct {
	id   string
	alg  int64
	data []byte // hmac: the secret; ed25519: of a Ring the public key, of a Key the seed
}

// Ring holds the keys that leases may be authentic under, each key id once. Fill it before it is used.
type Ring struct{ keys map[string]func() *material }

// NewRing returns an empty ring.
func NewRing() *Ring { return &Ring{make(map[string]func() *material)} }

// AddSecret adds the secret of an hmac chain, 32 bytes: a root, or under "ROOT/AUDIENCE" the audience
// key of one service, which cannot mint for another.
func (r *Ring) AddSecret(id string, secret []byte) error { return r.add(id, algHMAC, secret) }

// AddPublic adds an ed25519 public key, 32 bytes.
func (r *Ring) AddPublic(id string, public []byte) error { return r.add(id, algEd25519, public) }

func (r *Ring) add(id string, alg int64, data []byte) error {
	made, err := newMaterial(id, alg, data)
	if err != nil {
		return err
	}
	if _, taken := r.keys[id]; taken {
		return fmt.Errorf("attenuate: key id %q twice", id)
	}
	if alg == algEd25519 && strings.Contains(id, "/") {
		return fmt.Errorf(`attenuate: key id %q: only an audience key has a "/", and it is an hmac key`, id)
	}
	r.keys[id] = hide(made)
	return nil
}

func newMaterial(id string, alg int64, data []byte) (*material, error) {
	if !isKeyID(id) {
		return nil, errors.New("attenuate: a key id is 1 to 128 printable ASCII characters")
	}
	if len(data) != keySize {
		return nil, errors.New("attenuate: a key is 32 bytes")
	}
	return &material{id, alg, append([]byte(nil), data...)}, nil
}

// find returns the key that a token names (V3), and no key for the audience key of another service: so
// nobody makes a verifier derive keys without end.
func (r *Ring) find(t *token, audience string) (alg int64, key []byte, refusal *Refusal) {
	root, served, derived := strings.Cut(t.keyID, "/")
	get, direct := (func() *material)(nil), false
	if r != nil {
		if get, direct = r.keys[t.keyID]; !direct && derived {
			get = r.keys[root]
		}
	}
	if get == nil || !direct && get().alg != algHMAC {
		return 0, nil, untrusted("unknown_key", fmt.Sprintf("key id %q", t.keyID))
	}
	switch found := get(); {
	case derived && served != audience:
		return found.alg, nil, nil
	case direct:
		return found.alg, found.data, nil
	default:
		return algHMAC, mac(found.data, labelAudience, []byte(audience)), nil
	}
}

// AudienceKey derives the key of one service from an hmac root's 32 bytes; its key id is ROOT/AUDIENCE.
// The service can verify leases made for it and can mint none for another.
func AudienceKey(root []byte, audience string) ([]byte, error) {
	if len(root) != keySize || !utf8.ValidString(audience) {
		return nil, errors.New("attenuate: a root key is 32 bytes, and an audience text")
	}
	return mac(root, labelAudience, []byte(audience)), nil
}

// Key mints leases. It shows nothing of its secret.
type Key struct{ in func() *material }

// HMACKey returns the key that mints under an hmac secret of 32 bytes.
func HMACKey(id string, secret []byte) (Key, error) {
	return newKey(id, algHMAC, secret)
}

// Ed25519Key returns the key that mints under an ed25519 seed of 32 bytes (RFC 8032). As an approver's
// its id is its public key in lower-case hex.
func Ed25519Key(id string, seed []byte) (Key, error) {
	return newKey(id, algEd25519, seed)
}

func newKey(id string, alg int64, secret []byte) (Key, error) {
	made, err := newMaterial(id, alg, secret)
	if err != nil {
		return Key{}, err
	}
	return Key{hide(made)}, nil
}

// ID returns the key id.
func (k Key) ID() string { return k.in().id }

// Public returns the ed25519 public key, nil of an hmac key.
func (k Key) Public() []byte {
	if k.in().alg != algEd25519 {
		return nil
	}
	return ed25519.PublicKey(publicOf(k.in().data))
}

// Format writes the key id for every verb, and never the secret.
func (k Key) Format(f fmt.State, _ rune) { io.WriteString(f, k.redacted()) }

// MarshalText does as Format.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.redacted()), nil }

func (k Key) redacted() string {
	if k.in == nil {
		return "<Key>"
	}
	return "<Key " + k.in().id + ">"
}

// Format writes how many keys there are for every verb, and never a key.
func (r Ring) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "<Ring of %d>", len(r.keys)) }

// MarshalText does as Format.
func (r Ring) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "<Ring of %d>", len(r.keys)), nil
}
