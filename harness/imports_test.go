package harness_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/halfopen/halfopen/"

// mayImport is the import rule: each package of the house, and whom of the house it may import.
// harness/, sidecar/ and apps/ never import each other; only cmd/halfopen links all three.
var mayImport = map[string][]string{
	"harness/problem":       {},
	"harness/history":       {},
	"harness/heap":          {},
	"harness/document":      {"harness/problem"},
	"harness/resiliency":    {"harness/problem", "harness/document"},
	"harness/scenario":      {"harness/problem", "harness/document", "harness/history", "harness/resiliency"},
	"harness/lint":          {"harness/problem", "harness/document", "harness/resiliency", "harness/scenario"},
	"harness/testimony":     {"harness/problem", "harness/history"},
	"harness/oracle":        {"harness/history", "harness/testimony", "harness/resiliency", "harness/scenario"},
	"harness/baseline":      {"harness/problem", "harness/oracle"},
	"harness/explore":       {"harness/resiliency", "harness/scenario", "harness/oracle"},
	"harness/link":          {"harness/history", "harness/scenario"},
	"harness/env":           {"harness/history", "harness/link", "harness/scenario"},
	"harness/env/process":   {"harness/env", "harness/history", "harness/link", "harness/scenario"},
	"harness/env/container": {"harness/env", "harness/history", "harness/link", "harness/scenario"},
	"harness/env/memory":    {"harness/env", "harness/history", "harness/link", "harness/scenario"},
	"harness/env/envtest":   {"harness/env", "harness/harnesstest", "harness/history", "harness/link", "harness/scenario"},
	"harness/report":        {"harness/document", "harness/history", "harness/oracle", "harness/scenario"},
	"harness":               {"harness/problem", "harness/document", "harness/history", "harness/resiliency", "harness/scenario", "harness/testimony", "harness/lint", "harness/oracle", "harness/baseline", "harness/explore", "harness/env", "harness/env/process", "harness/env/container", "harness/link", "harness/report"},
	"harness/harnesstest":   {"harness", "harness/oracle", "harness/report", "harness/scenario"},
	"sidecar":               {"sidecar/policy"},
	"sidecar/policy":        {},
	"scenarios/rogue":       {},
	"scenarios/standin":     {"sidecar/policy"}, // no judge of the sidecar: of what lies around it
	"scripts/workflow":      {},
	"apps/checkout":         {},
	"apps/orderprocessor":   {},
	"cmd/halfopen/early":    {},
	"cmd/halfopen":          {"cmd/halfopen/early", "harness", "harness/document", "harness/explore", "harness/problem", "harness/baseline", "harness/env", "harness/env/container", "harness/link", "harness/lint", "harness/oracle", "harness/report", "harness/resiliency", "harness/scenario", "sidecar", "apps/checkout", "apps/orderprocessor"},
}

// mayNotImport are third parties that a package must do without: what both sides of a comparison would share.
var mayNotImport = map[string][]string{
	"harness/oracle":     {"gobreaker", "backoff"},
	"harness/resiliency": {"gobreaker", "backoff"},
}

// The files are parsed here and now: a test that asked `go list` would stay cached.
func TestPackagesImportOnlyWhomTheyMay(t *testing.T) {
	root := ".."
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil && path != root {
			return filepath.SkipDir // a module of its own
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "testdata" || d.Name() == "reports") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		pkg, err := filepath.Rel(root, filepath.Dir(path))
		require.NoError(t, err)
		pkg = filepath.ToSlash(pkg)
		seen[pkg] = true
		allowed, known := mayImport[pkg]
		require.True(t, known, "package %s is not in the import rule", pkg)
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, i := range file.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			require.NoError(t, err)
			if own, ok := strings.CutPrefix(name, module); ok {
				require.True(t, slices.Contains(allowed, own), "%s imports %s", path, own)
			}
			for _, bad := range mayNotImport[pkg] {
				require.NotContains(t, name, bad, "%s", path)
			}
		}
		return nil
	})
	require.NoError(t, err)
	for pkg := range mayImport {
		require.True(t, seen[pkg], "package %s of the import rule does not exist", pkg)
	}
}
