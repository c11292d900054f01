package zexa

import (
	"context"
	"iter"
	"net/http"
	"strings"
)

// A SendResult is what became of one message of [MessageService.SendMany].
type SendResult struct {
	Index    int      // of the message in the sequence, from 0
	Message  *Message // nil if Err is not
	Err      error    // as of [MessageService.Send]
	Attempts int      // requests made for it
}

// SendMany sends a sequence of messages, such as slices.Values of a slice or a
// generator, of which no more is held in memory than is under way. Messages
// are started in order, and each that was started has one result:
//
//	batch := client.Messages.SendMany(ctx, messages, zexa.BatchParams{})
//	for r := range batch.Results() {
//		…
//	}
//	summary := batch.Summary()
//
// It stops starting messages when going on is pointless: after a 401, when the
// credits do not suffice, when the rate limit leaves no time before the
// deadline of ctx or asks for more than the longest wait, when an option, the
// key function or the caller's limiter fails, or when ctx ends. What is on its
// way then is finished, for as long as an attempt may take, rather than made
// unknown. All share the client's pace, so a rate limit is found once and kept.
// [CallResponse] cannot be used with it.
func (s *MessageService) SendMany(ctx context.Context, messages iter.Seq[MessageParams], p BatchParams, opts ...CallOption) *Batch[SendResult] {
	send := func(index int, m MessageParams) SendResult {
		r := SendResult{Index: index}
		r.Message, r.Err = call[Message](ctx, s.client, request{
			method: http.MethodPost, path: "/messages", in: &m, many: true, drain: true, attempts: &r.Attempts,
		}, opts)
		return r
	}
	return newBatch(ctx, messages, p, send, func(t *Tally, r SendResult) verdict { return outcomeVerdict(t, r.Err) })
}

// An Estimate is what a sequence of messages may cost. It is indicative: it
// goes by the prices that the vendor documents, which are ranges for some
// channels, and the account may have others.
type Estimate struct {
	Messages int
	Segments int // of the SMS among them
	Unpriced int // messages on channels without a documented price, not in the credits

	// MinCredits and MaxCredits are the credits for all priced messages.
	MinCredits, MaxCredits float64
}

// EstimateCredits walks over messages, which must be a sequence that can be
// walked over again to send them, and adds up what they may cost. An SMS costs
// one credit a segment in Angola (+244) and 2 to 5 elsewhere, taken here as a
// price of each segment, WhatsApp 1 to 2, Telegram 1, an e-mail or a Slack
// message 0.5.
func EstimateCredits(messages iter.Seq[MessageParams]) Estimate {
	var e Estimate
	if messages == nil {
		return e
	}
	add := func(n int, least, most float64) {
		e.MinCredits += float64(n) * least
		e.MaxCredits += float64(n) * most
	}
	for m := range messages {
		e.Messages++
		switch m.Channel {
		case ChannelSMS:
			segments := MeasureSMS(m.Body).Segments
			e.Segments += segments
			if strings.HasPrefix(m.To, "+244") {
				add(segments, 1, 1)
			} else {
				add(segments, 2, 5)
			}
		case ChannelWhatsApp:
			add(1, 1, 2)
		case ChannelTelegram:
			add(1, 1, 1)
		case ChannelEmail, ChannelSlack:
			add(1, 0.5, 0.5)
		default:
			e.Unpriced++
		}
	}
	return e
}
