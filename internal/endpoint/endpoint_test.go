package endpoint_test

import (
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go/internal/endpoint"
)

func TestBaseAcceptsHTTPSAndLoopback(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, raw, want string }{
		{"https with a path is accepted", "https://api.example.com/v1", "https://api.example.com/v1"},
		{"https without a path is accepted", "https://api.example.com", "https://api.example.com"},
		{"a slash at the end is dropped", "https://api.example.com/", "https://api.example.com"},
		{"slashes at the end of a path are dropped", "https://api.example.com/v1//", "https://api.example.com/v1"},
		{"a port and several segments are accepted", "https://api.example.com:8443/a/b-c_d.e~f", "https://api.example.com:8443/a/b-c_d.e~f"},
		{"the largest port is accepted", "https://api.example.com:65535", "https://api.example.com:65535"},
		{"the scheme may be in capitals", "HTTPS://api.example.com", "https://api.example.com"},
		{"an IPv4 address is accepted", "https://192.0.2.1/v1", "https://192.0.2.1/v1"},
		{"an IPv6 address is accepted", "https://[2001:db8::1]/v1", "https://[2001:db8::1]/v1"},
		{"an IPv6 address with a port is accepted", "https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"},
		{"http to localhost is accepted", "http://localhost:8080/v1", "http://localhost:8080/v1"},
		{"localhost may be in capitals", "http://LocalHost", "http://LocalHost"},
		{"http to 127.0.0.1 is accepted", "http://127.0.0.1:8080", "http://127.0.0.1:8080"},
		{"http to the whole loopback network is accepted", "http://127.1.2.3", "http://127.1.2.3"},
		{"http to the IPv6 loopback address is accepted", "http://[::1]:8080/v1", "http://[::1]:8080/v1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			u, err := endpoint.Base(tt.raw)
			require.NoError(t, err)
			assert.Equal(t, tt.want, u.String())
		})
	}
}

func TestBaseRefusesEverythingElseWithoutRepeatingIt(t *testing.T) {
	t.Parallel()
	const (
		parse    = "is not a URL"
		scheme   = "must start with https://"
		host     = "has no host"
		plain    = "must be https: plain http is for loopback addresses only"
		user     = "must not hold a user name or password"
		query    = "must not have a query or a fragment"
		dots     = "has a path that must not have empty, . or .. segments"
		escapes  = "has a path that must be plain: put values into {placeholders} and a query into its option"
		password = "s3cret"
	)
	tests := []struct{ name, raw, want string }{
		{"nothing", "", scheme},
		{"a host alone", "api.example.com", scheme},
		{"a host with a port alone", "api.example.com:443", scheme},
		{"a URL without a scheme", "//api.example.com", scheme},
		{"a path alone", "/v1", scheme},
		{"another scheme", "ftp://api.example.com", scheme},
		{"a blank before it", " https://api.example.com", parse},
		{"a line break after it", "https://api.example.com\n", parse},
		{"a blank in the host", "https://api example.com", parse},
		{"a backslash in the host", `https://api.example.com\@evil.example`, parse},
		{"a bracket that is not closed", "https://me:s3cret@[::1", parse},
		{"a port that is no number, after a password", "https://me:s3cret@api.example.com:port", parse},
		{"a port that no host has", "https://api.example.com:65536", "has a port that is not between 1 and 65535"},
		{"port 0", "https://api.example.com:0", "has a port that is not between 1 and 65535"},

		{"a scheme alone", "https:", host},
		{"no host before a path", "https:///v1", host},
		{"no host before a port", "https://:443", host},
		{"no host after a password", "https://me:s3cret@/v1", host},
		{"a host that is no authority", "https:api.example.com", host},

		{"http to a name", "http://api.example.com", plain},
		{"http to an address", "http://192.0.2.1", plain},
		{"http to a private address", "http://10.0.0.1", plain},
		{"http to any address of the machine", "http://0.0.0.0:8080", plain},
		{"http to any IPv6 address of the machine", "http://[::]:8080", plain},
		{"http to a name that begins like localhost", "http://localhost.example.com", plain},
		{"http to a name that begins like a loopback address", "http://127.0.0.1.example.com", plain},
		{"http to localhost as a user", "http://localhost:s3cret@example.com", plain},

		{"a password", "https://me:s3cret@api.example.com", user},
		{"a user name", "https://s3cret@api.example.com", user},
		{"an empty user name", "https://@api.example.com", user},
		{"a password for loopback", "http://me:s3cret@127.0.0.1", user},

		{"a query", "https://api.example.com/v1?key=s3cret", query},
		{"an empty query", "https://api.example.com/v1?", query},
		{"a fragment", "https://api.example.com/v1#s3cret", query},
		{"an empty fragment", "https://api.example.com/v1#", query},

		{"an empty segment", "https://api.example.com/a//b", dots},
		{"an empty first segment", "https://api.example.com//v1", dots},
		{"a dot segment", "https://api.example.com/./v1", dots},
		{"a segment of two dots", "https://api.example.com/a/../v1", dots},
		{"two dots at the end", "https://api.example.com/v1/..", dots},
		{"escaped dots", "https://api.example.com/%2e%2e/v1", escapes},
		{"an escaped slash", "https://api.example.com/a%2Fb", escapes},
		{"a blank in the path", "https://api.example.com/a b", escapes},
		{"a placeholder", "https://api.example.com/{version}", escapes},
		{"letters outside ASCII", "https://api.example.com/versão", escapes},
	}
	for _, tt := range tests {
		t.Run(tt.name+" is refused", func(t *testing.T) {
			t.Parallel()
			u, err := endpoint.Base(tt.raw)
			assert.Nil(t, u)
			require.EqualError(t, err, tt.want)
			assert.NotContains(t, err.Error(), password)
		})
	}
}

