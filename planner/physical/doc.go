// Package physical is the plan that the engine runs: data and nothing else.
//
// A Plan is a tree of Nodes over typed expressions. It is what CREATE stores
// and what a restart runs, so it has a version, holds no pointer into the SQL
// text and needs no catalog to be understood.
//
// The part of the tree below Exchange runs once per shard (a lane); the part
// above runs once per query. A plan without Exchange is all lane.
package physical
