package zexa_test

import (
	"fmt"

	"github.com/zexa-ao/zexa-go"
)

func ExampleMeasureSMS() {
	for _, body := range []string{
		"Ola Ana, a sua encomenda chegou.",
		"Olá Ana, a sua encomenda já chegou ao nosso balcão. Pode levantá-la até sexta-feira.",
	} {
		l := zexa.MeasureSMS(body)
		fmt.Printf("%s: units %d, segments %d, left %d\n", l.Encoding, l.Units, l.Segments, l.Left)
	}
	// Output:
	// GSM-7: units 32, segments 1, left 128
	// UCS-2: units 84, segments 2, left 50
}

func ExampleSMSLength_Credits() {
	const recipients = 250
	length := zexa.MeasureSMS("A sua consulta é amanhã às 9h. Se não puder vir, avise-nos por favor até às 18h.")
	fmt.Printf("%d recipients in Angola: %g credits\n", recipients, recipients*length.Credits())
	// Output: 250 recipients in Angola: 500 credits
}

func ExampleNonGSM7() {
	body := "A sua inscrição está confirmada"
	fmt.Printf("%q\n", zexa.NonGSM7(body))
	// Output: ['ç' 'ã' 'á']
}