// none is the lookup of a path without values.
func none(string) (string, bool) { return "", false }

// values are all what was given for one of the names in it.
func values(m map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := m[name]
		return v, ok
	}
}

func base(t testing.TB, raw string) *url.URL {
	t.Helper()
	u, err := endpoint.Base(raw)
	require.NoError(t, err)
	return u
}

func TestJoinAppendsALiteralPath(t *testing.T) {
	t.Parallel()
	for _, literal := range []string{"/messages", "/a/b/c", "/a-b_c.d~e", "/...", "/.a", "/a..b", "/x:y,z;k=v@w", "/1+2&3$", "/a!(b)*'"} {
		for _, raw := range []string{"https://api.example.com/v1", "https://api.example.com"} {
			b := base(t, raw)
			u, err := endpoint.Join(b, literal, none)
			require.NoError(t, err, literal)
			parsed, err := url.Parse(u.String())
			require.NoError(t, err, literal)
			assert.Equal(t, b.Path+literal, parsed.Path)
			assert.Equal(t, "api.example.com", parsed.Host)
			assert.Equal(t, raw, b.String(), "the base stays as it was")
		}
	}
}

func TestJoinRefusesAPathThatIsNotPlain(t *testing.T) {
	t.Parallel()
	const (
		slash = "path must start with /"
		dots  = "path must not have empty, . or .. segments"
		plain = "path must be plain: put values into {placeholders} and a query into its option"
	)
	tests := []struct{ path, want string }{
		{"", slash}, {"messages", slash}, {"{id}", slash}, {"messages/{id}", slash}, {"https://evil.example/{id}", slash},
		{"@evil.example/{id}", slash}, {".evil.example", slash}, {":8080/{id}", slash},
		{"/", dots}, {"//", dots}, {"//evil.example", dots}, {"//evil.example/{id}", dots}, {"/a/", dots}, {"/a//b", dots},
		{"/{id}/", dots}, {"/.", dots}, {"/..", dots}, {"/../v2", dots}, {"/a/../../b", dots}, {"/{id}/..", dots}, {"/{id}/./b", dots},
		{"/a?b", plain}, {"/a#b", plain}, {"/{id}?x=1", plain}, {"/{id}/a#b", plain}, {"/a b", plain}, {"/a%20b", plain},
		{"/%2e%2e", plain}, {"/{id}/%2e%2e", plain}, {`/a\b`, plain}, {"/a\x00", plain}, {"/a\n", plain}, {"/a\x7f", plain}, {"/ação", plain},
		{"/a}b", plain}, {"/{}", plain}, {"/{", plain}, {"/a{id}", plain}, {"/{id}a", plain}, {"/{id", plain}, {"/id}", plain}, {"/a/{id}/\xff", plain},
	}
	for _, tt := range tests {
		u, err := endpoint.Join(base(t, "https://api.example.com/v1"), tt.path, values(map[string]string{"id": "7"}))
		assert.Nil(t, u, "%q", tt.path)
		assert.EqualError(t, err, tt.want, "%q", tt.path)
	}
}

func TestJoinNeedsAValueForEachPlaceholder(t *testing.T) {
	t.Parallel()
	lookup := values(map[string]string{"id": "7", "empty": ""})
	b := base(t, "https://api.example.com/v1")

	u, err := endpoint.Join(b, "/a/{id}/b/{id}", lookup)
	require.NoError(t, err)
	assert.Equal(t, "https://api.example.com/v1/a/7/b/7", u.String())

	_, err = endpoint.Join(b, "/a/{other}", lookup)
	assert.EqualError(t, err, "path has no value for {other}")
	_, err = endpoint.Join(b, "/a/{ID}", lookup)
	assert.EqualError(t, err, "path has no value for {ID}")
	_, err = endpoint.Join(b, "/a/{id}/{empty}", lookup)
	assert.EqualError(t, err, "empty is empty")
}

