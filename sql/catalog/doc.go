// Package catalog is what exists by name: streams and views.
//
//   - A Stream is what CREATE STREAM made: columns, watermark and options, checked.
//   - A View is a named query; a materialized one has a query running.
//   - The Catalog holds them in one namespace, gives them numbers that are never
//     used twice, and knows which view reads what.
//
// Names are compared with regard to case. What the catalog hands out is shared
// and must not be written to.
//
// It stores nothing and plans nothing: whoever owns it writes DDL to disk and
// adds the objects again, with their numbers, after a restart.
package catalog
