// Package checkpoint decides what of a query's state is written when, and finds it
// again after a restart.
//
// Its nouns:
//
//   - Snapshot: a query at a cut. Its Point is what the engine knows, its pages
//     are what the operators keep.
//   - Epoch: the number of one write to the store, for all queries of the process.
//   - Page: a part of an operator's state, under a path that names the operator,
//     and an epoch. A page is never changed, so one that stays as it was is named
//     by many checkpoints and written once.
//   - Manifest: a checkpoint of one query: its Point, the plan that it belongs to
//     and the pages that it is made of. It is written together with everything
//     that is atomic, behind its pages, so a manifest that is there is complete.
//   - Coordinator: the rules. It does no I/O and knows no clock: whoever drives it
//     tells the time, carries out the batch and says how that went.
//
// Its invariants:
//
//   - The three newest manifests of a query are kept, in three places that are
//     used in turn; a page goes when none of them names it.
//   - state_at <= results_to: what a view shows on disk is never behind the state
//     of its query. So a query begins at its checkpoint and computes in silence
//     what the view shows already.
//   - A checkpoint that is damaged, or of another plan, counts as none. The one
//     before is used, and where there is none, the log.
//   - What could not be written is written with the next epoch: an operator says
//     once that a page changed.
//
// It knows nothing of operators, plans, views or files.
package checkpoint
