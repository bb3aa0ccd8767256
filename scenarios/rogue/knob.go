package rogue

// A Knob is one promise that a rogue breaks. Honest breaks none.
type Knob string

// Honest keeps all promises.
const Honest Knob = ""

// Retries.
const (
	GapTooLong             Knob = "gap_too_long"
	GapTooShort            Knob = "gap_too_short"
	GapDrifts              Knob = "gap_drifts"
	GapByMaxInterval       Knob = "constant_gap_obeys_maxInterval"
	NoJitter               Knob = "exponential_gap_without_jitter"
	JitterTooWide          Knob = "jitter_beyond_the_envelope"
	CapIgnored             Knob = "exponential_gap_without_its_cap"
	FirstGapCapped         Knob = "first_exponential_gap_capped"
	PastFifteenMinutes     Knob = "exponential_retries_past_fifteen_minutes"
	OneRetryTooMany        Knob = "one_retry_too_many"
	OneRetryTooFew         Knob = "one_retry_too_few"
	GivesUp                Knob = "gives_up_silently"
	RetriesForEver         Knob = "retries_for_ever_though_limited"
	RetriesUnmatched       Knob = "retries_a_status_that_does_not_match"
	SkipsMatched           Knob = "does_not_retry_a_status_that_matches"
	SkipsTransportErrors   Knob = "does_not_retry_a_broken_connection"
	Retries3xx             Knob = "retries_a_redirect"
	Retries600             Knob = "retries_a_status_of_600"
	RetriesRefusals        Knob = "retries_after_the_breakers_refusal"
	Resends                Knob = "sends_a_request_twice_within_one_attempt"
	RetriesForNobody       Knob = "retries_though_the_caller_left"
	SaysRetryingEachTime   Knob = "says_retrying_at_each_attempt"
	NeverSaysRetrying      Knob = "never_says_retrying"
	SaysRetryingForNothing Knob = "says_retrying_where_nothing_failed"
	NeverSaysRecovered     Knob = "never_says_recovered"
	WrongRecoveredCount    Knob = "says_recovered_with_a_wrong_count"
)

// Timeouts.
const (
	TimeoutTooLate     Knob = "timeout_too_late"
	TimeoutTooEarly    Knob = "timeout_too_early"
	TimeoutOfOperation Knob = "timeout_of_the_operation"
	TimeoutIgnored     Knob = "timeout_ignored"
	TimeoutFromNowhere Knob = "timeout_without_a_policy"
	TimeoutUncounted   Knob = "timeout_is_no_failure_to_the_breaker"
	TimeoutNotRetried  Knob = "timeout_is_not_retried"
)

// Breakers.
const (
	TripsEarly          Knob = "trips_one_failure_early"
	TripsLate           Knob = "trips_one_failure_late"
	NeverTrips          Knob = "never_trips"
	TotalForConsecutive Knob = "counts_total_failures_for_consecutive_ones"
	SuccessResetsNot    Knob = "a_success_does_not_reset_the_count"
	RetriesUncounted    Knob = "counts_operations_for_attempts"
	Ignores4xx          Knob = "a_404_is_no_failure_to_the_breaker"
	WindowIgnored       Knob = "window_never_renewed"
	WindowTooShort      Knob = "window_renewed_too_early"
	WindowKeepsTotals   Knob = "window_clears_only_the_consecutive_counts"
	LeaksWhileOpen      Knob = "leaks_attempts_while_open"
	OpenTooLong         Knob = "open_too_long"
	OpenTooShort        Knob = "open_too_short"
	TwoProbes           Knob = "two_probes_at_once"
	FreesSlots          Knob = "a_finished_probe_frees_its_slot"
	CountsLate          Knob = "counts_late_results_of_an_earlier_state"
	HangUpUncounted     Knob = "a_callers_hang_up_is_no_failure_to_the_breaker"
	ClosesOnFailure     Knob = "closes_on_a_failed_probe"
	ClosesEarly         Knob = "closes_one_success_early"
	ClosesLate          Knob = "closes_one_success_late"
	StuckHalfOpen       Knob = "stuck_half_open"
	NeverReopens        Knob = "never_reopens"
	BreakerPerApp       Knob = "one_breaker_for_all_paths"
	SaysFalseOpening    Knob = "says_an_opening_that_was_not"
	HidesOpening        Knob = "hides_an_opening"
	HidesHalfOpen       Knob = "hides_half_open"
	HidesClosing        Knob = "hides_a_closing"
	HalfOpenByTimer     Knob = "half_open_by_a_timer"
	SaysNothing         Knob = "says_nothing"
)

// Metrics.
const (
	CountsAttemptsTwice Knob = "metrics_count_each_attempt_twice"
	CountsNoRequests    Knob = "metrics_leave_out_requests"
	CountsNoRetries     Knob = "metrics_leave_out_retries"
	CountsNoOpenings    Knob = "metrics_leave_out_openings"
	TellsClosed         Knob = "metrics_always_say_closed"
)

// Targets and resources.
const (
	IgnoresScopes       Knob = "ignores_scopes"
	NotLoaded           Knob = "policy_silently_not_loaded"
	DefaultsIgnored     Knob = "default_policies_ignored"
	DefaultsOverTargets Knob = "default_policies_fill_a_targets_holes"
	NoBuiltin           Knob = "no_built_in_retries"
	BuiltinForStatus    Knob = "built_in_retries_for_a_status"
	BuiltinTooMany      Knob = "one_built_in_retry_too_many"
	BuiltinUnasked      Knob = "built_in_retries_though_a_target_is_named"
)

// The way of an order.
const (
	SwallowsStatus  Knob = "swallows_the_apps_status"
	WrongOwnStatus  Knob = "wrong_status_for_its_own_error"
	DropsAnswer     Knob = "drops_the_connection_instead_of_an_answer"
	AnswersForApp   Knob = "answers_without_an_attempt"
	LosesOrder      Knob = "loses_an_order"
	DoublesOrder    Knob = "doubles_an_order"
	ReordersOrder   Knob = "reorders_orders"
	FreshTraces     Knob = "attempts_without_their_trace"
	Strays          Knob = "an_attempt_of_its_own"
	DialsWithPauses Knob = "dials_again_with_a_back_off"
	WakesLate       Knob = "serves_late_though_ready"
	FailsAtTimes    Knob = "fails_an_order_for_nothing"
	SaysReadyTwice  Knob = "says_twice_that_it_is_up"
	EndsItself      Knob = "ends_by_itself"
)
