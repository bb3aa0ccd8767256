package link

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Forward hands connections on to an address until ctx ends, and sees nothing of them: a side that ends is told to
// the other as it ended. In a pod it gives an app its sidecar's tap on localhost, where many clients look for it.
func Forward(ctx context.Context, l net.Listener, to string) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		client, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			time.Sleep(acceptPause)
			continue
		}
		go forward(ctx, client, to)
	}
}

func forward(ctx context.Context, client net.Conn, to string) {
	defer client.Close()
	up, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", to)
	if err != nil {
		linger(client)
		return
	}
	defer up.Close()
	stop := context.AfterFunc(ctx, func() {
		client.Close()
		up.Close()
	})
	defer stop()
	var both sync.WaitGroup
	both.Go(func() { relay(up, client) })
	both.Go(func() { relay(client, up) })
	both.Wait()
}

// relay copies one way, and tells the end as it was.
func relay(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if isReset(err) {
		linger(to)
		linger(from)
		to.Close()
		from.Close()
		return
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}
