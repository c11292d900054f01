// Command resend makes one call of resend-go.
package main

import (
	"fmt"

	"github.com/resend/resend-go/v3"
)

func main() {
	email, err := resend.NewClient("key").Emails.Send(&resend.SendEmailRequest{
		From: "loja@exemplo.ao", To: []string{"ana@exemplo.ao"}, Subject: "Encomenda", Text: "A sua encomenda saiu.",
	})
	fmt.Println(email, err)
}
