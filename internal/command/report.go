package command

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/rhumb-go/rhumb/embed/job"
	"github.com/spf13/cobra"
)

// addJSON adds the flag of a report's form for programs.
func addJSON(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("json", false, "print the report as one JSON object")
}

// writeReport writes a report as one JSON object.
func writeReport(w io.Writer, report any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(report)
}

// jobJSON is the JSON form of a job's report, one that scripts rely on.
type jobJSON struct {
	Output  string     `json:"output"`
	Rows    int        `json:"rows"`
	Chunks  int        `json:"chunks,omitempty"`
	Failed  int        `json:"failed"`
	Resumed int        `json:"resumed"`
	Cut     int        `json:"cut"`
	Dropped int        `json:"dropped"`
	Scales  string     `json:"scales,omitempty"`
	Errors  string     `json:"errors,omitempty"`
	Cache   *cacheJSON `json:"cache,omitempty"`
}

type cacheJSON struct {
	Hits   int64 `json:"hits"`
	Misses int64 `json:"misses"`
}

// printReport says what a job that is complete did.
func (c *console) printReport(output string, r job.Report, found rowCache, asJSON bool) error {
	if asJSON {
		of := jobJSON{output, r.Rows, r.Chunks, r.Failed, r.Resumed, r.Cut, r.Dropped, r.Scales, r.Errors, nil}
		if found != nil {
			s := found.Stats()
			of.Cache = &cacheJSON{s.Hits, s.Misses}
		}
		return writeReport(c.stdout, of)
	}
	how := ""
	switch {
	case r.Rows > 0 && r.Resumed == r.Rows:
		how = ", complete already"
	case r.Resumed > 0:
		how = fmt.Sprintf(", %d of them from earlier runs", r.Resumed)
	}
	if r.Chunks > 0 {
		how = ", " + counted(r.Chunks, "chunk") + how
	}
	if r.Cut > 0 {
		how += fmt.Sprintf("; %d over the limit, which lost %s", r.Cut, counted(r.Dropped, "token"))
	}
	if found != nil && r.Resumed < r.Rows {
		s := found.Stats()
		how += fmt.Sprintf("; cache: %d hits, %d misses", s.Hits, s.Misses)
	}
	if r.Scales != "" {
		how += "; their scales: " + escaped(r.Scales)
	}
	_, err := fmt.Fprintf(c.stdout, "%s: %d rows%s\n", escaped(output), r.Rows, how)
	return err
}
