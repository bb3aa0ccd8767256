package policy

import (
	"fmt"
	"slices"
	"time"
)

// builtinName is the name of the retries around calls of apps that have no target.
const builtinName = "DaprBuiltInServiceRetries"

// protectedName is the name of the retries that no resource can change.
const protectedName = "DaprBuiltInActorNotFoundRetries"

// builtinNames are the names of all retries that Dapr brings itself.
var builtinNames = []string{
	builtinName, protectedName, "DaprBuiltInActorRetries", "DaprBuiltInActorReminderRetries", "DaprBuiltInInitializationRetries",
}

// builtinRetries is how often Dapr retries by itself. A resource may raise it, and can't lower it.
const builtinRetries = 3

// brought gives the retries of that name that Dapr brings itself, which a target may name as if a resource defined
// them; nil for none.
func brought(name string) *retry {
	switch name {
	case builtinName, "DaprBuiltInActorRetries":
		return &retry{name: name, duration: time.Second, max: builtinRetries}
	case protectedName:
		return &retry{name: name, duration: time.Second, max: 5}
	case "DaprBuiltInActorReminderRetries":
		return &retry{name: name, exponential: true, maxInterval: 60 * time.Second}
	case "DaprBuiltInInitializationRetries":
		return &retry{name: name, exponential: true, maxInterval: time.Second, max: 3}
	}
	return nil
}

// allowed tells whether a resource may define a retry policy of this name, and corrects what it may not ask for.
func (p *Policies) allowed(name string, r *retry) bool {
	if name == protectedName {
		p.warnings = append(p.warnings, fmt.Sprintf("Attempted to override protected policy %s which is not allowed. Ignoring provided policy and using default.", name))
		return false
	}
	if slices.Contains(builtinNames, name) && r.max < builtinRetries {
		p.warnings = append(p.warnings, fmt.Sprintf("Attempted override of %s did not meet minimum retry count, resetting to %d.", name, builtinRetries))
		r.max = builtinRetries
	}
	return true
}
