// Package policy is Dapr's resiliency for calls from one app to another: retry( breaker( timeout( attempt ))).
package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// A Resource is one Resiliency resource, decoded as daprd decodes it: names of fields in any case.
type Resource struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Scopes []string `json:"scopes"`
	Spec   struct {
		Policies struct {
			Timeouts        map[string]text        `json:"timeouts"`
			Retries         map[string]retrySpec   `json:"retries"`
			CircuitBreakers map[string]breakerSpec `json:"circuitBreakers"`
		} `json:"policies"`
		Targets struct {
			Apps       map[string]appSpec       `json:"apps"`
			Actors     map[string]actorSpec     `json:"actors"`
			Components map[string]componentSpec `json:"components"`
		} `json:"targets"`
	} `json:"spec"`
}

// text takes a string or a bare number.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	var n json.Number
	if err := json.Unmarshal(b, &n); err == nil && len(b) > 0 && b[0] != '"' {
		*t = text(n)
		return nil
	}
	return json.Unmarshal(b, (*string)(t))
}

type retrySpec struct {
	Policy      string `json:"policy"`
	Duration    text   `json:"duration"`
	MaxInterval text   `json:"maxInterval"`
	MaxRetries  *int   `json:"maxRetries"`
	Matching    *struct {
		HTTPStatusCodes text `json:"httpStatusCodes"`
		GRPCStatusCodes text `json:"gRPCStatusCodes"`
	} `json:"matching"`
}

type breakerSpec struct {
	MaxRequests int    `json:"maxRequests"`
	Interval    text   `json:"interval"`
	Timeout     text   `json:"timeout"`
	Trip        string `json:"trip"`
}

type appSpec struct {
	Timeout                 string `json:"timeout"`
	Retry                   string `json:"retry"`
	CircuitBreaker          string `json:"circuitBreaker"`
	CircuitBreakerCacheSize int    `json:"circuitBreakerCacheSize"`
}

// An actorSpec is read and checked as daprd does, and not run.
type actorSpec struct {
	appSpec
	CircuitBreakerScope string `json:"circuitBreakerScope"` // type | id | both
}

// A componentSpec is read as daprd does, and not run.
type componentSpec struct {
	Inbound  appSpec `json:"inbound"`
	Outbound appSpec `json:"outbound"`
}

// ErrOtherKind says that a file holds something else than a Resiliency resource: it is no concern of ours.
var ErrOtherKind = errors.New("not a Resiliency resource")

// Decode reads the first document of a file. What is not YAML, or has values of the wrong type, is an error;
// another kind is ErrOtherKind.
func Decode(file []byte) (*Resource, error) {
	var tree any
	in := yaml.NewDecoder(bytes.NewReader(file))
	if err := in.Decode(&tree); errors.Is(err, io.EOF) {
		return nil, ErrOtherKind
	} else if err != nil {
		return nil, err
	}
	asJSON, err := json.Marshal(tree)
	if err != nil {
		return nil, err
	}
	var kind struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(asJSON, &kind); err != nil || kind.Kind != "Resiliency" {
		return nil, ErrOtherKind
	}
	r := &Resource{}
	if err := json.Unmarshal(asJSON, r); err != nil {
		return nil, err
	}
	return r, nil
}

// Applies tells whether a resource is meant for an app: no scopes, or the app among them.
func (r *Resource) Applies(appID string) bool {
	if len(r.Scopes) == 0 {
		return true
	}
	for _, s := range r.Scopes {
		if s == appID {
			return true
		}
	}
	return false
}

// duration reads Dapr's durations: Go's form, or a bare number of milliseconds.
func duration(t text, otherwise time.Duration) (time.Duration, error) {
	if t == "" {
		return otherwise, nil
	}
	if ms, err := strconv.ParseInt(string(t), 10, 64); err == nil {
		return time.Duration(ms) * time.Millisecond, nil
	}
	return time.ParseDuration(string(t))
}

// A codes is a set of status codes; nil means all.
type codes []codeRange

type codeRange struct{ from, to int }

func (c codes) has(status int) bool {
	if c == nil {
		return true
	}
	for _, r := range c {
		if r.from <= status && status <= r.to {
			return true
		}
	}
	return false
}

// parseCodes reads "429,500-599"; the errors are daprd's own words.
func parseCodes(pattern string, lowest, highest int) (codes, error) {
	if pattern == "" {
		return nil, nil
	}
	var out codes
	for part := range strings.SplitSeq(pattern, ",") {
		from, to, isRange := strings.Cut(part, "-")
		start, err := strconv.Atoi(from)
		if err != nil {
			return nil, fmt.Errorf("failed to parse start code %s from pattern %s", from, part)
		}
		end := start
		if isRange {
			if end, err = strconv.Atoi(to); err != nil {
				return nil, fmt.Errorf("failed to parse end code %s from pattern %s", to, part)
			}
		}
		switch {
		case start < lowest || start > highest:
			return nil, fmt.Errorf("invalid pattern %s, start code %d is not valid", part, start)
		case end < lowest || end > highest:
			return nil, fmt.Errorf("invalid pattern %s, end code %d is not valid", part, end)
		case end < start:
			return nil, fmt.Errorf("invalid pattern %s, start code should be lower than or equal to end code", part)
		}
		out = append(out, codeRange{start, end})
	}
	return out, nil
}
