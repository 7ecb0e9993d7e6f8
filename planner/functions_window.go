package planner

// WindowFunctions returns the windows that GROUP BY takes, for help and completion.
func WindowFunctions() []Function {
	return []Function{
		{"TUMBLE", "TUMBLE(ts, size[, offset])", "Windows side by side, each as long as the size."},
		{"HOP", "HOP(ts, slide, size[, offset])", "Windows of that size, one begun every slide; a row is in size / slide of them."},
	}
}
