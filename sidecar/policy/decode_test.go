package policy

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatDoesNotDecode(t *testing.T) {
	for name, c := range map[string]struct{ spec, says string }{
		"a_bad_duration":       {with("timeouts: { t: soon }", "{}"), `invalid duration "t"`},
		"a_bad_policy":         {with("retries: { r: { policy: linear } }", "{}"), "unrecognized retry policy"},
		"a_bad_status":         {with(`retries: { r: { matching: { httpStatusCodes: "11" } } }`, "{}"), "invalid pattern 11, start code 11 is not valid"},
		"a_reversed_range":     {with(`retries: { r: { matching: { httpStatusCodes: "500-400" } } }`, "{}"), "start code should be lower"},
		"a_blank_in_a_list":    {with(`retries: { r: { matching: { httpStatusCodes: "500, 501" } } }`, "{}"), "failed to parse"},
		"a_retry_names_itself": {with("retries: { r: { duration: soon } }", "{}"), `invalid retry configuration "r"`},
		"a_matching_does_not":  {with(`retries: { r: { matching: { httpStatusCodes: "5xx" } } }`, "{}"), "failed to parse start code 5xx from pattern 5xx"},
		"a_bad_code_of_gRPC":   {with(`retries: { r: { matching: { gRPCStatusCodes: "17" } } }`, "{}"), "start code 17 is not valid"},
		"a_bad_breaker":        {with("circuitBreakers: { b: { interval: soon } }", "{}"), `invalid circuit breaker configuration "b"`},
		"bad_CEL":              {with("circuitBreakers: { b: { trip: 'consecutiveFailures >' } }", "{}"), "trip"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Decode([]byte(c.spec))
			require.NoError(t, err)
			require.ErrorContains(t, New().Add(r), c.says)
		})
	}
	_, err := Decode([]byte("kind: Component\n"))
	require.ErrorIs(t, err, ErrOtherKind)
	_, err = Decode([]byte("kind: Resiliency\nspec: [1]\n"))
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrOtherKind)
}

func TestPoliciesReadBeforeAnErrorStayAndTargetsBehindItDoNot(t *testing.T) {
	r, err := Decode([]byte(with("retries: { DefaultRetryPolicy: { maxRetries: 2 } }\ncircuitBreakers: { b: { timeout: soon } }", "{ retry: DefaultRetryPolicy }")))
	require.NoError(t, err)
	p := New()
	require.Error(t, p.Add(r))
	target := p.For("a")
	require.NotNil(t, target.builtin, "no target was applied, so the built-in retries are on")
	require.Equal(t, 2, target.retry.max, "the default policy was read before the error")
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(quickstart))
	if recorded, err := os.ReadFile("../../scenarios/stop-order-processor/resiliency.yaml"); err == nil {
		f.Add(recorded)
	}
	f.Add([]byte(with(`retries: { r: { matching: { httpStatusCodes: "1-" } } }`, "{}")))
	f.Fuzz(func(t *testing.T, spec []byte) {
		r, err := Decode(spec)
		if err != nil {
			return
		}
		p := New()
		if p.Add(r) == nil {
			p.For("a")
		}
	})
}
