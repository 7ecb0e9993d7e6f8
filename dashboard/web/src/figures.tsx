// The figures without an axis of time: bars and the single number.

import { count, datetime, short } from "./format";
import type { Query } from "./query";
import { seriesMax, toNumber } from "./series";
import { useRows } from "./table";
import { barsOf, type Parts, provisional } from "./view";

/** As many bars as one figure shows. */
const barsMax = seriesMax * 2;

export function Bars({ q, parts, y }: { q: Query; parts: Parts; y: number }) {
  const rows = useRows(q);
  const schema = q.relation!.schema;
  const time = schema.cols.findIndex((c) => c.n === schema.time);
  const bars = barsOf(rows, parts.labels, y, time);
  const shown = bars.slice(0, barsMax);
  const top = Math.max(0, ...shown.map((b) => b.value));
  const bottom = Math.min(0, ...shown.map((b) => b.value));
  const reach = top - bottom || 1;
  const open = time >= 0 ? provisional(q) : undefined;
  const newest = open && rows.reduce((a, r) => ((r[time] ?? 0) as number) > ((a[time] ?? 0) as number) ? r : a, rows[0] ?? []);
  const percent = (v: number) => `${(v / reach) * 100}%`;
  return (
    <div class={newest && open!(newest) ? "bars open" : "bars"} data-testid="bars" data-bars={bars.length} role="list" aria-label={schema.cols[y]!.n}>
      {shown.map((b) => (
        <div key={b.name} role="listitem" class="pair">
          <span class="name" title={b.name}>{b.name}</span>
          <span class="track"><i style={{ left: percent(Math.min(b.value, 0) - bottom), width: percent(Math.abs(b.value)) }} /></span>
          <span class="value" title={String(b.value)}>{short(b.value)}</span>
        </div>
      ))}
      {bars.length > shown.length && <p class="note">{`The largest ${count(shown.length)} of ${count(bars.length)}; the table has all.`}</p>}
    </div>
  );
}

export function BigNumber({ q, y }: { q: Query; y: number }) {
  const rows = useRows(q);
  const schema = q.relation!.schema;
  const time = schema.cols.findIndex((c) => c.n === schema.time);
  let newest = rows.at(-1);
  for (const r of rows) if (time >= 0 && (r[time] as number) >= ((newest?.[time] ?? -Infinity) as number)) newest = r;
  const v = newest ? toNumber(newest[y] ?? null) : null;
  const at = newest && time >= 0 && typeof newest[time] === "number" ? `${datetime(newest[time])} UTC` : "";
  const labels = newest ? schema.cols.flatMap((c, i) => (c.type.startsWith("varchar") ? [String(newest![i] ?? "NULL")] : [])) : [];
  return (
    <div class="big" data-testid="number">
      <output title={v === null ? "" : String(v)}>{v === null ? "NULL" : short(v)}</output>
      <p>{schema.cols[y]!.n}</p>
      <p class="note">{[...labels, at, newest && provisional(q)?.(newest) ? "not final" : ""].filter((s) => s !== "").join(" · ")}</p>
    </div>
  );
}
