package bounded_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go/internal/bounded"
)

const kib = 1 << 10

var errReset = errors.New("connection reset")

// text returns n bytes that are not all the same.
func text(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}

// cut gives b and then an error, at once with the last bytes if at is true.
func cut(b []byte, err error, together bool) io.Reader {
	r := io.MultiReader(bytes.NewReader(b), iotest.ErrReader(err))
	if together {
		return iotest.DataErrReader(r)
	}
	return r
}

// allocated returns how many bytes f allocates. It is for tests that do not run
// in parallel with others.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestReadAllocatesNoMoreThan64KiBOnTheWordOfALength(t *testing.T) {
	for _, length := range []int64{64 * kib, 64*kib + 1, 1 << 20, 1 << 40, math.MaxInt64} {
		t.Run(fmt.Sprintf("%d bytes announced, five sent", length), func(t *testing.T) {
			n := allocated(func() {
				body, err := bounded.Read(strings.NewReader("five!"), length, math.MaxInt64-1)
				assert.Equal(t, "five!", string(body))
				if length <= 64*kib {
					assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
				}
			})
			assert.Less(t, n, uint64(80*kib))
		})
	}
}

func TestReadAllocatesAFewTimesTheLimitForAnEndlessBody(t *testing.T) {
	const limit = 1 << 20
	n := allocated(func() {
		_, err := bounded.Read(zeros{}, -1, limit)
		assert.ErrorIs(t, err, bounded.ErrTooLarge)
	})
	assert.Less(t, n, uint64(3*limit))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Whatever the reader does and the server announced, the body is the same.
func TestRead(t *testing.T) {
	t.Parallel()
	readers := map[string]func(io.Reader) io.Reader{
		"at once":                       func(r io.Reader) io.Reader { return r },
		"one byte at a time":            iotest.OneByteReader,
		"half of what is asked for":     iotest.HalfReader,
		"the end with the last bytes":   iotest.DataErrReader,
		"one byte, the end with it":     func(r io.Reader) io.Reader { return iotest.DataErrReader(iotest.OneByteReader(r)) },
		"nothing before each next byte": func(r io.Reader) io.Reader { return &hesitant{r: iotest.OneByteReader(r)} },
	}
	const limit = 80 * kib
	for name, reader := range readers {
		for _, size := range []int{0, 1, 5, 512, 513, 64*kib - 1, 64 * kib, 64*kib + 1, limit - 1, limit} {
			t.Run(fmt.Sprintf("%d bytes that come %s are read whole", size, name), func(t *testing.T) {
				t.Parallel()
				for _, length := range []int64{int64(size), -1} {
					body, err := bounded.Read(reader(bytes.NewReader(text(size))), length, limit)
					require.NoError(t, err, "length %d", length)
					assert.True(t, bytes.Equal(text(size), body), "length %d", length)
					assert.Equal(t, len(body), cap(body), "length %d: the buffer is as large as the body", length)
				}
			})
		}
		for _, size := range []int{limit + 1, limit + 512} {
			t.Run(fmt.Sprintf("%d bytes that come %s are over the limit, and their beginning is left", size, name), func(t *testing.T) {
				t.Parallel()
				for _, length := range []int64{int64(size), -1} {
					body, err := bounded.Read(reader(bytes.NewReader(text(size))), length, limit)
					require.ErrorIs(t, err, bounded.ErrTooLarge, "length %d", length)
					assert.True(t, bytes.Equal(text(64*kib), body), "length %d", length)
				}
			})
		}
	}
}

func TestReadOfALargeBody(t *testing.T) {
	t.Parallel()
	for _, size := range []int{192*kib - 1, 192 * kib, 192*kib + 1, 3 << 20} {
		for _, length := range []int64{int64(size), -1} {
			body, err := bounded.Read(iotest.HalfReader(bytes.NewReader(text(size))), length, 4<<20)
			require.NoError(t, err)
			assert.True(t, bytes.Equal(text(size), body))
			assert.Equal(t, len(body), cap(body))
		}
	}
}

// hesitant reads nothing every other time, as io.Reader allows.
type hesitant struct {
	r   io.Reader
	odd bool
}

func (h *hesitant) Read(p []byte) (int, error) {
	if h.odd = !h.odd; h.odd {
		return 0, nil
	}
	return h.r.Read(p)
}

func TestReadOfABodyThatIsNotAsAnnounced(t *testing.T) {
	t.Parallel()
	const limit = 100
	tests := []struct {
		name   string
		reader io.Reader
		length int64
		want   []byte
		err    error
	}{
		{"less than announced is cut off", bytes.NewReader(text(9)), 10, text(9), io.ErrUnexpectedEOF},
		{"nothing of what was announced is cut off", bytes.NewReader(nil), 10, []byte{}, io.ErrUnexpectedEOF},
		{"less than announced, the end with it, is cut off", iotest.DataErrReader(bytes.NewReader(text(9))), 10, text(9), io.ErrUnexpectedEOF},
		{"an announcement over the limit does not matter", bytes.NewReader(text(9)), limit + 1, text(9), nil},
		{"an announcement at the limit is kept", bytes.NewReader(text(limit)), limit, text(limit), nil},
		{"an announcement of nothing is not believed", bytes.NewReader(text(9)), 0, text(9), nil},
		{"a limit of nothing allows nothing", bytes.NewReader(nil), -1, []byte{}, nil},

		{"a lost connection leaves what was read, announced", cut(text(9), errReset, false), 10, text(9), errReset},
		{"a lost connection leaves what was read, not announced", cut(text(9), errReset, false), -1, text(9), errReset},
		{"bytes that come with the error count, announced", cut(text(9), errReset, true), 10, text(9), errReset},
		{"bytes that come with the error count, not announced", cut(text(9), errReset, true), -1, text(9), errReset},
		{"an error in place of the end is an error", cut(text(10), errReset, false), 10, text(10), errReset},
		{"a connection lost over the limit is over the limit", cut(text(limit+1), errReset, false), -1, text(limit), bounded.ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			body, err := bounded.Read(tt.reader, tt.length, limit)
			assert.Equal(t, string(tt.want), string(body))
			if tt.err == nil {
				assert.NoError(t, err)
			} else {
				assert.ErrorIs(t, err, tt.err)
			}
		})
	}
	t.Run("more than announced is an error that says so", func(t *testing.T) {
		t.Parallel()
		for _, reader := range []io.Reader{bytes.NewReader(text(11)), iotest.OneByteReader(bytes.NewReader(text(11)))} {
			body, err := bounded.Read(reader, 10, limit)
			assert.EqualError(t, err, "10 bytes announced, more sent")
			assert.Equal(t, text(10), body)
		}
	})
}

