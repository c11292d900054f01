// Command godo makes one call of godo.
package main

import (
	"context"
	"fmt"

	"github.com/digitalocean/godo"
)

func main() {
	key, _, err := godo.NewFromToken("key").Keys.Create(context.Background(), &godo.KeyCreateRequest{Name: "loja"})
	fmt.Println(key, err)
}
