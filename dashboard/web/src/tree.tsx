// What the server has, as a tree with rates: streams, views, the queries that
// run, sinks.

import { signal } from "@preact/signals";
import { history, historyKey, queries, sinks, streams, views } from "./server";
import { name as quoted } from "./sql";
import { oneLine, rate, short } from "./format";

interface Item {
  name: string;
  label: string;
  rate: number | undefined;
  unit: string;
  points: number[] | undefined;
  use: string;      // what a click puts into the box
  describe: string | undefined;
}

interface Acts {
  use: (sql: string) => void;
  describe: (sql: string) => void;
}

const storageKey = "weir.tree";
export const treeShown = signal(remembered());
const folded = signal<ReadonlySet<string>>(new Set());
/** The one row that Tab reaches. */
const current = signal("Streams");

function remembered(): boolean {
  try {
    return localStorage.getItem(storageKey) !== "off" && innerWidth > 900;
  } catch {
    return innerWidth > 900;
  }
}

export function toggleTree(): void {
  treeShown.value = !treeShown.value;
  try {
    if (treeShown.value) localStorage.removeItem(storageKey);
    else localStorage.setItem(storageKey, "off");
  } catch {
    // it lasts until the page is left
  }
}

/** A name, in quotes only where SQL needs them. */
function written(n: string): string {
  return /^[\p{L}_][\p{L}\p{N}_]*$/u.test(n) ? n : quoted(n);
}

/** What one wants to see of a raw stream: its bytes are JSON as a rule, and would be shown in base64. */
const rawColumns = "CAST(data AS VARCHAR) AS text, partition_key, shard_id, approximate_arrival_time";

function groups(): { title: string; items: Item[] }[] {
  const past = (kind: string, name: string) => history.get(historyKey(kind, name));
  const relation = (n: string, kind: string, rate: number | undefined, columns = "*"): Item => ({
    name: n, label: n, rate, unit: "rows/s", points: past(kind, n), use: `SELECT ${columns} FROM ${written(n)}`, describe: `DESCRIBE ${written(n)}`,
  });
  const out = (name: string) => queries.value.find((q) => q.kind === "view" && q.name === name)?.rate_out;
  return [
    { title: "Streams", items: (streams.value ?? []).map((s) => relation(s.name, "stream", s.rate, s.format === "raw" ? rawColumns : "*")) },
    { title: "Views", items: views.value.map((v) => relation(v.name, "view", out(v.name))) },
    { title: "Queries", items: queries.value.filter((q) => q.kind === "live" || q.kind === "statement").map((q) => ({
      name: q.name, label: oneLine(q.sql), rate: q.ledger ? q.rate_out : undefined, unit: `rows/s out, ${short(q.rate)} in`, points: past(q.kind, q.name), use: q.sql, describe: undefined,
    })) },
    { title: "Sinks", items: sinks.value.map((s) => ({
      name: s.name, label: s.name, rate: s.rate, unit: "rows/s", points: past("sink", s.name), use: "SHOW SINKS", describe: undefined,
    })) },
  ].filter((g) => g.items.length > 0 || g.title !== "Sinks");
}

export function Tree({ use, describe }: Acts) {
  if (!streams.value || !treeShown.value) return null;
  const all = groups();
  return (
    <nav class="tree" aria-label="What the server has">
      <ul role="tree" data-testid="tree" onKeyDown={(e) => { if (move(e.key, e.currentTarget, describe)) e.preventDefault(); }}>
        {all.map((g) => {
          const open = !folded.value.has(g.title);
          return (
            <li key={g.title} role="none">
              <div role="treeitem" class="group" aria-expanded={open} tabIndex={current.value === g.title ? 0 : -1} data-key={g.title}
                onFocus={() => { current.value = g.title; }} onClick={() => fold(g.title, open)}>
                <i aria-hidden="true">{open ? "▾" : "▸"}</i>{g.title}<span class="note">{g.items.length}</span>
              </div>
              {open && <ul role="group">{g.items.map((i) => <Leaf key={i.name} id={`${g.title} ${i.name}`} i={i} use={use} describe={describe} />)}</ul>}
            </li>
          );
        })}
      </ul>
    </nav>
  );
}

function Leaf({ id, i, use, describe }: { id: string; i: Item } & Acts) {
  const d = i.describe;
  return (
    <li role="none">
      <div role="treeitem" data-testid="leaf" data-name={i.name} data-key={id} data-describe={d} tabIndex={current.value === id ? 0 : -1}
        title={i.use} onFocus={() => { current.value = id; }} onClick={() => use(i.use)}>
        <span class="label">{i.label}</span>
        <Spark points={i.points} />
        {i.rate !== undefined && <span class="rate" data-testid="rate" title={i.unit}>{rate(i.rate)}</span>}
        {d && <button type="button" class="quiet" tabIndex={-1} title={`${d} (d)`} aria-label={d} onClick={(e) => { e.stopPropagation(); describe(d); }}>i</button>}
      </div>
    </li>
  );
}

function Spark({ points }: { points: number[] | undefined }) {
  if (!points || points.length < 2) return null;
  const top = Math.max(1e-9, ...points);
  const path = points.map((v, i) => `${((i / (points.length - 1)) * 40).toFixed(1)},${(13 - (v / top) * 12).toFixed(1)}`).join(" ");
  return <svg class="spark" viewBox="0 0 40 14" aria-hidden="true"><polyline points={path} /></svg>;
}

function fold(title: string, on: boolean): void {
  const next = new Set(folded.value);
  if (on) next.add(title);
  else next.delete(title);
  folded.value = next;
}

/** The keys of a tree; false: it means nothing here. */
function move(key: string, tree: HTMLElement, describe: (sql: string) => void): boolean {
  const rows = [...tree.querySelectorAll<HTMLElement>("[role=treeitem]")];
  const at = rows.indexOf(document.activeElement as HTMLElement);
  const row = rows[at];
  if (!row) return false;
  const group = row.getAttribute("aria-expanded");
  const to = (r: HTMLElement | undefined) => r?.focus() ?? undefined;
  switch (key) {
    case "ArrowDown": to(rows[at + 1]); return true;
    case "ArrowUp": to(rows[at - 1]); return true;
    case "Home": to(rows[0]); return true;
    case "End": to(rows.at(-1)); return true;
    case "ArrowRight":
      if (group === "false") fold(row.dataset.key!, false);
      else if (group === "true") to(rows[at + 1]);
      return true;
    case "ArrowLeft":
      if (group === "true") fold(row.dataset.key!, true);
      else to(rows.slice(0, at).findLast((r) => r.hasAttribute("aria-expanded")));
      return true;
    case "Enter": case " ": row.click(); return true;
    case "d":
      if (row.dataset.describe) describe(row.dataset.describe);
      return row.dataset.describe !== undefined;
  }
  return false;
}
