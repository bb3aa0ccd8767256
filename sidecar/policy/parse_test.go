package policy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Whatever is read as a set of codes holds only codes that there are, and holds both ends of each range.
func FuzzParseCodes(f *testing.F) {
	for _, pattern := range []string{"", "429", "429,500-599", "1-", "500, 501", "5xx", "599-500", "100-100", "-1", "+200", "0200"} {
		f.Add(pattern)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		got, err := parseCodes(pattern, 100, 599)
		if err != nil {
			require.Nil(t, got)
			return
		}
		require.Equal(t, pattern == "", got == nil, "only nothing at all means all")
		for _, r := range got {
			require.True(t, 100 <= r.from && r.from <= r.to && r.to <= 599, "%+v", r)
			require.True(t, got.has(r.from) && got.has(r.to))
		}
		require.Equal(t, got == nil, got.has(600))
	})
}

// A duration is Go's, or so many milliseconds, or an error; nothing at all is the default.
func FuzzDuration(f *testing.F) {
	for _, d := range []string{"", "5s", "250", "-1", "1h2m", "soon", "9223372036854775807", "-9223372036854775808", "0x10", "1_000"} {
		f.Add(d)
	}
	f.Fuzz(func(t *testing.T, d string) {
		got, err := duration(text(d), 7*time.Second)
		if err != nil {
			return
		}
		if d == "" {
			require.Equal(t, 7*time.Second, got)
			return
		}
		if want, err := time.ParseDuration(d); err == nil {
			require.Equal(t, want, got, "%q", d)
		}
	})
}
