package attenuate

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"slices"
)

// smallOrder has the y of every point of small order, little-endian: 0, 1, -1 and the two of order 8.
var smallOrder = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
}

// sound says whether an encoded point has y below 2^255-19 and is not of small order. The points with x
// of 0, which have no sign, are of small order, so no other look at the sign is needed.
func sound(point []byte) bool {
	y := bytes.Clone(point)
	y[31] &= 0x7F
	canonical := y[0] < 0xED || y[31] != 0x7F || bytes.Count(y[1:31], []byte{0xFF}) != 30
	return canonical && !slices.Contains(smallOrder, hex.EncodeToString(y))
}

// verifySignature is the strict rule of specs/token.md. crypto/ed25519 checks s < L, compares R by its
// bytes and leaves the cofactor out; it takes points that are of small order or not canonical.
func verifySignature(public, signature, message []byte) bool {
	sized := len(public) == ed25519.PublicKeySize && len(signature) == ed25519.SignatureSize
	return sized && sound(public) && sound(signature[:32]) && ed25519.Verify(public, message, signature)
}

func publicOf(seed []byte) []byte { return ed25519.NewKeyFromSeed(seed)[32:] }

func sign(seed, message []byte) []byte { return ed25519.Sign(ed25519.NewKeyFromSeed(seed), message) }
