// Package resiliency is what Dapr promises for a Resiliency spec: the policies as daprd would read them, and which of
// them are in force for a call. It shares no code with the sidecar, so that a misreading on one side can't hide on the other.
package resiliency

import "time"

// A Spec is the Resiliency resources that one sidecar gets, merged as daprd merges them.
type Spec struct {
	Names    []string // metadata.name of each resource, in the order read
	Scopes   []string // calling app ids; empty means all. (Of the only resource; see Resources for several)
	Timeouts map[string]time.Duration
	Retries  map[string]Retry
	Breakers map[string]Breaker
	Apps     map[string]Target // by target app id
	Actors   map[string]Actor  // by actor type; read, never in force here
	// Components are read, and never in force here.
	Components map[string]Component
	Raw        []byte // the text as read, to be handed on unchanged
	Broken     bool   // daprd would not decode it: nothing of it applies
}

// Policies of a retry.
const (
	Constant    = "constant"
	Exponential = "exponential"
)

// Forever is the maxRetries of a retry without an end.
const Forever = -1

// A Retry is a retry policy with Dapr's defaults filled in.
type Retry struct {
	Name        string
	Policy      string        // Constant | Exponential
	Duration    time.Duration // constant: the gap, 5 s by default
	MaxInterval time.Duration // exponential: the cap before jitter, 60 s by default
	MaxRetries  int           // Forever, 0 for none, n for n+1 attempts
	HTTPStatus  []StatusRange // matching.httpStatusCodes; empty means all
	GRPCStatus  []StatusRange // matching.gRPCStatusCodes; empty means all
	Builtin     bool          // DaprBuiltInServiceRetries: only where the target's sidecar can't be reached
	Line        int           // where it stands in the spec; 0 for a built-in
}

// A StatusRange is an inclusive range of status codes.
type StatusRange struct{ From, To int }

// A Breaker is a circuit breaker policy with Dapr's defaults filled in.
type Breaker struct {
	Name        string
	MaxRequests int           // 1 by default
	Interval    time.Duration // 0: the counts of the closed state are never cleared
	Timeout     time.Duration // how long it stays open, 60 s by default
	Trip        string        // CEL; `consecutiveFailures > 5` by default
	Line        int
}

// A Target names the policies of one app. A name that no policy has lacks that kind only.
type Target struct {
	Timeout, Retry, Breaker string
	CacheSize               int
	Line                    int
}

// An Actor is an actor type's target. Its breaker needs a scope: type, id or both.
type Actor struct {
	Target
	Scope string
}

// A Component is a component's target, for each direction.
type Component struct {
	Inbound, Outbound Target
	Line              int
}

// Policies are those in force for calls of one app to another, after defaults, scopes and missing names.
// A nil field means that there is none of that kind.
type Policies struct {
	Timeout *time.Duration
	Retry   *Retry
	Breaker *Breaker
	Builtin *Retry // around them, only where the target's sidecar can't be reached; nil where there is a target
	Named   bool   // the spec has a target for the callee
	Why     string // for people: which target, default or built-in each comes from
}
