// Package source is what the conformance executable sets: where randomness comes from, and which blocks are taken.
package source

import (
	"crypto/rand"
	"io"
)

// Random gives nonces and seeds. Only the conformance executable, whose lines state them, sets another.
var Random io.Reader = rand.Reader

// AsStated makes Mint take any first block, and state no issued_at in it, and Narrow one without a caveat.
var AsStated = false
