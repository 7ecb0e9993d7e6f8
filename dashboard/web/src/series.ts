// From rows to lines: which columns are drawn, and the points of each line, kept
// in the order of time and changed with the rows, not made anew.

import type { Column, Schema, Value } from "./protocol";
import type { Relation, Row } from "./relation";

/** As many lines as one chart shows. */
export const seriesMax = 12;

export interface Shape {
  x: number;      // the time column
  ys: number[];   // numeric columns that can be drawn
  split: number[]; // text columns whose values make the lines
}

/** What of the result can be drawn; undefined: only a table makes sense. */
export function shapeOf(schema: Schema): Shape | undefined {
  const names = schema.cols.map((c) => c.n);
  const key = new Set(schema.key ?? []);
  const x = schema.time === null ? -1 : names.indexOf(schema.time);
  if (x < 0 || schema.cols[x]!.role !== "time") return undefined;
  const all = schema.cols.map((_, i) => i);
  const numeric = all.filter((i) => schema.cols[i]!.role === "number");
  const free = numeric.filter((i) => !key.has(names[i]!));
  const ys = free.length > 0 ? free : numeric;
  if (ys.length === 0) return undefined;
  const labels = all.filter((i) => i !== x && isLabel(schema.cols[i]!));
  const inKey = all.filter((i) => i !== x && key.has(names[i]!) && !ys.includes(i) && schema.cols[i]!.role !== "time");
  return { x, ys, split: inKey.length > 0 ? inKey : schema.append || key.size === 0 ? labels.slice(0, 1) : [] };
}

function isLabel(c: Column): boolean {
  return c.type.startsWith("varchar") || c.type === "boolean";
}

/** One line; its points are those from index `from` on, sorted by xs. */
export interface Line {
  name: string;
  xs: number[];
  vs: number[];
  from: number;
  dropped: number; // points that were in front of the first
  stamp: number;   // grows with every change but a point added behind or dropped in front
  last: number | null;
  min: number | null;
  max: number | null;
}

export interface Drawing {
  lines: Line[];
  points: number;
  omitted: number; // lines beyond seriesMax
  newest: number;  // the greatest time of all rows; -Infinity without any
}

/** The index of the first of the sorted xs that is not below x. */
export function lowerBound(xs: number[], x: number): number {
  let lo = 0;
  let hi = xs.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (xs[mid]! < x) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}

/** What the lines are made of. */
export interface Recipe {
  shape: Shape;
  ys: { col: number; name: string }[]; // several only where nothing splits
}

/** Stands for all columns of a result in the place of one. */
export const allColumns = -2;

/** Whether the columns of a result make sense in one picture: few, of one type, and nothing else splits it. */
export function together(schema: Schema, shape: Shape): boolean {
  const types = new Set(shape.ys.map((i) => schema.cols[i]!.type));
  return shape.split.length === 0 && shape.ys.length > 1 && shape.ys.length <= 4 && types.size === 1;
}

/** Keeps the lines of one relation, and its choice of them, so that colours stay while data moves. */
export class Drawer {
  private lines = new Map<string, Line>();
  private chosen: string[] = [];
  private relation: Relation | undefined;
  private y = "";
  private at = 0; // how much of the relation's changes is in the lines

  /**
   * Takes in what has changed, or all rows where that is not known. rows are
   * those to show if it is not what the relation has now.
   */
  draw(rel: Relation, rows: Row[] | undefined, r: Recipe, ms: number): Drawing {
    const y = r.ys.map((c) => c.name).join("\n");
    const changes = rows || rel !== this.relation || y !== this.y ? undefined : rel.since(this.at);
    if (changes) {
      for (const c of changes) this.change(c.row, c.gone, r);
    } else {
      this.lines.clear();
      for (const row of rows ?? rel.rows()) this.change(row, false, r);
    }
    this.relation = rows ? undefined : rel;
    this.y = y;
    this.at = rel.changes;
    this.choose();
    let newest = -Infinity;
    for (const l of this.lines.values()) newest = Math.max(newest, l.xs.at(-1)!);
    const lines = this.chosen.map((name) => this.lines.get(name)!);
    let points = 0;
    for (const l of lines) {
      measure(l, ms === 0 ? -Infinity : newest - ms);
      points += l.xs.length - l.from;
    }
    return { lines, points, omitted: this.lines.size - lines.length, newest };
  }

  private change(row: Row, gone: boolean, r: Recipe): void {
    const split = r.shape.split;
    for (const y of r.ys) {
      const x = row[r.shape.x];
      const v = toNumber(row[y.col] ?? null);
      if (typeof x === "number" && v !== null) this.point(split.length === 0 ? y.name : labelOf(row, split), x, v, gone);
    }
  }

  private point(name: string, x: number, v: number, gone: boolean): void {
    let l = this.lines.get(name);
    if (!l) {
      if (gone) return;
      this.lines.set(name, (l = { name, xs: [], vs: [], from: 0, dropped: 0, stamp: 0, last: null, min: null, max: null }));
    }
    const { xs, vs } = l;
    if (!gone && (xs.length === 0 || xs[xs.length - 1]! < x)) {
      xs.push(x);
      vs.push(v);
      return;
    }
    const i = lowerBound(xs, x);
    if (gone && i === 0 && xs[0] === x && vs[0] === v) l.dropped++;
    else l.stamp++;
    if (xs[i] === x) {
      if (!gone) vs[i] = v;
      else if (vs[i] === v) {
        xs.splice(i, 1);
        vs.splice(i, 1);
        if (xs.length === 0) this.lines.delete(name);
      }
    } else if (!gone) {
      xs.splice(i, 0, x);
      vs.splice(i, 0, v);
    }
  }

  /** Fills free places with the lines that weigh most. */
  private choose(): void {
    this.chosen = this.chosen.filter((name) => this.lines.has(name));
    if (this.chosen.length >= Math.min(seriesMax, this.lines.size)) return;
    const weight = (l: Line) => l.vs.reduce((sum, v) => sum + Math.abs(v), 0);
    const rest = [...this.lines.values()]
      .filter((l) => !this.chosen.includes(l.name))
      .map((l) => ({ name: l.name, weight: weight(l) }))
      .sort((a, b) => b.weight - a.weight)
      .slice(0, seriesMax - this.chosen.length)
      .map((l) => l.name)
      .sort();
    this.chosen.push(...rest);
  }
}

function labelOf(row: Row, split: number[]): string {
  return split.length === 1 ? String(row[split[0]!] ?? "NULL") : split.map((i) => String(row[i] ?? "NULL")).join(" · ");
}

/** Finds out what a line shows behind a time. */
function measure(l: Line, after: number): void {
  l.from = after === -Infinity ? 0 : lowerBound(l.xs, after + 0.0005); // behind it: times have microseconds
  l.last = l.min = l.max = null;
  const n = l.vs.length;
  if (l.from >= n) return;
  let min = Infinity;
  let max = -Infinity;
  for (let i = l.from; i < n; i++) {
    const v = l.vs[i]!;
    if (v < min) min = v;
    if (v > max) max = v;
  }
  l.min = min;
  l.max = max;
  l.last = l.vs[n - 1]!;
}

/** A value as a number that can be drawn. */
export function toNumber(v: Value): number | null {
  if (typeof v === "number") return v;
  if (typeof v !== "string") return null;
  const n = Number(v); // a DECIMAL, or a BIGINT beyond what a number holds
  return Number.isFinite(n) ? n : null;
}
