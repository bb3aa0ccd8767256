package scenario

import _ "embed"

// Schema is the JSON Schema (2020-12) of a scenario's file, for editors. It refuses nothing that [Parse] takes, but
// for two liberties: an empty field is an absent one to Parse, and a quoted number is a number. Parse refuses more:
// whatever takes looking at two places at once, such as a name that stands nowhere.
//
//go:embed scenario.schema.json
var Schema []byte
