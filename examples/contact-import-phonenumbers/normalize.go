package main

import (
	"errors"

	"github.com/nyaruka/phonenumbers"
)

// normalize takes a number without a country code for one of Angola.
func normalize(phone string) (string, error) {
	number, err := phonenumbers.Parse(phone, "AO")
	if err != nil {
		return "", err
	}
	if !phonenumbers.IsValidNumber(number) {
		return "", errors.New("there is no such number")
	}
	return phonenumbers.Format(number, phonenumbers.E164), nil
}
