// Package examples plays the quickstart's outage on apps in other languages.
package examples

import (
	"os"
	"testing"

	"github.com/halfopen/halfopen/harness/harnesstest"
)

func TestMain(m *testing.M) { os.Exit(harnesstest.Main(m)) }

// Where a language is not installed, its example is skipped by name. Commands run in processes only.
func TestExamples(t *testing.T) {
	t.Parallel()
	harnesstest.RunAll(t, "*", harnesstest.Env("process"), harnesstest.SkipMissingPrograms())
}
