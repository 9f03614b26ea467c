// Command conformance reads one JSON object a line and answers one a line. What cannot be done is an
// answer too; only a line that is not JSON ends the process, with 1.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"attenuate.invalid/attenuate"
	"attenuate.invalid/attenuate/internal/strict"
)

func main() {
	in, out := bufio.NewReaderSize(os.Stdin, 1<<16), bufio.NewWriterSize(os.Stdout, 1<<16)
	for number := 1; ; number++ {
		line, err := in.ReadBytes('\n')
		if len(line) == 0 && err == io.EOF {
			return
		}
		said, err := answer(line)
		if err != nil {
			fmt.Fprintf(os.Stderr, "line %d: %v\n", number, err)
			os.Exit(1)
		}
		out.Write(append(said, '\n'))
		if out.Flush() != nil {
			os.Exit(1)
		}
	}
}

type object = map[string]any

// line has the members of a line, and each of them as it is written.
type line struct {
	object
	raw map[string]json.RawMessage
}

// answer answers the text of one line; only what is no JSON is an error.
func answer(text []byte) ([]byte, error) {
	value, fault := strict.Parse(text)
	if fault == strict.ErrSyntax {
		return nil, fault
	}
	read := line{}
	read.object, _ = value.(object) // none for a line that is no object, or one with two meanings
	if read.object != nil {
		if err := json.Unmarshal(text, &read.raw); err != nil {
			return nil, err
		}
	}
	out, _ := strict.Append(nil, done(read))
	return out, nil
}

// done does what a line asks for.
func done(line line) (result object) {
	defer func() {
		var refusal *attenuate.Refusal
		switch thrown := recover().(type) {
		case nil:
			return
		case error:
			if result = (object{"ok": false, "stage": "malformed", "code": "facts"}); errors.As(thrown, &refusal) {
				result["stage"], result["code"] = refusal.Stage, refusal.Code
				if refusal.Block != attenuate.NoBlock {
					result["block"] = int64(refusal.Block)
				}
			} else if !errors.Is(thrown, errInput) {
				panic(thrown)
			}
		default:
			panic(thrown)
		}
	}()
	name, _ := line.object["op"].(string)
	op := ops[name]
	require(op != nil)
	return op(line)
}

var errInput = errors.New("a member of a line is missing, unknown or of another type")

func require(ok bool) {
	if !ok {
		panic(errInput)
	}
}

// must returns a value, or throws the error for answer to tell.
func must[T any](value T, err error) T {
	var refusal *attenuate.Refusal
	if err != nil && !errors.As(err, &refusal) {
		err = errInput
	}
	if err != nil {
		panic(err)
	}
	return value
}

var ops = map[string]func(line) object{
	"verify": verify, "mint": mint, "narrow": narrow, "seal": seal, "present": present, "inspect": inspect,
	"audience_key": audienceKey, "call_binding": callBinding, "http_binding": httpBinding, "flatten": flatten,
}
