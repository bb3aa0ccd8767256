package link

import (
	"slices"
	"sync"
	"sync/atomic"
)

// A list is the faults of one kind that are on, read at every turn and rarely changed.
type list[T comparable] struct {
	mu sync.Mutex
	on atomic.Pointer[[]T]
}

func (l *list[T]) all() []T {
	if on := l.on.Load(); on != nil {
		return *on
	}
	return nil
}

func (l *list[T]) add(v T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := append(slices.Clone(l.all()), v)
	l.on.Store(&next)
}

func (l *list[T]) remove(v T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := slices.DeleteFunc(slices.Clone(l.all()), func(x T) bool { return x == v })
	l.on.Store(&next)
}
