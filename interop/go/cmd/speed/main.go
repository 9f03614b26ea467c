// Command speed says how many tokens a second are verified on one core, from text to decision:
//
//	go run ./cmd/speed ../speed.json
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"runtime"
	"time"

	"attenuate.invalid/attenuate"
)

type work struct {
	Name, Token string
	Keys        []struct {
		ID, Key string
		Alg     int
	}
	Request struct {
		Run              [][2]any
		Audience, Action string
		Facts            attenuate.Facts
	}
	Now int64
}

func main() {
	runtime.GOMAXPROCS(1) // the collector's work counts too
	if len(os.Args) != 2 {
		log.Fatal("one argument: the file of lines")
	}
	text, err := os.ReadFile(os.Args[1])
	var lines []work
	if err == nil {
		err = json.Unmarshal(text, &lines)
	}
	if err != nil {
		log.Fatal(err)
	}
	for _, line := range lines {
		verify := line.loop()
		verify(time.Second / 2) // to warm up
		out, _ := json.Marshal(map[string]any{"name": line.Name, "per_second": int(verify(time.Second))})
		fmt.Println(string(out))
	}
}

// loop returns what verifies a line for a while and returns how often a second it did.
func (line *work) loop() func(time.Duration) float64 {
	ring := attenuate.NewRing()
	for _, key := range line.Keys {
		add := ring.AddSecret
		if key.Alg == -19 {
			add = ring.AddPublic
		}
		if data, err := hex.DecodeString(key.Key); err != nil || add(key.ID, data) != nil {
			log.Fatalf("%s: key %s is none", line.Name, key.ID)
		}
	}
	verifier := attenuate.Verifier{Ring: ring, Audience: line.Request.Audience}
	request := attenuate.Request{Action: line.Request.Action, Facts: line.Request.Facts}
	for i, part := range line.Request.Run {
		request.Run += fmt.Sprintf("%s%v@%v", "/"[:min(i, 1)], part[0], part[1])
	}
	return func(span time.Duration) float64 {
		count, start := 0, time.Now()
		for ; time.Since(start) < span; count++ {
			if _, err := verifier.Verify(line.Token, request, line.Now); err != nil {
				log.Fatalf("%s: %v", line.Name, err)
			}
		}
		return float64(count) / time.Since(start).Seconds()
	}
}
