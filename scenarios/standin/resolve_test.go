package main

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// An address outlives its target by 30 to 60 s: it is asked for every 30 s and forgotten 60 s after the last answer.
func TestAnAddressIsForgottenAMinuteAfterItWasTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		up, asked := true, 0
		d := directory{browse: func(ctx context.Context, app string) (string, error) {
			asked++
			if !up {
				<-ctx.Done()
				return "", errors.New("nobody answered")
			}
			return app + ":1", nil
		}}
		done := make(chan struct{})
		go func() { defer close(done); d.refresh(ctx) }()
		find := func() (string, error) { return d.find(ctx, "b") }

		_, err := find()
		require.NoError(t, err)
		at, err := find()
		require.NoError(t, err)
		require.Equal(t, "b:1", at)
		require.Equal(t, 1, asked, "what is known is not asked for again")

		time.Sleep(31 * time.Second)
		synctest.Wait()
		require.Equal(t, 2, asked, "but in the background")
		up = false
		time.Sleep(58 * time.Second)
		_, err = find()
		require.NoError(t, err, "told last at 30 s")
		time.Sleep(2 * time.Second)
		began := time.Now()
		_, err = find()
		require.EqualError(t, err, "couldn't find service: b")
		require.Equal(t, time.Second, time.Since(began))
		up = true
		_, err = find()
		require.NoError(t, err)
		stop()
		<-done
	})
}

func TestWhatListensOnLocalhostAnnouncesThat(t *testing.T) {
	own := net.IPv4(10, 0, 0, 2)
	for _, c := range []struct{ internal, hostIP, want string }{
		{"0.0.0.0:50002", "10.0.0.9", "10.0.0.9"},
		{"10.0.0.2:50002", "10.0.0.9", "10.0.0.9"},
		{"0.0.0.0:50002", "", "10.0.0.2"},
		{"127.0.0.1:50002", "10.0.0.9", "127.0.0.1"},
		{"localhost:50002", "10.0.0.9", "127.0.0.1"},
	} {
		d := daprd{internal: c.internal, hostIP: c.hostIP}
		require.Equal(t, c.want, d.announced(own).String(), c.internal)
	}
}
