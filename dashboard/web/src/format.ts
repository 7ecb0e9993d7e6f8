// How values look. Times are UTC, as in SQL.

import { endOfTime, type Column, type Value } from "./protocol";

const digits = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const small = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** A number for a legend: a few digits that can be compared at a glance. */
export function short(n: number | null | undefined): string {
  if (n === null || n === undefined || Number.isNaN(n)) return "–";
  const abs = Math.abs(n);
  if (abs >= 1e7) return compact.format(n);
  return abs !== 0 && abs < 1 ? small.format(n) : digits.format(n);
}

/** So many a second: no more digits than hold still. */
export function rate(n: number): string {
  return `${short(n < 1 ? Number(n.toPrecision(1)) : n < 10 ? Math.round(n * 10) / 10 : Math.round(n))}/s`;
}

/** A number for an axis. */
export function tick(n: number): string {
  const abs = Math.abs(n);
  if (abs >= 10_000) return compact.format(n);
  return abs !== 0 && abs < 1 ? small.format(n) : digits.format(n);
}

/** A count. */
export function count(n: number): string {
  return n.toLocaleString("en");
}

export function plural(n: number, one: string): string {
  return `${count(n)} ${one}${n === 1 ? "" : "s"}`;
}

/** An instant as SQL prints it, with so many digits behind the second. */
export function datetime(ms: number, precision = 0): string {
  const d = new Date(ms);
  if (Number.isNaN(d.getTime())) return String(ms);
  const text = d.toISOString().replace("T", " ").replace("Z", "");
  const micros = Math.round((ms - Math.floor(ms)) * 1000).toString().padStart(3, "0");
  const [whole, frac = ""] = (text + micros).split(".");
  return precision === 0 ? whole! : `${whole}.${frac.slice(0, precision)}`;
}

/** A length of time in words. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${Math.round(ms / 100) / 10} s`;
  const s = Math.round(ms / 1000);
  if (s < 3600) return `${Math.floor(s / 60)} m ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} m`;
}

/** The watermark in words. */
export function watermark(ms: number): string {
  return ms >= endOfTime ? "the end of the stream" : `${datetime(ms)} UTC`;
}

/** A value for a table. */
export function cell(v: Value, c: Column): string {
  if (v === null) return "NULL";
  if (c.role === "time" && typeof v === "number") {
    const precision = /\((\d)\)/.exec(c.type)?.[1];
    const text = datetime(v, Number(precision ?? 0));
    return c.type === "date" ? text.slice(0, 10) : text;
  }
  return String(v);
}

/** A statement on one line. */
export function oneLine(sql: string): string {
  return sql.replace(/\s+/g, " ").trim();
}
