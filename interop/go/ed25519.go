package attenuate

import (
	"bytes"
	"crypto/ed25519"
)

// smallOrder has the y of every point of small order, little-endian: 0, 1, -1 and the two of order 8.
var smallOrder = [...]string{
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
	"\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
	"\xec\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
	"\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05",
	"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a",
}

// sound says whether an encoded point has y below 2^255-19 and is not of small order. The points with x
// of 0, which have no sign, are of small order, so no other look at the sign is needed.
func sound(point []byte) bool {
	var y [32]byte
	copy(y[:], point)
	y[31] &= 0x7F
	for _, small := range smallOrder {
		if string(y[:]) == small {
			return false
		}
	}
	return y[0] < 0xED || y[31] != 0x7F || bytes.Count(y[1:31], []byte{0xFF}) != 30
}

// verifySignature is the strict rule of specs/token.md. crypto/ed25519 checks s < L, compares R by its
// bytes and leaves the cofactor out; it takes points that are of small order or not canonical.
func verifySignature(public, signature, message []byte) bool {
	if len(public) != ed25519.PublicKeySize || len(signature) != ed25519.SignatureSize {
		return false
	}
	return sound(public) && sound(signature[:32]) && ed25519.Verify(public, message, signature)
}

func publicOf(seed []byte) []byte { return ed25519.NewKeyFromSeed(seed)[32:] }

func sign(seed, message []byte) []byte { return ed25519.Sign(ed25519.NewKeyFromSeed(seed), message) }