// hostile are values that mean something in a URL, and their escaped forms.
var hostile = map[string]string{
	"msg_01-Z":       "msg_01-Z",
	".":              "%2E",
	"..":             "%2E%2E",
	"...":            "%2E%2E%2E",
	"a/b":            "a%2Fb",
	"../../v2":       "%2E%2E%2F%2E%2E%2Fv2",
	"/":              "%2F",
	"//evil.example": "%2F%2Fevil%2Eexample",
	"%2e%2e":         "%252e%252e",
	"%":              "%25",
	"?x=1":           "%3Fx%3D1",
	"#f":             "%23f",
	"a;b":            "a%3Bb",
	"a b":            "a%20b",
	"a+b":            "a%2Bb",
	"a@b:c":          "a%40b%3Ac",
	`a\b`:            "a%5Cb",
	"{id}":           "%7Bid%7D",
	"\x00\r\n\x7f":   "%00%0D%0A%7F",
	"ação":           "a%C3%A7%C3%A3o",
	"\xff":           "%FF",
	"~":              "%7E",
}

func TestEscapeLeavesNothingOfMeaning(t *testing.T) {
	t.Parallel()
	for value, want := range hostile {
		assert.Equal(t, want, endpoint.Escape(value), "%q", value)
	}
	assert.Empty(t, endpoint.Escape(""))
	for c := range 256 {
		value := string([]byte{byte(c)})
		escaped := endpoint.Escape(value)
		back, err := url.PathUnescape(escaped)
		require.NoError(t, err)
		assert.Equal(t, value, back)
		assert.Equal(t, escaped, endpoint.Escape("a" + value)[1:])
		letter := strings.Contains("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", value)
		assert.Equal(t, letter, value == escaped, "%q", value)
	}
}

// under checks that u is base with one more segment, which is value.
func under(t *testing.T, base, u *url.URL, value string) {
	t.Helper()
	parsed, err := url.Parse(u.String())
	require.NoError(t, err)
	assert.Equal(t, base.Scheme, parsed.Scheme)
	assert.Equal(t, base.Host, parsed.Host)
	assert.Nil(t, parsed.User)
	assert.Empty(t, parsed.RawQuery)
	assert.False(t, parsed.ForceQuery)
	assert.Empty(t, parsed.Fragment)

	sent := u.RequestURI()
	assert.Equal(t, sent, parsed.EscapedPath())
	assert.Equal(t, sent, path.Clean(sent), "no segment is empty or a dot")
	segment, ok := strings.CutPrefix(sent, base.Path+"/messages/")
	require.True(t, ok, sent)
	segment, ok = strings.CutSuffix(segment, "/events")
	require.True(t, ok, sent)
	assert.NotContains(t, segment, "/")
	back, err := url.PathUnescape(segment)
	require.NoError(t, err)
	assert.Equal(t, value, back)
}

const template = "/messages/{id}/events"

func TestJoinKeepsAHostileValueInItsSegment(t *testing.T) {
	t.Parallel()
	for value, escaped := range hostile {
		for _, raw := range []string{"https://api.example.com/v1", "https://api.example.com", "http://[::1]:8080/a/b"} {
			b := base(t, raw)
			u, err := endpoint.Join(b, template, values(map[string]string{"id": value}))
			require.NoError(t, err, "%q", value)
			assert.Equal(t, raw+"/messages/"+escaped+"/events", u.String())
			under(t, b, u, value)
		}
	}
}

func FuzzJoin(f *testing.F) {
	f.Add("")
	for value := range hostile {
		f.Add(value)
	}
	b := base(f, "https://api.example.com/v1")
	f.Fuzz(func(t *testing.T, value string) {
		u, err := endpoint.Join(b, template, values(map[string]string{"id": value}))
		if value == "" {
			require.EqualError(t, err, "id is empty")
			return
		}
		require.NoError(t, err)
		under(t, b, u, value)

		// As a path of its own the same text either is refused or stays below.
		if u, err = endpoint.Join(b, value, values(nil)); err != nil {
			return
		}
		parsed, err := url.Parse(u.String())
		require.NoError(t, err)
		require.Equal(t, b.Host, parsed.Host)
		require.Empty(t, parsed.RawQuery+parsed.Fragment)
		require.Equal(t, b.Path+value, parsed.Path)
		require.Equal(t, parsed.Path, path.Clean(parsed.Path))
	})
}
