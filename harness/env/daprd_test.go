package env_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/env"
	"github.com/halfopen/halfopen/harness/scenario"
)

func TestWhatADaprdLacksFollowsItsVersion(t *testing.T) {
	const resolver, addresses = "the name resolver nameformat", "--dapr-internal-grpc-listen-address and --metrics-listen-address"
	for version, want := range map[string]struct{ byFormat, byMDNS string }{
		"0.11.3": {resolver, addresses}, "1.8.4": {resolver, addresses}, "1.9": {resolver, addresses}, "1.13.6": {resolver, addresses}, "v1.13.6": {resolver, addresses},
		"1.13.2-standin": {resolver, addresses}, "1.14.0": {resolver, ""}, "1.17.9": {resolver, ""}, "1.17.9-standin": {resolver, ""},
		"1.18.0": {}, "1.18.0-rc.1": {}, "1.18": {}, "1.18.3-standin": {}, "1.100.0": {}, "2.0.1": {}, "edge": {}, "": {},
	} {
		for resolution, lacks := range map[string]string{"": want.byFormat, scenario.NameFormat: want.byFormat, scenario.MDNS: want.byMDNS} {
			what, since := env.Sidecar{Version: version}.Lacks(resolution)
			require.Equal(t, lacks, what, "%s by %q", version, resolution)
			require.Equal(t, map[string]string{resolver: "1.18.0", addresses: "1.14.0", "": ""}[what], since)
		}
	}
}
