package container

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

var errStop = errors.New("stop")

func TestAnInterruptionLetsTheEngineFinishWhatItMakes(t *testing.T) {
	for name, c := range map[string]struct {
		takes, want time.Duration
		cutOff      bool
	}{
		"what is soon made is waited for": {2 * time.Second, 2 * time.Second, false},
		"what takes long is cut off":      {time.Hour, 3 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(errStop) })
				began := time.Now()
				var h host
				err := h.make(ctx, func(ctx context.Context) error {
					select {
					case <-ctx.Done():
						return ctx.Err()
					case <-time.After(c.takes):
						return nil
					}
				})
				require.ErrorIs(t, err, errStop)
				require.Equal(t, c.want, time.Since(began))
				require.Equal(t, c.cutOff, h.cutOff)
				require.ErrorIs(t, h.make(ctx, func(context.Context) error { panic("made after the end") }), errStop)
			})
		})
	}
}
