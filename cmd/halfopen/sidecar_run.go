package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/halfopen/halfopen/cmd/halfopen/early"
	"github.com/halfopen/halfopen/sidecar"
)

// appGrace is how long an app has to end after SIGTERM before its process group is killed.
const appGrace = 5 * time.Second

// newSidecarRunCommand is `dapr run`: a sidecar and an app beside it, ended together.
func newSidecarRunCommand() *cobra.Command {
	var s sidecarFlags
	cmd := &cobra.Command{
		Use:   "run [-- COMMAND...]",
		Short: "start an app with a sidecar beside it, as dapr run does",
		Example: `  halfopen sidecar run --app-id order-processor --app-port 6001 --resources-path ./resources \
    --app-protocol http --dapr-http-port 3501 -- go run .`,
		RunE: func(cmd *cobra.Command, args []string) error {
			s.warn(cmd.Flags(), cmd.ErrOrStderr())
			out := &lines{w: cmd.OutOrStdout()}
			c, err := s.settle(cmd.OutOrStdout())
			if err != nil {
				return err
			}
			c.Out = out
			if !cmd.Flags().Changed("dapr-http-port") {
				if c.HTTPPort, err = freePort(); err != nil {
					return err
				}
			}
			return runBeside(cmd.Context(), c, args, out)
		},
	}
	s.add(cmd.Flags())
	return cmd
}

// runBeside runs a sidecar, and an app once the sidecar is ready; the end of one, or of ctx, ends both.
func runBeside(ctx context.Context, c sidecar.Config, command []string, out *lines) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ready := make(chan sidecar.Addresses, 1)
	c.Ready = func(a sidecar.Addresses) { ready <- a }
	ended := make(chan error, 1)
	early.Settle()
	go func() { ended <- sidecar.Run(ctx, c) }()
	select {
	case err := <-ended:
		return err
	case a := <-ready:
		if len(command) == 0 {
			out.print("You're up and running! The sidecar of %s answers at %s.", c.AppID, a.HTTP)
			return <-ended
		}
	}
	app, err := startApp(command, appEnv(c), out)
	if err != nil {
		cancel()
		<-ended
		return err
	}
	out.print("You're up and running! Both the sidecar's and your app's logs will appear here.")
	select {
	case err = <-ended: // a failed sidecar, or ctx ended
	case <-app.done:
		err = app.err
		cancel()
		err = errors.Join(err, <-ended)
	}
	app.end()
	return err
}

// appEnv is what `dapr run` tells an app.
func appEnv(c sidecar.Config) []string {
	port := strconv.Itoa(c.HTTPPort)
	env := []string{"APP_ID=" + c.AppID, "DAPR_HTTP_PORT=" + port, "DAPR_HTTP_ENDPOINT=http://127.0.0.1:" + port}
	if c.AppPort > 0 {
		env = append(env, "APP_PORT="+strconv.Itoa(c.AppPort))
	}
	return env
}

// An app is a program that runs beside a sidecar.
type app struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // valid once done is closed
}

// startApp starts a command in a process group of its own: `go run .` has a child that must end with it.
func startApp(command, env []string, out *lines) (*app, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Start()
	w.Close()
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("start the app: %w", err)
	}
	a := &app{cmd: cmd, done: make(chan struct{})}
	printed := make(chan struct{})
	go func() {
		defer close(printed)
		defer r.Close()
		in := bufio.NewReader(r)
		for {
			line, err := in.ReadString('\n')
			if line != "" {
				out.print("== APP == %s", trimNewline(line))
			}
			if err != nil {
				return
			}
		}
	}()
	go func() {
		err := cmd.Wait()
		select {
		case <-printed:
		case <-time.After(time.Second): // a grandchild may hold the pipe open
		}
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("the app ended: %w", err)
		}
		a.err = err
		close(a.done)
	}()
	return a, nil
}

// end asks the app's process group to end, and kills it after a while.
func (a *app) end() {
	syscall.Kill(-a.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-a.done:
	case <-time.After(appGrace):
	}
	syscall.Kill(-a.cmd.Process.Pid, syscall.SIGKILL)
	<-a.done
}

func trimNewline(s string) string {
	for len(s) > 0 && (s[len(s)-1] == '\n' || s[len(s)-1] == '\r') {
		s = s[:len(s)-1]
	}
	return s
}

// lines keeps what two write to one stream apart, line by line.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func (l *lines) print(format string, args ...any) {
	fmt.Fprintf(l, format+"\n", args...)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
