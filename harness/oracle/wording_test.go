package oracle_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/testimony"
)

// worded are the two lines about a retry as daprd writes them.
func worded(version, level, retrying, recovered string) [2]string {
	const form = "time=\"2026-11-24T10:00:00Z\" level=%s msg=\"%s endpoint[order-processor, order-processor:orders]%s\" app_id=checkout ver=%s"
	return [2]string{
		fmt.Sprintf(form, level, "Error processing operation", retrying, version),
		fmt.Sprintf(form, "info", "Recovered processing operation", recovered, version),
	}
}

// Each release of daprd is held to its own words, and to nobody else's.
func TestEachReleaseOfDaprdIsHeldToItsWords(t *testing.T) {
	words := map[string][2]string{}
	for _, v := range []string{"1.0.0", "1.9.6"} {
		words[v] = worded(v, "info", ". Retrying...", ".")
	}
	for _, v := range []string{"1.10.0", "1.12.6"} {
		words[v] = worded(v, "info", ". Retrying in 5s…", ".")
	}
	words["1.13.6"] = worded("1.13.6", "info", ". Retrying in 5s…", " after 10 attempts")
	for _, v := range []string{"1.14.0", "1.18.3", "1.19.0-rc.1"} {
		words[v] = worded(v, "warning", ". Retrying in 5s…", " after 10 attempts")
	}
	for ran, own := range words {
		for as, others := range words {
			t.Run(ran+"_words_as_"+as, func(t *testing.T) {
				c := recorded(t)
				c.History.Header.Sidecar, c.History.Header.SidecarVersion = "daprd", ran
				for i := range c.History.Events {
					e := &c.History.Events[i]
					for j, mark := range []string{"Retrying", "Recovered"} {
						if says(mark)(*e) {
							e.Text = strings.ReplaceAll(others[j], "ver="+as, "ver="+ran)
						}
					}
				}
				r := result(t, oracle.Judge(c), "log-wording")
				require.True(t, r.Applies, r.Why)
				alike := fmt.Sprint(own) == strings.ReplaceAll(fmt.Sprint(others), "ver="+as, "ver="+ran)
				require.Equal(t, alike, r.Outcome == oracle.Pass, "%+v", r.Findings)
				if !alike {
					require.Contains(t, r.Findings[0].What, "is not worded as daprd "+ran+" does")
				}
				require.Equal(t, 2, r.Examined)
			})
		}
	}
}

// Lines that tell no version are held to the one that the program told before the run; where that names no release
// nobody knows what to expect.
func TestTheVersionIsTheLinesOwnOrTheProgramsWord(t *testing.T) {
	for _, c := range []struct {
		name, version string
		applies       bool
		outcome       oracle.Outcome
	}{
		{"a_release_with_other_words", "1.18.3", true, oracle.Fail},
		{"a_release_with_these_words", "1.8.4", true, oracle.Fail}, // its Recovered has no count
		{"no_release", "edge", false, oracle.Pass},
	} {
		t.Run(c.name, func(t *testing.T) {
			recording := recorded(t)
			recording.History.Header.Sidecar, recording.History.Header.SidecarVersion = "daprd", c.version
			for i := range recording.History.Events {
				if e := &recording.History.Events[i]; says("processing operation")(*e) {
					e.Text = "INFO[0005] " + testimony.Parse(e.Text).Message
				}
			}
			r := result(t, oracle.Judge(recording), "log-wording")
			require.Equal(t, c.applies, r.Applies, r.Why)
			require.Equal(t, c.outcome, r.Outcome, "%+v", r.Findings)
		})
	}
}
