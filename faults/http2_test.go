package faults_test

import (
	"encoding/binary"
	"io"
	"net/http"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
)

// As much of HTTP/2 (RFC 9113) as it takes to break it.
const (
	frameData     = 0
	frameHeaders  = 1
	frameRST      = 3
	frameSettings = 4
	framePing     = 6
	frameGoAway   = 7

	flagEndStream  = 1
	flagAck        = 1
	flagEndHeaders = 4

	errorNone     = 0
	errorProtocol = 1
	errorInternal = 2
	errorRefused  = 7
)

type frame struct {
	kind, flags byte
	stream      uint32
	payload     []byte
}

func (w *wire) readFrame() (frame, error) {
	var head [9]byte
	if _, err := io.ReadFull(w.r, head[:]); err != nil {
		return frame{}, err
	}
	f := frame{kind: head[3], flags: head[4], stream: binary.BigEndian.Uint32(head[5:]) & (1<<31 - 1)}
	f.payload = make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	_, err := io.ReadFull(w.r, f.payload)
	return f, err
}

func (w *wire) writeFrame(f frame) {
	n := len(f.payload)
	b := append([]byte{byte(n >> 16), byte(n >> 8), byte(n), f.kind, f.flags}, binary.BigEndian.AppendUint32(nil, f.stream)...)
	w.Write(append(b, f.payload...))
}

// serveStreams starts a server that tells handle of each request once it has
// come whole: of its stream, and how many there were before it on all
// connections. It ends the connection when handle returns false.
func (x *trial) serveStreams(handle func(c *wire, stream uint32, before int64) bool) *site {
	x.Helper()
	return x.serveConns(func(s *site, c *wire) {
		const hello = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
		if _, err := io.ReadFull(c.r, make([]byte, len(hello))); err != nil {
			return
		}
		c.writeFrame(frame{kind: frameSettings})
		for {
			f, err := c.readFrame()
			if err != nil {
				return
			}
			switch {
			case f.kind == frameSettings && f.flags&flagAck == 0:
				c.writeFrame(frame{kind: frameSettings, flags: flagAck})
			case f.kind == framePing && f.flags&flagAck == 0:
				c.writeFrame(frame{kind: framePing, flags: flagAck, payload: f.payload})
			case (f.kind == frameData || f.kind == frameHeaders) && f.flags&flagEndStream != 0:
				if !handle(c, f.stream, s.arrived.Add(1)-1) {
					return
				}
			}
		}
	})
}

// answerStream answers 200 with the id of a message.
func (w *wire) answerStream(stream uint32) bool {
	const status200 = 0x88 // from the static table of HPACK
	w.writeFrame(frame{frameHeaders, flagEndHeaders, stream, []byte{status200}})
	w.writeFrame(frame{frameData, flagEndStream, stream, []byte(`{"id":"msg_1"}`)})
	return true
}

func (w *wire) resetStream(stream, code uint32) bool {
	w.writeFrame(frame{frameRST, 0, stream, binary.BigEndian.AppendUint32(nil, code)})
	return true
}

func (w *wire) goAway(lastStream, code uint32) {
	w.writeFrame(frame{frameGoAway, 0, 0, binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, lastStream), code)})
}

func refusedStream(x *trial) {
	s := x.serveStreams(func(c *wire, stream uint32, before int64) bool {
		if before == 0 {
			return c.resetStream(stream, errorRefused)
		}
		return c.answerStream(stream)
	})
	w := &world{client: x.client(s.base)}
	require.NoError(x, post.call(x.Context(), w))
	x.arrives(2, s.arrived.Load())
	x.acted = "1"
}

func brokenStream(code uint32) func(*trial) {
	return func(x *trial) {
		s := x.serveStreams(func(c *wire, stream uint32, _ int64) bool {
			return c.resetStream(stream, code)
		})
		ends(x, http.MethodPost, zexa.ErrOutcomeUnknown, post.call(x.Context(), &world{client: x.client(s.base)}))
		x.arrives(1, s.arrived.Load())
		x.acted = "0"
	}
}

func leftOutByGoAway(x *trial) {
	s := x.serveStreams(func(c *wire, stream uint32, before int64) bool {
		switch before {
		case 1:
			c.goAway(stream-2, errorNone)
			return true
		default:
			return c.answerStream(stream)
		}
	})
	w := &world{client: x.client(s.base)}
	require.NoError(x, post.call(x.Context(), w))
	require.NoError(x, post.call(x.Context(), w))
	assert.EqualValues(x, 2, s.conns.Load())
	x.arrives(3, s.arrived.Load())
	x.acted = "2"
}

func includedInGoAway(x *trial) {
	s := x.serveStreams(func(c *wire, stream uint32, before int64) bool {
		c.goAway(stream, errorNone)
		return false
	})
	ends(x, http.MethodPost, zexa.ErrOutcomeUnknown, post.call(x.Context(), &world{client: x.client(s.base)}))
	x.arrives(1, s.arrived.Load())
	x.acted = "0"
}
