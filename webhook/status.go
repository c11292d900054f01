package webhook

import zexa "github.com/zexa-ao/zexa-go"

// Advances reports whether a message whose status is from can come to be to.
// Events arrive in any order, and it is normal that sent comes after delivered:
// store a status only if it advances the one that is stored.
//
// Nothing comes after a final status (delivered, failed, undeliverable), any
// status comes after none, and steps may be left out. A status that this
// package does not know is taken to lie between sent and the final ones. The
// same status is no advance.
//
// Checking and storing have to be one step, under a lock or in one statement of
// SQL, which then says by itself what a final status may replace. It should not
// need the message to be there: an event can be quicker than the program that
// stores what Send returned.
//
//	INSERT INTO messages (id, status) VALUES ($1, 'delivered')
//	ON CONFLICT (id) DO UPDATE SET status = excluded.status
//	WHERE messages.status NOT IN ('delivered', 'failed', 'undeliverable')
//
// What Send returned is stored in the same way, ON CONFLICT (id) DO NOTHING.
func Advances(from, to zexa.DeliveryStatus) bool {
	a, b := progress(from), progress(to)
	return b > a || b == a && b == unknownProgress && from != to
}

const unknownProgress = 3

func progress(s zexa.DeliveryStatus) int {
	switch {
	case s == "":
		return 0
	case s == zexa.StatusQueued:
		return 1
	case s == zexa.StatusSent:
		return 2
	case s.Final():
		return 4
	}
	return unknownProgress
}
