package rules

import (
	"weir/planner/logical"
	"weir/planner/physical"
)

// Fold replaces a constant expression by its value, and what contains one by
// something simpler of the same type.
type Fold func(physical.Expr) (physical.Expr, error)

// Apply runs every rule. fold may be nil: constants stay as they are then. The
// error is that of fold.
func Apply(root logical.Node, fold Fold) (logical.Node, error) {
	root = PushFilters(root)
	root = MergeProjects(root)
	root, err := FoldConstants(root, fold)
	if err != nil {
		return nil, err
	}
	root = TakeEventTime(root)
	return PruneColumns(root), nil
}
