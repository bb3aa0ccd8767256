package harness_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/oracle"
)

// packed is what gzip made: another release of Go may make other bytes of the same.
var packed = regexp.MustCompile(`<script type="text/plain" id="(chart|history)">[A-Za-z0-9+/=]*</script>`)

// The example is what this program makes of its histories. Where a report is told in another way on purpose,
// `halfopen check reports/example/pass reports/example/fail` tells it anew, and `halfopen report --index
// reports/example` the page over both.
func TestTheExampleIsWhatIsMadeOfItsHistories(t *testing.T) {
	example := filepath.Join("..", "reports", "example")
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(example)))
	for name, want := range map[string]oracle.Outcome{"pass": oracle.Pass, "fail": oracle.Fail} {
		v, err := harness.Judge(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, want, v.Outcome)
	}
	_, err := harness.Index(dir)
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	require.NoError(t, err)
	for _, file := range append(files, filepath.Join(dir, "index.html")) {
		name, err := filepath.Rel(dir, file)
		require.NoError(t, err)
		got, err := os.ReadFile(file)
		require.NoError(t, err)
		before, err := os.ReadFile(filepath.Join(example, name))
		require.NoError(t, err, "%s is new: make the example anew", name)
		require.True(t, string(packed.ReplaceAll(before, nil)) == string(packed.ReplaceAll(got, nil)), "%s is not what is made of its history any more", name)
	}
}
