// Reads requests as Go's net/http does, and tells what it read: a JSON line for each whole request,
// with method, target, host and body in hex. Started by run.py, which reads its port from the first
// line.
package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	var one sync.Mutex
	read := func(_ http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		one.Lock()
		defer one.Unlock()
		text := func(text string) string { return hex.EncodeToString([]byte(text)) }
		fmt.Printf("[%q,%q,%q,%q]\n", text(request.Method), text(request.RequestURI), text(request.Host), hex.EncodeToString(body))
	}
	fmt.Fprintln(os.Stderr, http.Serve(listener, http.HandlerFunc(read)))
}
