module github.com/zexa-ao/zexa-go/examples/rate-limit

go 1.25

replace github.com/zexa-ao/zexa-go => ../..

require (
	github.com/zexa-ao/zexa-go v0.0.0-00010101000000-000000000000
	golang.org/x/time v0.14.0
)

require (
	github.com/google/go-querystring v1.2.0 // indirect
	github.com/hashicorp/go-cleanhttp v0.5.2 // indirect
	github.com/hashicorp/go-retryablehttp v0.7.8 // indirect
)
