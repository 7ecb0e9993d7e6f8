package planner

// WindowFunctions returns the windows that GROUP BY takes, for help and completion.
func WindowFunctions() []Function {
	return []Function{
		{"TUMBLE", "TUMBLE(ts, size[, offset][, zone])", "Windows side by side, each as long as the size. With a zone, days, weeks, months and years are those of its calendar."},
		{"HOP", "HOP(ts, slide, size[, offset][, zone])", "Windows of that size, one begun every slide; a row is in size / slide of them."},
		{"CUMULATE", "CUMULATE(ts, step, size[, offset][, zone])", "Windows that grow by a step up to the size, and then begin anew."},
		{"SESSION", "SESSION(ts, gap[, max])", "The rows of a group that lie less than the gap apart. With max a session ends at its first row's time + max, and the next row begins another."},
		{"STAGGER", "STAGGER(ts, size)", "Begins with a row of a group and ends size later: SESSION(ts, size, size)."},
		{"COUNT_WINDOW", "COUNT_WINDOW(rows[, every])", "So many rows of a group, in the order of the log; one begins every so many rows, else side by side. window_start is the least of their event times, window_end lies 1 µs behind the greatest. A window that lacks rows is not shown."},
	}
}
