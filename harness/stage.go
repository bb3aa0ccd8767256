package harness

import (
	"context"
	"sync"
)

// A Stage is shared by runs that go on at once. None of them starts its load while another is still being brought
// up, since that is hard work for the machine, and what is late because of it could not be judged.
// The zero Stage is ready to use.
type Stage struct {
	mu     sync.Mutex
	coming int
	quiet  chan struct{} // closed when nobody is coming any more
}

// enter announces a run. Its up is called once it is up or has failed, and tells when all others are too; it may
// be called again. A nil Stage is that of a run that is alone.
func (s *Stage) enter() (up func() <-chan struct{}) {
	if s == nil {
		return func() <-chan struct{} { return closed }
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.coming == 0 {
		s.quiet = make(chan struct{})
	}
	s.coming++
	quiet := s.quiet
	return sync.OnceValue(func() <-chan struct{} {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.coming--; s.coming == 0 {
			close(s.quiet)
		}
		return quiet
	})
}

var closed = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// await waits for a stage to be quiet.
func await(ctx context.Context, quiet <-chan struct{}) error {
	select {
	case <-quiet:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
