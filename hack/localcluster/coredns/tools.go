//go:build tools

// Package tools names the programs that the local cluster is built from, so that go.mod and go.sum pin them.
package tools

import _ "github.com/coredns/coredns"
