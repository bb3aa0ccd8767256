package report_test

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// mostPicture is how large a picture in the README may be, in bytes.
const mostPicture = 150 << 10

// TestPicturesOfTheExample opens the committed example as its readers do. Where HALFOPEN_PICTURES names a folder, it
// takes the README's pictures into it.
func TestPicturesOfTheExample(t *testing.T) {
	b := newBrowser(t)
	dir := os.Getenv("HALFOPEN_PICTURES")
	for _, c := range []struct {
		name, run     string
		width, height int64
		night         bool
	}{
		{"fail", "fail", 1280, 1330, false}, {"pass", "pass", 1280, 800, false}, {"fail-phone", "fail", 390, 844, true},
	} {
		b.dark(t, c.night)
		path, err := filepath.Abs(filepath.Join("..", "..", "reports", "example", c.run, "report.html"))
		require.NoError(t, err)
		b.quiet(t, b.openFile(t, path, c.width, c.height))
		if c.name == "pass" {
			ask[any](t, b, `document.getElementById("timeline").scrollIntoView()`)
		}
		shot, err := chromedp.Run(b, chromedp.CaptureScreenshot())
		require.NoError(t, err)
		if dir != "" {
			require.NoError(t, os.WriteFile(filepath.Join(dir, c.name+".png"), smaller(t, shot), 0o644))
		}
	}
	path, err := filepath.Abs(filepath.Join("..", "..", "reports", "example", "index.html"))
	require.NoError(t, err)
	b.quiet(t, b.show(t, path, 1280, 800))
	_, err = chromedp.RunResponse(b, chromedp.Click(chromedp.CSS(".runs a")))
	require.NoError(t, err)
	b.do(t, chromedp.WaitReady(chromedp.CSS(`html[data-ready=yes]`)))
}

func TestPicturesAreSmall(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "docs", "images", "*.png"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.LessOrEqual(t, info.Size(), int64(mostPicture), file)
	}
}

// smaller keeps a picture's 256 most frequent colours: a page has few, and the shades between them are many.
func smaller(t *testing.T, shot []byte) []byte {
	t.Helper()
	whole, err := png.Decode(bytes.NewReader(shot))
	require.NoError(t, err)
	count := map[color.RGBA]int{}
	for y := range whole.Bounds().Dy() {
		for x := range whole.Bounds().Dx() {
			count[color.RGBAModel.Convert(whole.At(x, y)).(color.RGBA)]++
		}
	}
	frequent := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
	})
	var palette color.Palette
	for _, c := range frequent[:min(256, len(frequent))] {
		palette = append(palette, c)
	}
	few := image.NewPaletted(whole.Bounds(), palette)
	draw.Draw(few, few.Bounds(), whole, whole.Bounds().Min, draw.Src)
	var b bytes.Buffer
	require.NoError(t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, few))
	return b.Bytes()
}
