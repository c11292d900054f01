// Package endpoint builds the URLs of calls, all of them under one base URL.
package endpoint

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Base checks a base URL: https, or http to a loopback address, with a host
// and without user, query or fragment.
func Base(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		// The text of err repeats the URL, which may hold a password.
		return nil, errors.New("is not a URL")
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("must start with https://")
	case u.Hostname() == "":
		return nil, errors.New("has no host")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, errors.New("must be https: plain http is for loopback addresses only")
	case u.Port() != "" && !port(u.Port()):
		return nil, errors.New("has a port that is not between 1 and 65535")
	case u.User != nil:
		return nil, errors.New("must not hold a user name or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(raw, "#"):
		return nil, errors.New("must not have a query or a fragment")
	}
	path := strings.TrimRight(u.EscapedPath(), "/")
	if path != "" {
		if err := literal(path); err != nil {
			return nil, fmt.Errorf("has a path that %w", err)
		}
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: path}, nil
}

func port(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}

// Join appends a path template to base. Each {name} in the template is
// replaced by the value that lookup gives for name, escaped so that it stays
// one segment of the path, whatever is in it.
func Join(base *url.URL, template string, lookup func(name string) (value string, ok bool)) (*url.URL, error) {
	u := *base
	if !strings.Contains(template, "{") {
		if err := literal(template); err != nil {
			return nil, fmt.Errorf("path %w", err)
		}
		u.Path = base.Path + template
		return &u, nil
	}
	if !strings.HasPrefix(template, "/") {
		return nil, errors.New("path must start with /")
	}
	var path, raw strings.Builder
	for _, segment := range strings.Split(template[1:], "/") {
		path.WriteByte('/')
		raw.WriteByte('/')
		if name, ok := placeholder(segment); ok {
			value, ok := lookup(name)
			switch {
			case !ok:
				return nil, fmt.Errorf("path has no value for {%s}", name)
			case value == "":
				return nil, fmt.Errorf("%s is empty", name)
			}
			path.WriteString(value)
			raw.WriteString(Escape(value))
			continue
		}
		if err := literal("/" + segment); err != nil {
			return nil, fmt.Errorf("path %w", err)
		}
		path.WriteString(segment)
		raw.WriteString(segment)
	}
	u.Path, u.RawPath = base.Path+path.String(), base.Path+raw.String()
	return &u, nil
}

func placeholder(segment string) (name string, ok bool) {
	if len(segment) < 3 || segment[0] != '{' || segment[len(segment)-1] != '}' {
		return "", false
	}
	return segment[1 : len(segment)-1], true
}

// Escape returns value as a single path segment: everything but letters,
// digits, hyphen and underscore is percent-encoded, so that "." and ".." mean
// nothing and no server sees a separator.
func Escape(value string) string {
	const hex = "0123456789ABCDEF"
	n := 0
	for i := range len(value) {
		if !plain(value[i]) {
			n++
		}
	}
	if n == 0 {
		return value
	}
	b := make([]byte, 0, len(value)+2*n)
	for i := range len(value) {
		if c := value[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}

func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// literal checks a path that is used as it stands: segments of characters that
// need no escaping, none of them empty, "." or "..".
func literal(path string) error {
	if !strings.HasPrefix(path, "/") {
		return errors.New("must start with /")
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		if segment == "" || segment == "." || segment == ".." {
			return errors.New("must not have empty, . or .. segments")
		}
		for i := range len(segment) {
			if c := segment[i]; !plain(c) && !strings.ContainsRune(".~!$&'()*+,;=:@", rune(c)) {
				return errors.New("must be plain: put values into {placeholders} and a query into its option")
			}
		}
	}
	return nil
}
