// Package source is where randomness comes from.
package source

import (
	"crypto/rand"
	"io"
)

// Random gives nonces and seeds. Only the conformance executable, whose lines state them, sets another.
var Random io.Reader = rand.Reader
