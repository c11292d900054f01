package zexa

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/zexa-ao/zexa-go/internal/pipeline"
	"github.com/zexa-ao/zexa-go/internal/redact"
)

// Hooks are told of calls and of their attempts, for metrics and traces. Each
// may be nil. They are called by the goroutine that makes the call, and hold it
// up while they run. Nothing they are given holds the key, a body or personal
// data when it is printed; the paths are templates, and few.
type Hooks struct {
	// CallStart is told that a call begins, whose parameters are good. The
	// call goes on with the context that it returns, which must come from ctx.
	CallStart func(ctx context.Context, call CallInfo) context.Context

	// CallEnd is told how the call has ended, with the context that CallStart
	// returned.
	CallEnd func(ctx context.Context, call CallInfo, end CallEnd)

	// AttemptStart is told that a request is handed to the transport: the
	// first is attempt 1. The request is made with the context that it
	// returns, which must come from ctx.
	AttemptStart func(ctx context.Context, call CallInfo, attempt int) context.Context

	// AttemptEnd is told how the attempt has ended, with the context that
	// AttemptStart returned, and whether another follows.
	AttemptEnd func(ctx context.Context, call CallInfo, end AttemptEnd)

	// Held is told that a call has to wait for about so long before its next
	// attempt, because the account has been rate limited.
	Held func(ctx context.Context, call CallInfo, wait time.Duration)
}

// CallInfo names a call.
type CallInfo struct {
	Method string
	Path   string // template: "/messages/{id}"
}

// CallEnd is how a call has ended.
type CallEnd struct {
	Status    int // HTTP status of the last answer; 0 if there was none
	RequestID string
	Attempts  int
	Duration  time.Duration
	Err       error // an [*Error], or nil
}

// AttemptEnd is how an attempt has ended.
type AttemptEnd struct {
	Attempt   int // from 1
	Status    int // HTTP status; 0 if there was no answer
	RequestID string
	Duration  time.Duration
	Err       error // an [*Error], whose outcome is that of the call so far, or nil
	Retrying  bool  // another attempt follows, after Wait
	Wait      time.Duration
}

// WithHooks has hooks told of every call. It can be given several times; the
// hooks are called in the order given.
func WithHooks(hooks Hooks) Option {
	return func(c *config) error {
		c.hooks = append(c.hooks, hooks)
		return nil
	}
}

// startCall tells the hooks that a call begins, and has call tell them the rest.
func (e *engine) startCall(ctx context.Context, r request, call *pipeline.Call) context.Context {
	info := CallInfo{r.method, r.path}
	for _, h := range e.hooks {
		if h.CallStart != nil {
			ctx = orElse(h.CallStart(ctx, info), ctx)
		}
	}
	call.Begin = func(ctx context.Context) context.Context {
		for _, h := range e.hooks {
			if h.AttemptStart != nil {
				ctx = orElse(h.AttemptStart(ctx, info, call.Attempts), ctx)
			}
		}
		return ctx
	}
	call.Observe = func(ctx context.Context) {
		end := AttemptEnd{
			Attempt: call.Attempts, Status: call.Status, RequestID: printableID(requestID("", call.Header), call.Keys),
			Duration: call.Took, Retrying: call.Retrying, Wait: call.Wait,
		}
		if !call.OK {
			err := newError(r.method, r.path, &call.Result, nil)
			end.RequestID, end.Err = err.printableID(err.RequestID), err
		}
		for _, h := range e.hooks {
			if h.AttemptEnd != nil {
				h.AttemptEnd(ctx, info, end)
			}
		}
	}
	call.Held = func(ctx context.Context, wait time.Duration) {
		for _, h := range e.hooks {
			if h.Held != nil {
				h.Held(ctx, info, wait)
			}
		}
	}
	return ctx
}

func orElse(ctx, or context.Context) context.Context {
	if ctx == nil {
		return or
	}
	return ctx
}

// endCall tells the hooks that a call has ended.
func (e *engine) endCall(ctx context.Context, r request, res *pipeline.Result, err error, took time.Duration) {
	end := CallEnd{Status: res.Status, RequestID: printableID(requestID("", res.Header), res.Keys), Attempts: res.Attempts, Duration: took, Err: err}
	var failure *Error
	if errors.As(err, &failure) {
		end.RequestID = failure.printableID(failure.RequestID)
	}
	for _, h := range e.hooks {
		if h.CallEnd != nil {
			h.CallEnd(ctx, CallInfo{r.method, r.path}, end)
		}
	}
}

// logHooks are the hooks of [WithLogger].
func logHooks(logger *slog.Logger) Hooks {
	log := func(ctx context.Context, level slog.Level, message string, call CallInfo, attrs ...slog.Attr) {
		if !logger.Enabled(ctx, level) {
			return
		}
		all := []slog.Attr{slog.String("method", call.Method), slog.String("path", redact.Text(call.Path))}
		for _, a := range attrs {
			if a.Value.Kind() != slog.KindString && a.Value.Kind() != slog.KindInt64 || a.Value.String() != "" && a.Value.String() != "0" {
				all = append(all, a)
			}
		}
		logger.LogAttrs(ctx, level, message, all...)
	}
	return Hooks{
		CallEnd: func(ctx context.Context, call CallInfo, end CallEnd) {
			attrs := []slog.Attr{
				slog.Int("status", end.Status), slog.String("request_id", end.RequestID),
				slog.Int("attempt", end.Attempts), slog.Duration("duration", end.Duration.Round(time.Microsecond)),
			}
			if end.Err == nil {
				log(ctx, slog.LevelDebug, "zexa: call", call, attrs...)
				return
			}
			log(ctx, slog.LevelError, "zexa: call", call, append(attrs, slog.String("error", end.Err.Error()))...)
		},
		AttemptEnd: func(ctx context.Context, call CallInfo, end AttemptEnd) {
			if !end.Retrying {
				return
			}
			log(ctx, slog.LevelWarn, "zexa: retry", call,
				slog.Int("status", end.Status), slog.String("request_id", end.RequestID),
				slog.Int("attempt", end.Attempt), slog.Duration("wait", end.Wait.Round(time.Millisecond)),
				slog.Duration("duration", end.Duration.Round(time.Microsecond)), slog.String("error", end.Err.Error()))
		},
		Held: func(ctx context.Context, call CallInfo, wait time.Duration) {
			log(ctx, slog.LevelInfo, "zexa: held back", call, slog.Duration("wait", wait.Round(time.Millisecond)))
		},
	}
}
