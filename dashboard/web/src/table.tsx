// Rows as a table: every chart has this twin.

import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { cell, count } from "./format";
import { askText, forget } from "./frames";
import type { Column } from "./protocol";
import type { Query } from "./query";
import type { Row } from "./relation";
import { recent, type Sort, sorted, span } from "./view";

/** As many rows as are put on the page. */
const shownMax = 500;

interface Props {
  cols: Column[];
  rows: Row[]; // newest first
  caption: string;
  sort?: Signal<Sort | undefined>; // kept by whoever outlives the table
  open?: ((r: Row) => boolean) | undefined; // rows that are not final
}

export function Table({ cols, rows, caption, sort, open }: Props) {
  const own = useSignal<Sort | undefined>(undefined);
  const by = sort ?? own;
  const order = by.value;
  const all = order ? sorted(rows, cols, order) : rows;
  const shown = all.length > shownMax ? all.slice(0, shownMax) : all;
  return (
    <div class="rows" data-testid="table" data-rows={rows.length} tabIndex={0} role="region" aria-label={caption}>
      <table>
        <thead>
          <tr>
            {cols.map((c, i) => (
              <th key={c.n} scope="col" class={c.role === "number" ? "num" : ""} title={c.type}
                aria-sort={order?.col !== i ? "none" : order.down ? "descending" : "ascending"}>
                <button type="button" onClick={() => { by.value = next(order, i); }}>
                  {c.n}<i aria-hidden="true">{order?.col !== i ? "" : order.down ? " ↓" : " ↑"}</i>
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((r, i) => (
            <tr key={i} class={open?.(r) ? "open" : undefined} title={open?.(r) ? "Not final: the window is still open" : undefined}>
              {cols.map((c, j) => (
                <td key={j} class={(c.role === "number" ? "num" : "") + (r[j] === null ? " null" : "")}>
                  {cell(r[j] ?? null, c)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length < rows.length && <p class="note">{`The ${order ? "first" : "newest"} ${count(shown.length)} of ${count(rows.length)} rows.`}</p>}
    </div>
  );
}

/** A column's button: largest first, then smallest first, then as they came. */
function next(order: Sort | undefined, col: number): Sort | undefined {
  if (order?.col !== col) return { col, down: true };
  return order.down ? { col, down: false } : undefined;
}

/** Renders again a few times a second while the query moves. */
export function useTicks(q: Query): void {
  const [, tick] = useState(0);
  useEffect(() => {
    const write = () => tick((n) => n + 1);
    const stops = [q.version, q.watermark].map((s) => s.subscribe(() => askText(write)));
    return () => { forget(write); for (const stop of stops) stop(); };
  }, [q]);
}

/** The rows of a query that are to be shown, followed a few times a second. */
export function useRows(q: Query): Row[] {
  useTicks(q);
  const schema = q.relation?.schema;
  return schema ? recent(q.rows(), schema.cols.findIndex((c) => c.n === schema.time), span.value) : [];
}

/** The rows, newest first: by the time column if there is one, else as they came. */
export function newestFirst(rows: Row[], time: number): Row[] {
  const out = rows.map((r, i) => ({ r, i }));
  const at = (r: Row) => (typeof r[time] === "number" ? (r[time] as number) : -Infinity);
  out.sort((a, b) => (time >= 0 ? at(b.r) - at(a.r) : 0) || (time >= 0 ? a.i - b.i : b.i - a.i));
  return out.map((o) => o.r);
}