func TestReadGivesABufferThatNobodyElseHas(t *testing.T) {
	t.Parallel()
	const limit = 100 * kib
	for _, size := range []int{1, 100, 70 * kib, limit + 1} {
		read := func(c string) []byte {
			body, _ := bounded.Read(strings.NewReader(strings.Repeat(c, size)), -1, limit)
			return body
		}
		first := read("a")
		for range 10 {
			read("b")
		}
		require.NotEmpty(t, first)
		assert.Equal(t, len(first), bytes.Count(first, []byte("a")))
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	repeat := strings.Repeat
	// With the bracket of the list, n items of one byte are n values.
	list := func(item string, n int) string { return "[" + repeat(item+",", n-1) + item + "]" }

	tests := []struct {
		name string
		body string
		err  error
	}{
		{"100,000 values are allowed", list("1", 100_000), nil},
		{"one more is not", list("1", 100_001), bounded.ErrTooMany},
		{"objects are counted", list("{}", 50_001), bounded.ErrTooMany},
		{"lists are counted", list("[]", 50_001), bounded.ErrTooMany},
		{"lists in lists are counted", repeat("[", 100_001), bounded.ErrTooMany},
		{"objects in objects are counted", repeat(`{"":`, 100_001), bounded.ErrTooMany},
		{"what is in a string is not counted", `["` + repeat(",", 200_000) + `"]`, nil},
		{"an escaped quote does not end a string", `["\"` + repeat(",", 200_000) + `"]`, nil},
		{"an escaped backslash does not escape a quote", `["\\"` + repeat(",", 200_000) + `]`, bounded.ErrTooMany},
		{"what follows a string is counted", `["",` + repeat("1,", 200_000) + `1]`, bounded.ErrTooMany},
		{"a string that does not end is no trouble", `"` + repeat(`\`, 200_001), nil},
		{"nothing is allowed", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.err, bounded.Values([]byte(tt.body)))
		})
	}
}

func TestItems(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		body  string
		data  string // the member, "" for none
		items []string
	}{
		{"an array is the list itself", `[1,2]`, `[1,2]`, []string{`1`, `2`}},
		{"an envelope holds the list in its member", `{"data":[1,2]}`, `[1,2]`, []string{`1`, `2`}},
		{"an empty array has no items", `[]`, `[]`, []string{}},
		{"an empty array may hold blanks", ` [ ] `, `[ ]`, []string{}},
		{"an empty member has no items", `{"data":[]}`, `[]`, []string{}},
		{"an envelope without the member has no list", `{"meta":{}}`, ``, nil},
		{"an empty envelope has no list", `{}`, ``, nil},
		{"a member that is null is no list", `{"data":null}`, `null`, nil},
		{"a member that is an object is no list", `{"data":{"data":[1]}}`, `{"data":[1]}`, nil},
		{"a member that is a string is no list", `{"data":"[1]"}`, `"[1]"`, nil},
		{"a string is no list", `"[1]"`, ``, nil},
		{"a number is no list", `12`, ``, nil},
		{"null is no list", `null`, ``, nil},

		{"items are of every kind", `[{"a":1},[2,[3]],"s",-1.5e3,true,false,null]`, `[{"a":1},[2,[3]],"s",-1.5e3,true,false,null]`,
			[]string{`{"a":1}`, `[2,[3]]`, `"s"`, `-1.5e3`, `true`, `false`, `null`}},
		{"blanks around items are not theirs", " [ 1 ,\t{ \"a\" : [ 1 , 2 ] }\r\n, \"x\" ] ", "[ 1 ,\t{ \"a\" : [ 1 , 2 ] }\r\n, \"x\" ]",
			[]string{`1`, `{ "a" : [ 1 , 2 ] }`, `"x"`}},
		{"blanks of every kind end a number", "[1 ,2\t,3\n,4\r,5\n]", "[1 ,2\t,3\n,4\r,5\n]", []string{`1`, `2`, `3`, `4`, `5`}},
		{"brackets and commas in strings are text", `["]",",","}{[",{"]":"}"}]`, `["]",",","}{[",{"]":"}"}]`,
			[]string{`"]"`, `","`, `"}{["`, `{"]":"}"}`}},
		{"an escaped quote does not end a string", `["\"]",{"\"":"\\\"}"}]`, `["\"]",{"\"":"\\\"}"}]`,
			[]string{`"\"]"`, `{"\"":"\\\"}"}`}},
		{"an escaped backslash does not escape a quote", `["\\","\\\\"]`, `["\\","\\\\"]`, []string{`"\\"`, `"\\\\"`}},

		{"members before and after the list are passed over", `{"meta":{"data":[9]},"n":[{"data":[8]}],"s":"\"data\":[7]","data":[1],"x":[2]}`,
			`[1]`, []string{`1`}},
		{"blanks are allowed everywhere", "\n{ \"meta\" : { } ,\n \"data\" : [ 1 ] , \"x\" : 1 }\n", `[ 1 ]`, []string{`1`}},
		{"the name may be in any case", `{"DaTa":[1]}`, `[1]`, []string{`1`}},
		{"the name may be written with escapes", `{"d\u0061ta":[1]}`, `[1]`, []string{`1`}},
		{"the name is the whole name", `{"data2":[1],"dat":[2],"\"data\"":[3],"data\\":[4],"data ":[5]}`, ``, nil},
		{"the last of several lists counts", `{"data":[1],"data":[2,3]}`, `[2,3]`, []string{`2`, `3`}},
		{"the last of several counts in any case", `{"data":[1],"DATA":[2,3]}`, `[2,3]`, []string{`2`, `3`}},
		{"a null after the list counts", `{"data":[1],"data":null}`, `null`, nil},
		{"a list after a number counts", `{"data":7,"data":[1]}`, `[1]`, []string{`1`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.True(t, json.Valid([]byte(tt.body)))
			data, items, err := bounded.Items([]byte(tt.body), "data", 10)
			require.NoError(t, err)
			assert.Equal(t, tt.data, string(data))
			assert.Equal(t, tt.data == "", data == nil)
			assert.Equal(t, tt.items, texts(items))
		})
	}
}

// texts returns items as strings; nil stays nil.
func texts(items [][]byte) []string {
	if items == nil {
		return nil
	}
	list := make([]string, 0, len(items))
	for _, item := range items {
		list = append(list, string(item))
	}
	return list
}

func TestItemsOfWhatIsNoJSONAreFoundWithoutHarm(t *testing.T) {
	t.Parallel()
	whole := `{"meta":{"a":"b\"","c":[1,{"d":null}]},"data":[{"id":"x\\"},[1,2],"y\"",12],"z":0}`
	garbage := []string{"[,,,]", "[}", "[]]", "{]", "{,", "{:", `{"a":}`, `{"a"]`, `{"data":[}`, `{"data":[1}]`, `{"data":[1 2]}`,
		"[\x00]", "[1\x00]", `["\`, `{"\`, "}", "]", ",", ":", `"`, `\`, "\xff", "<html>", `{"data":[[[[[[`, `{"data"[1]}`}
	for i := range len(whole) {
		garbage = append(garbage, whole[:i], whole[i:], whole[:i]+whole[i+1:])
	}
	for _, body := range garbage {
		assert.NotPanics(t, func() {
			_, items, err := bounded.Items(slices.Clip([]byte(body)), "data", 10)
			assert.NoError(t, err, "%q", body)
			assert.LessOrEqual(t, len(items), 10, "%q", body)
		}, "%q", body)
	}
}

func TestItemsOverTheLimitAreAnErrorBeforeTheyAreAllocated(t *testing.T) {
	const limit = 1000
	list := func(n int) string { return "[" + strings.Repeat("{},", n-1) + "{}]" }
	for _, format := range []string{"%s", `{"data":%s}`} {
		_, items, err := bounded.Items(fmt.Appendf(nil, format, list(limit)), "data", limit)
		require.NoError(t, err)
		assert.Len(t, items, limit)

		body := fmt.Appendf(nil, format, list(1_000_000))
		n := allocated(func() {
			data, items, err := bounded.Items(body, "data", limit)
			assert.ErrorIs(t, err, bounded.ErrTooManyItems)
			assert.EqualError(t, err, "list holds too many items: more than 1000")
			assert.Nil(t, data)
			assert.Nil(t, items)
		})
		assert.Less(t, n, uint64(128*kib))
	}
}

func TestItemsCannotGrowIntoEachOther(t *testing.T) {
	t.Parallel()
	body := []byte(`{"data":[{},[],"a",1,null ]}`)
	_, items, err := bounded.Items(body, "data", 10)
	require.NoError(t, err)
	require.Len(t, items, 5)
	for _, item := range items {
		_ = append(item, "garbage"...)
	}
	assert.Equal(t, `{"data":[{},[],"a",1,null ]}`, string(body))
}

func TestMember(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, body, want string }{
		{"a member is found between others", `{"a":{"id":1},"id":"x","b":[2]}`, `"x"`},
		{"the first of several counts", `{"id":1,"id":2}`, "1"},
		{"space is allowed everywhere", " {\n\"id\" : [1, 2]\t, \"a\":0}", "[1, 2]"},
		{"a whole value is enough of a body that is cut off", `{"id":"x","sta`, `"x"`},
		{"a value that may be cut off is none", `{"id":12`, ""},
		{"a string that is cut off is none", `{"id":"x`, ""},
		{"a name further down is another", `{"a":{"id":1}}`, ""},
		{"a value is no name", `{"a":"id","b":1}`, ""},
		{"a name in another case is another", `{"ID":1,"x":0}`, ""},
		{"an array has no members", `["id",1]`, ""},
		{"no JSON has none", `<html id="x">`, ""},
		{"an empty object has none", `{}`, ""},
		{"nothing has none", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, string(bounded.Member([]byte(tt.body), "id")))
		})
	}
}

func TestMemberAllocatesNothing(t *testing.T) {
	for _, body := range [][]byte{
		[]byte(`{"lists":[` + strings.Repeat(`"",`, 100_000) + `""],"id":1}`),
		[]byte("{" + strings.Repeat(`"a":0,`, 100_000) + `"id":1}`),
		[]byte(strings.Repeat(`{"a":`, 100_000)),
	} {
		assert.Zero(t, testing.AllocsPerRun(3, func() { bounded.Member(body, "id") }))
	}
}

func FuzzItems(f *testing.F) {
	for _, body := range []string{
		`[]`, `[1,2]`, ` [ {"a":"]"} , "\"" ] `, `{"data":[1,[2],{"a":3}],"meta":{"total":3}}`,
		`{"DATA":[1],"data":[2]}`, `{"data":[1],"data":null}`, `{"d\u0061ta":[1]}`, `{"x":{"data":[1]},"data":"[2]"}`,
		`{"a"`, `{"a":`, `{"data":[`, `["\`, `null`, `1`, `"a"`, ``, `[,,,]`, `{"data":[1,2,3,4]}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		const limit = 3
		data, items, err := bounded.Items(body, "data", limit)
		if err != nil {
			require.ErrorIs(t, err, bounded.ErrTooManyItems)
			require.Nil(t, items)
		}
		require.LessOrEqual(t, len(items), limit)
		member := bounded.Member(body, "data")
		if !json.Valid(body) {
			return
		}
		if member != nil {
			require.True(t, json.Valid(member))
		}

		// encoding/json must see the same list.
		var want json.RawMessage
		var elements []json.RawMessage
		switch body := bytes.TrimSpace(body); body[0] {
		case '[':
			want = body
		case '{':
			var envelope struct {
				Data json.RawMessage `json:"data"`
			}
			require.NoError(t, json.Unmarshal(body, &envelope))
			want = envelope.Data
		}
		if len(want) > 0 && want[0] == '[' {
			require.NoError(t, json.Unmarshal(want, &elements))
		}
		all, every, noErr := bounded.Items(body, "data", len(body))
		require.NoError(t, noErr)
		require.Equal(t, string(want), string(all))
		require.Equal(t, want == nil, all == nil)
		require.Len(t, every, len(elements))
		for i := range every {
			require.Equal(t, string(elements[i]), string(every[i]))
		}
		if err == nil {
			require.Equal(t, all, data)
			require.Equal(t, every, items)
		} else if bytes.Count(body, []byte("[")) == 1 {
			require.Greater(t, len(elements), limit)
		}
	})
}
