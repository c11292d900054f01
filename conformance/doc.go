// Package conformance holds the SDK and zexatest to docs/openapi.yaml. It has
// tests only: every request that the SDK makes and every answer that zexatest
// gives is validated against the document, and what the document says and no
// test has seen fails them too.
package conformance
