package zexa_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/zexa-ao/zexa-go"
)

func TestWhatIsLoggedHoldsNeitherTextsNorPersonalData(t *testing.T) {
	t.Parallel()
	secrets := []string{"912345678", "ana@", "segredo", "Ana Maria", "s3cr3t"}
	for _, v := range []slog.LogValuer{
		zexa.SMS("ZEXA", "+244912345678", "segredo"),
		zexa.Email("ana@exemplo.ao", "ana@exemplo.ao", "segredo", "segredo"),
		zexa.Template{Name: "id_1", Variables: []string{"segredo"}, Extra: map[string]any{"segredo": "segredo"}},
		zexa.Message{ID: "id_1", To: "+244912345678"},
		zexa.CampaignParams{Name: "id_1", SenderID: "+244912345678", Body: "segredo"},
		zexa.Campaign{ID: "id_1"},
		zexa.ContactParams{Name: "Ana Maria", Phone: "+244912345678", Email: "ana@exemplo.ao", Lists: []string{"id_1"}},
		zexa.Contact{ID: "id_1", Name: "Ana Maria", Phone: "+244912345678", Email: "ana@exemplo.ao"},
		zexa.SenderID{ID: "id_1", Name: "+244912345678"},
		zexa.Balance{Currency: "id_1"},
		zexa.WebhookParams{URL: "https://shop.example/s3cr3t?k=s3cr3t"},
		zexa.Webhook{ID: "id_1", URL: "https://user:s3cr3t@shop.example/s3cr3t"},
	} {
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("told", "it", v)
		for _, secret := range secrets {
			assert.NotContains(t, log.String(), secret, fmt.Sprintf("%T", v))
		}
		assert.Regexp(t, `id_1|shop\.example|ZEXA|email`, log.String(), "%T says something", v)
	}
}
