package main

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	zexa "github.com/zexa-ao/zexa-go"
)

// spans returns hooks that make a span of each call, named after its path
// template. The attempts are otelhttp's: their spans are children of the call's.
// Those name the whole URL, so the id of a message is in them, and no more.
func spans(tracer trace.Tracer) zexa.Hooks {
	return zexa.Hooks{
		CallStart: func(ctx context.Context, call zexa.CallInfo) context.Context {
			ctx, _ = tracer.Start(ctx, call.Method+" "+call.Path)
			return ctx
		},
		AttemptEnd: func(ctx context.Context, _ zexa.CallInfo, end zexa.AttemptEnd) {
			if end.Retrying {
				trace.SpanFromContext(ctx).AddEvent("retry", trace.WithAttributes(
					attribute.Int("zexa.attempt", end.Attempt), attribute.String("zexa.wait", end.Wait.String())))
			}
		},
		CallEnd: func(ctx context.Context, _ zexa.CallInfo, end zexa.CallEnd) {
			span := trace.SpanFromContext(ctx)
			span.SetAttributes(attribute.Int("zexa.attempts", end.Attempts))
			if end.RequestID != "" {
				span.SetAttributes(attribute.String("zexa.request_id", end.RequestID))
			}
			if end.Err != nil {
				span.SetStatus(codes.Error, end.Err.Error()) // prints neither texts nor numbers
			}
			span.End()
		},
	}
}
