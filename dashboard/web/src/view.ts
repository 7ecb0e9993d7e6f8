// How a result is looked at: which figure draws it, how much time it spans, how
// its table is sorted, and the link that says all of it.

import { signal } from "@preact/signals";
import type { Column, Schema, Value } from "./protocol";
import type { Row } from "./relation";
import { endOfTime } from "./protocol";
import type { Query } from "./query";
import { shapeOf, toNumber } from "./series";
import { views } from "./server";
import { windowOf } from "./sql";

export type Kind = "line" | "bars" | "number" | "table";

export interface Sort {
  col: number;
  down: boolean;
}

/** The windows of time that can be chosen, in milliseconds; 0 is all there is. */
export const spans: readonly { ms: number; name: string }[] = [
  { ms: 60_000, name: "1 m" },
  { ms: 300_000, name: "5 m" },
  { ms: 900_000, name: "15 m" },
  { ms: 0, name: "all" },
];

/** The window that all panels show. */
export const span = signal(0);

/** What a panel's reader has chosen; undefined: what fits the result. */
export class View {
  readonly kind = signal<Kind | undefined>(undefined);
  /** What was drawn before the reader asked for the table. */
  before: Kind | undefined;
  readonly column = signal<number | undefined>(undefined);
  readonly sort = signal<Sort | undefined>(undefined);
}

/** What of a result can be drawn without time. */
export interface Parts {
  numbers: number[];
  labels: number[]; // what a bar is called
}

export function partsOf(schema: Schema): Parts {
  const key = new Set(schema.key ?? []);
  const all = schema.cols.map((_, i) => i);
  const role = (i: number) => schema.cols[i]!.role;
  const free = all.filter((i) => role(i) === "number" && !key.has(schema.cols[i]!.n));
  const keyed = all.filter((i) => key.has(schema.cols[i]!.n) && role(i) !== "time");
  const texts = all.filter((i) => role(i) === undefined && schema.cols[i]!.type.startsWith("varchar"));
  const labels = keyed.length > 0 ? keyed : texts.slice(0, 1);
  return { numbers: free.filter((i) => !labels.includes(i)), labels };
}

/** The figures that make sense for a result, the one that fits best first. */
export function kindsOf(schema: Schema, rows: number): Kind[] {
  const parts = partsOf(schema);
  const kinds: Kind[] = [];
  const line = shapeOf(schema) !== undefined;
  if (line) kinds.push("line");
  const timeless = !schema.cols.some((c) => c.role === "time");
  const one = timeless && rows <= 1 && parts.numbers.length === 1;
  if (one) kinds.push("number");
  if (parts.labels.length > 0 && parts.numbers.length > 0 && (line || timeless)) kinds.push("bars");
  if (line) kinds.push("number");
  kinds.push("table");
  return kinds;
}

/** A number that stands for rows with the same label. */
export interface Bar {
  name: string;
  value: number;
}

/** The newest value of each label, largest first; where there is a time, of the newest time alone. */
export function barsOf(rows: Row[], labels: number[], y: number, time: number): Bar[] {
  const newest = time < 0 ? undefined : newestTime(rows, time);
  const out = new Map<string, number>();
  for (const row of rows) {
    const v = toNumber(row[y] ?? null);
    if (v === null || (newest !== undefined && row[time] !== newest)) continue;
    out.set(labels.map((i) => String(row[i] ?? "NULL")).join(" · "), v);
  }
  return [...out].map(([name, value]) => ({ name, value })).sort((a, b) => b.value - a.value || (a.name < b.name ? -1 : 1));
}

function newestTime(rows: Row[], time: number): number {
  let newest = -Infinity;
  for (const row of rows) {
    const t = row[time];
    if (typeof t === "number" && t > newest) newest = t;
  }
  return newest;
}

