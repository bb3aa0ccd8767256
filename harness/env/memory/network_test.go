package memory

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a dying part opens just then is closed at once. It waited for itself before.
func TestADoorThatIsShutLetsNothingThrough(t *testing.T) {
	n := newNetwork()
	l, err := n.Listen("target:1")
	require.NoError(t, err)
	d := newDoor(n)
	d.close()
	_, err = d.Listen(t.Context(), "part:1")
	require.ErrorIs(t, err, net.ErrClosed)
	again, err := n.Listen("part:1")
	require.NoError(t, err, "what was opened is closed again")
	require.NoError(t, again.Close())
	accepted := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			_, err = c.Read(make([]byte, 1))
		}
		accepted <- err
	}()
	_, err = d.Dial(t.Context(), "tcp", "target:1")
	require.ErrorIs(t, err, net.ErrClosed)
	require.Error(t, <-accepted)
	require.NoError(t, l.Close())
}
