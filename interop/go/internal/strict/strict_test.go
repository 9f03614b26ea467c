package strict

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		`[333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001]`:                    `[333333333.3333333,1e+30,4.5,0.002,1e-27]`,
		`[-0, -0.0, 1e21, 1e20, 1e-7, 1e-6, 5e-324, 9007199254740991, 1.5e300, 123e-20]`:           `[0,0,1e+21,100000000000000000000,1e-7,0.000001,5e-324,9007199254740991,1.5e+300,1.23e-18]`,
		`{"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\ud83d\ude00": 5, "\u0080": 6, "\u00f6": 7}`: "{\"\\r\":2,\"1\":4,\"\u0080\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\ufb33\":3}",
		`"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/\u007f"`:                                    "\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\u007f\"",
	} {
		value, err := Parse([]byte(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if out, canonical := Append(nil, value); !canonical || string(out) != want {
			t.Errorf("%s becomes %s, not %s", in, out, want)
		}
	}
	for _, in := range []string{`9007199254740992`, `-9007199254740992`, `12345678901234567890`, `1e400`, `"\ud800"`, `{"\udc00": 1}`} {
		value, err := Parse([]byte(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if out, canonical := Append(nil, value); canonical {
			t.Errorf("%s becomes %s", in, out)
		}
	}
}

func TestParse(t *testing.T) {
	for in, want := range map[string]error{
		``: ErrSyntax, `{`: ErrSyntax, `[1,]`: ErrSyntax, `{"a":1,}`: ErrSyntax, `01`: ErrSyntax, `1.`: ErrSyntax, `.5`: ErrSyntax,
		`+1`: ErrSyntax, `1e`: ErrSyntax, `-`: ErrSyntax, `"\x"`: ErrSyntax, "\"\n\"": ErrSyntax, `"\u12g4"`: ErrSyntax, `1 2`: ErrSyntax,
		"\"\xff\"": ErrSyntax, `nul`: ErrSyntax, `'a'`: ErrSyntax, "\ufeff1": ErrSyntax, `{"a":1,"a":2`: ErrSyntax,
		`NaN`: ErrSyntax, `[-Infinity]`: ErrSyntax, `{"a":1,"a":2} x`: ErrSyntax, `{"a":1,"\u0061":2}`: ErrUnclear,
		` { "a" : [ 1 , null , true ] } `: nil, `"\ud800"`: nil, `"\ud83d\ude00"`: nil, `1E+2`: nil,
	} {
		if _, err := Parse([]byte(in)); !errors.Is(err, want) {
			t.Errorf("%q: %v, not %v", in, err, want)
		}
	}
	for depth, want := range map[int]error{maxDepth: nil, maxDepth + 1: ErrUnclear, 1 << 20: ErrSyntax} {
		deep := strings.Repeat("[", depth) + strings.Repeat("]", depth)
		if _, err := Parse([]byte(deep)); err != want {
			t.Error(depth, err)
		}
	}
}

func TestAppendReadsBack(t *testing.T) {
	for _, in := range []string{`{"a":[1.5,-7,"\ud800\u0000","\udbff\udfff\udc00"],"b":null}`, `"\u001f\b\f"`, `[1e400]`} {
		value, _ := Parse([]byte(in))
		out, _ := Append(nil, value)
		again, err := Parse(out)
		if err != nil || !reflect.DeepEqual(again, value) {
			t.Errorf("%s becomes %s", in, out)
		}
	}
}
