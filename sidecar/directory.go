package sidecar

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// A FileDirectory lets sidecars of one user on one machine find each other without configuration: each keeps a
// file with its address, and a lock on it for as long as it lives, so that what a dead one has left is no peer.
type FileDirectory struct {
	Dir string
}

// UserDirectory is the directory of this user's sidecars.
func UserDirectory() (*FileDirectory, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = filepath.Join(os.TempDir(), fmt.Sprintf("halfopen-%d", os.Getuid()))
	}
	dir := filepath.Join(cache, "halfopen", "peers")
	return &FileDirectory{Dir: dir}, os.MkdirAll(dir, 0o700)
}

// Announce tells the others where the sidecar of an app is, until withdrawn.
func (d *FileDirectory) Announce(appID, addr string) (withdraw func(), err error) {
	if !fileName(appID) {
		return nil, fmt.Errorf("app id %q can't be announced", appID)
	}
	path := filepath.Join(d.Dir, fmt.Sprintf("%s@%d", appID, os.Getpid()))
	// It gets its name only once it is locked and written: until then it is nobody's to find, or to clear away.
	unnamed := filepath.Join(d.Dir, fmt.Sprintf(".%s@%d", appID, os.Getpid()))
	f, err := os.OpenFile(unnamed, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := f.WriteString(addr + "\n"); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := os.Rename(unnamed, path); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		os.Remove(path)
		f.Close()
	}, nil
}

// Find gives the address of a living sidecar of an app, and removes what dead ones have left.
func (d *FileDirectory) Find(appID string) (string, error) {
	if fileName(appID) {
		files, err := filepath.Glob(filepath.Join(d.Dir, appID+"@*"))
		if err != nil {
			return "", err
		}
		for i := len(files) - 1; i >= 0; i-- {
			if addr, alive := read(files[i]); alive && addr != "" {
				return addr, nil
			}
		}
	}
	return "", fmt.Errorf("couldn't find service: %s", appID)
}

// read gives what a sidecar has written, and whether it still holds its lock.
func read(path string) (addr string, alive bool) {
	f, err := os.Open(path)
	if err != nil {
		return "", false
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil {
		os.Remove(path) // nobody holds it: it was left behind
		return "", false
	}
	text := make([]byte, 256)
	n, _ := f.Read(text)
	return strings.TrimSuffix(string(text[:n]), "\n"), true
}

// fileName tells whether an app id can be a part of a file's name.
func fileName(appID string) bool {
	return appID != "" && !strings.ContainsAny(appID, "/\\@*?[]") && appID != "." && appID != ".."
}