/** The size of a query's windows in milliseconds, if it or the view that it reads says so. */
function sizeOf(q: Query): number | undefined {
  const own = windowOf(q.sql);
  if (own) return own.size;
  const from = /\bfrom\s+`?([\p{L}\p{N}_$]+)/iu.exec(q.sql)?.[1]?.toLowerCase();
  const view = views.peek().find((v) => v.name.toLowerCase() === from);
  return view && windowOf(view.sql)?.size;
}

/**
 * The largest value of a column of windows that is final at a watermark: rows
 * behind it are of windows that are still open. null: all are final, or nobody
 * can tell.
 */
export function finalTo(q: Query, col: number, wm: number | null): number | null {
  const name = q.relation?.schema.cols[col]?.n.toLowerCase();
  if (q.state.peek() === "done" || (wm !== null && wm >= endOfTime)) return null;
  if (name === "window_end") return wm ?? -Infinity;
  const size = name === "window_start" ? sizeOf(q) : undefined;
  return size === undefined ? null : (wm ?? -Infinity) - size;
}

/** Tells which rows are of windows that are still open; undefined: none is. */
export function provisional(q: Query): ((r: Row) => boolean) | undefined {
  const names = q.relation?.schema.cols.map((c) => c.n.toLowerCase()) ?? [];
  for (const col of [names.indexOf("window_end"), names.indexOf("window_start")]) {
    const final = col < 0 ? null : finalTo(q, col, q.watermark.peek());
    if (final !== null) return (r) => typeof r[col] === "number" && (r[col] as number) > final;
  }
  return undefined;
}

/** The rows of the last so many milliseconds of event time. */
export function recent(rows: Row[], time: number, ms: number): Row[] {
  if (ms === 0 || time < 0) return rows;
  const from = newestTime(rows, time) - ms;
  return rows.filter((r) => typeof r[time] !== "number" || (r[time] as number) > from);
}

/** The rows in the order of a column; NULLs come last, equal rows keep their order. */
export function sorted(rows: Row[], cols: Column[], sort: Sort): Row[] {
  const numeric = /^(bigint|double|decimal|int|float)/.test(cols[sort.col]?.type ?? "") || cols[sort.col]?.role !== undefined;
  const sign = sort.down ? -1 : 1;
  const value = (r: Row): Value => r[sort.col] ?? null;
  const compare = (a: Value, b: Value): number => {
    if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
    if (numeric) return sign * ((toNumber(a) ?? 0) - (toNumber(b) ?? 0));
    return sign * (String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0);
  };
  return [...rows].sort((a, b) => compare(value(a), value(b)));
}

/** Where a query may begin, as the box offers it. */
export const starts: readonly { value: string; name: string }[] = [
  { value: "-15m", name: "the last 15 minutes" },
  { value: "-1h", name: "the last hour" },
  { value: "earliest", name: "the beginning" },
  { value: "latest", name: "now on" },
];

/** What a link says. */
export interface Link {
  sql: string;
  start?: string | undefined;
  kind?: Kind | undefined;
  span?: number | undefined;
}

const kinds: readonly string[] = ["line", "bars", "number", "table"];

/** A figure by its name; undefined: the one that fits. */
export function kindNamed(name: string | null | undefined): Kind | undefined {
  return kinds.find((k) => k === name) as Kind | undefined;
}

/** Reads the part of an address behind #; what it does not know it leaves out. */
export function readLink(hash: string): Link {
  const p = new URLSearchParams(hash.replace(/^#/, ""));
  const start = p.get("from");
  const name = p.get("w");
  return {
    sql: p.get("q") ?? "",
    start: starts.find((s) => s.value === start)?.value,
    kind: kindNamed(p.get("view")),
    span: spans.find((s) => s.name.replace(" ", "") === name)?.ms,
  };
}

export function writeLink(l: Link): string {
  const p = new URLSearchParams({ q: l.sql });
  if (l.start) p.set("from", l.start);
  if (l.kind) p.set("view", l.kind);
  const chosen = spans.find((s) => s.ms === l.span);
  if (chosen) p.set("w", chosen.name.replace(" ", ""));
  return `#${p}`;
}

/** The whole address of a link. */
export function address(l: Link): string {
  return location.origin + location.pathname + writeLink(l);
}
