// From rows to lines: which columns are drawn, and the aligned arrays that the
// chart takes.

import type { Column, Schema, Value } from "./protocol";
import type { Row } from "./relation";

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

export interface Line {
  name: string;
  values: (number | null)[];
  last: number | null;
  min: number | null;
  max: number | null;
}

export interface Drawing {
  xs: number[];
  lines: Line[];
  points: number;
  omitted: number; // lines beyond seriesMax
}

/** Keeps its choice of lines, so that colours stay while data moves. */
export class Drawer {
  private chosen: string[] = [];

  draw(rows: Row[], shape: Shape, y: number, yName: string): Drawing {
    const groups = new Map<string, Map<number, number>>();
    const xs = new Set<number>();
    for (const row of rows) {
      const x = row[shape.x];
      const v = toNumber(row[y] ?? null);
      if (typeof x !== "number" || v === null) continue;
      const name = shape.split.length > 0 ? shape.split.map((i) => String(row[i] ?? "NULL")).join(" · ") : yName;
      let group = groups.get(name);
      if (!group) groups.set(name, (group = new Map()));
      group.set(x, v);
      xs.add(x);
    }
    this.choose(groups);
    const sorted = [...xs].sort((a, b) => a - b);
    const lines = this.chosen.map((name) => line(name, groups.get(name)!, sorted));
    const points = lines.reduce((n, l) => n + groups.get(l.name)!.size, 0);
    return { xs: sorted, lines, points, omitted: groups.size - lines.length };
  }

  /** Fills free places with the lines that weigh most. */
  private choose(groups: Map<string, Map<number, number>>): void {
    this.chosen = this.chosen.filter((name) => groups.has(name));
    if (this.chosen.length >= Math.min(seriesMax, groups.size)) return;
    const weight = (name: string) => {
      let sum = 0;
      for (const v of groups.get(name)!.values()) sum += Math.abs(v);
      return sum;
    };
    const rest = [...groups.keys()]
      .filter((name) => !this.chosen.includes(name))
      .map((name) => ({ name, weight: weight(name) }))
      .sort((a, b) => b.weight - a.weight)
      .slice(0, seriesMax - this.chosen.length)
      .map((r) => r.name)
      .sort();
    this.chosen.push(...rest);
  }
}

/** A value as a number that can be drawn. */
export function toNumber(v: Value): number | null {
  if (typeof v === "number") return v;
  if (typeof v !== "string") return null;
  const n = Number(v); // a DECIMAL, or a BIGINT beyond what a number holds
  return Number.isFinite(n) ? n : null;
}

function line(name: string, group: Map<number, number>, xs: number[]): Line {
  const l: Line = { name, values: [], last: null, min: null, max: null };
  for (const x of xs) {
    const v = group.get(x) ?? null;
    l.values.push(v);
    if (v === null) continue;
    l.last = v;
    if (l.min === null || v < l.min) l.min = v;
    if (l.max === null || v > l.max) l.max = v;
  }
  return l;
}
