package container

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"
)

// Ask runs an image's program once with arguments, and gives what it prints on stdout.
func (e *Engine) Ask(ctx context.Context, image string, args ...string) ([]byte, error) {
	const patience = 2 * time.Minute // it may have to be pulled
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := testcontainers.Run(ctx, image, request(testcontainers.ContainerRequest{
		Image: image, Cmd: args, WaitingFor: wait.ForExit(), Labels: labels("ask"),
	}))
	if c != nil {
		defer e.client.ContainerRemove(context.WithoutCancel(ctx), c.GetContainerID(), client.ContainerRemoveOptions{Force: true})
	}
	if err != nil {
		return nil, oneLine(err)
	}
	logs, err := e.client.ContainerLogs(ctx, c.GetContainerID(), client.ContainerLogsOptions{ShowStdout: true})
	if err != nil {
		return nil, err
	}
	defer logs.Close()
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, io.Discard, logs); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read what it says: %w", err)
	}
	return out.Bytes(), nil
}
