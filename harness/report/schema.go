package report

import _ "embed" // the published schemas

// VerdictSchema is the JSON Schema of verdict.json, as docs/verdict.schema.json publishes it.
//
//go:embed assets/verdict.schema.json
var VerdictSchema []byte

// HistorySchema is the JSON Schema of one line of history.jsonl, as docs/history.schema.json publishes it.
//
//go:embed assets/history.schema.json
var HistorySchema []byte
