package env

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLedgersLieInTheTemporaryFolderWhereTheCacheCannotBeMade(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	t.Setenv("HOME", file)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(file, "cache"))
	t.Setenv("TMPDIR", dir)
	got, err := LedgerDir()
	require.NoError(t, err)
	require.DirExists(t, got)
	require.Equal(t, dir, filepath.Dir(filepath.Dir(got)))
}
