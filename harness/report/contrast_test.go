package report_test

import (
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is written on what: at least 4.5 to 1, as WCAG 2.2 asks for text (level AA).
//
// https://www.w3.org/TR/WCAG22/#contrast-minimum
func TestTextStandsOutByDayAndByNight(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("assets", "page.css"))
	require.NoError(t, err)
	blocks := regexp.MustCompile(`:root \{([^}]*)\}`).FindAllStringSubmatch(string(text), -1)
	require.Len(t, blocks, 2, "a palette for the day and one for the night")
	for i, block := range blocks {
		colours := map[string]float64{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`).FindAllStringSubmatch(block[1], -1) {
			colours[m[1]] = luminance(t, m[2])
		}
		for on, names := range map[string][]string{
			"bg": {"ink", "dim", "link", "ok", "bad", "wait"}, "card": {"ink", "dim", "link", "ok", "bad", "wait", "fore"},
			"ok-bg": {"ink", "ok"}, "bad-bg": {"ink", "bad", "link", "dim", "ok"}, "wait-bg": {"ink", "wait"}, "ink": {"bg"}, "grid": {"ink", "dim"},
		} {
			for _, name := range names {
				require.Contains(t, colours, name)
				a, b := colours[name]+.05, colours[on]+.05
				require.GreaterOrEqual(t, max(a, b)/min(a, b), 4.5, "palette %d: %s on %s", i, name, on)
			}
		}
	}
}

// luminance is that of an sRGB colour, from 0 to 1.
func luminance(t *testing.T, hex string) (l float64) {
	t.Helper()
	for i, weight := range []float64{.2126, .7152, .0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		require.NoError(t, err)
		c := float64(n) / 255
		if c <= .04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+.055)/1.055, 2.4)
		}
		l += weight * c
	}
	return l
}
