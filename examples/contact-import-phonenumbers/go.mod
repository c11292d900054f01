module github.com/zexa-ao/zexa-go/examples/contact-import-phonenumbers

go 1.25

replace github.com/zexa-ao/zexa-go => ../..

require (
	github.com/nyaruka/phonenumbers v1.8.1
	github.com/zexa-ao/zexa-go v0.0.0-00010101000000-000000000000
)

require (
	github.com/google/go-querystring v1.2.0 // indirect
	github.com/hashicorp/go-cleanhttp v0.5.2 // indirect
	github.com/hashicorp/go-retryablehttp v0.7.8 // indirect
	golang.org/x/text v0.23.0 // indirect
	google.golang.org/protobuf v1.36.11 // indirect
)
