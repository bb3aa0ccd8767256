package early

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// Settle gives back to the system the pages of the program's own file that only its start has touched: the inits of
// all that is linked, 7 MB of a sidecar's 26. What is still wanted comes back from the page cache by itself. An error
// means that they are kept, which harms nothing.
func Settle() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return err
	}
	defer maps.Close()
	for _, m := range readOnly(maps, self) {
		if _, _, e := syscall.Syscall(syscall.SYS_MADVISE, m.from, m.to-m.from, syscall.MADV_DONTNEED); e != 0 {
			return fmt.Errorf("give back pages of %s: %w", self, e)
		}
	}
	return nil
}

// A mapping is part of the address space.
type mapping struct{ from, to uintptr }

// readOnly are the mappings of a file that nobody may write to, so that nothing in them can be lost: proc(5) has
// the form.
func readOnly(maps io.Reader, file string) []mapping {
	var out []mapping
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) != 6 || f[5] != file || strings.Contains(f[1], "w") {
			continue
		}
		var m mapping
		if _, err := fmt.Sscanf(f[0], "%x-%x", &m.from, &m.to); err == nil {
			out = append(out, m)
		}
	}
	return out
}
