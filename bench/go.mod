module github.com/zexa-ao/zexa-go/bench

go 1.25

replace github.com/zexa-ao/zexa-go => ..

require (
	github.com/digitalocean/godo v1.236.0
	github.com/resend/resend-go/v3 v3.1.1
	github.com/stripe/stripe-go/v84 v84.4.1
	github.com/zexa-ao/zexa-go v0.0.0-00010101000000-000000000000
)

require (
	github.com/google/go-querystring v1.2.0 // indirect
	github.com/hashicorp/go-cleanhttp v0.5.2 // indirect
	github.com/hashicorp/go-retryablehttp v0.7.8 // indirect
	golang.org/x/oauth2 v0.27.0 // indirect
	golang.org/x/time v0.6.0 // indirect
)
