// Rows as a table: every chart has this twin.

import { cell, count } from "./format";
import type { Column } from "./protocol";
import type { Row } from "./relation";

/** As many rows as are put on the page. */
const shownMax = 500;

export function Table({ cols, rows, caption }: { cols: Column[]; rows: Row[]; caption: string }) {
  const shown = rows.length > shownMax ? rows.slice(0, shownMax) : rows;
  return (
    <div class="rows" data-testid="table" data-rows={rows.length} tabIndex={0} role="region" aria-label={caption}>
      <table>
        <thead>
          <tr>
            {cols.map((c) => (
              <th key={c.n} scope="col" class={c.role === "number" ? "num" : ""} title={c.type}>{c.n}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((r, i) => (
            <tr key={i}>
              {cols.map((c, j) => (
                <td key={j} class={(c.role === "number" ? "num" : "") + (r[j] === null ? " null" : "")}>
                  {cell(r[j] ?? null, c)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length < rows.length && <p class="note">{`The newest ${count(shown.length)} of ${count(rows.length)} rows.`}</p>}
    </div>
  );
}

/** The rows, newest first: by the time column if there is one, else as they came. */
export function newestFirst(rows: Row[], time: number): Row[] {
  const out = rows.map((r, i) => ({ r, i }));
  const at = (r: Row) => (typeof r[time] === "number" ? (r[time] as number) : -Infinity);
  out.sort((a, b) => (time >= 0 ? at(b.r) - at(a.r) : 0) || (time >= 0 ? a.i - b.i : b.i - a.i));
  return out.map((o) => o.r);
}
