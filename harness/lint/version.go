package lint

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
)

// A Version is one of daprd's. The zero value is the newest.
type Version struct{ Major, Minor, Patch int }

var versionForm = regexp.MustCompile(`^v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?(?:-[0-9A-Za-z.-]+)?$`)

// ParseVersion reads 1.14, v1.14.4 or 1.15.0-rc.2.
func ParseVersion(text string) (Version, error) {
	m := versionForm.FindStringSubmatch(text)
	if m == nil {
		return Version{}, fmt.Errorf("%q is no version of daprd: want 1.14 or 1.14.4", text)
	}
	number := func(s string) int { n, _ := strconv.Atoi(s); return n }
	return Version{number(m[1]), number(m[2]), number(m[3])}, nil
}

// Before tells whether a version is older than another. The zero value is older than none.
func (v Version) Before(w Version) bool {
	return v != Version{} && cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch)) < 0
}

func (v Version) String() string {
	if v.Patch == 0 {
		return fmt.Sprintf("%d.%d", v.Major, v.Minor)
	}
	return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
}
