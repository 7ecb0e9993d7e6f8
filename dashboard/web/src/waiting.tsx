// Why a query has nothing to show: which watermark it waits for, how far that
// is, and what would release it.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { datetime, duration, watermark } from "./format";
import { endOfTime } from "./protocol";
import type { Query } from "./query";
import { queries, queryOf } from "./server";
import { windowOf } from "./sql";

/** A watermark that stands for this long is said to stand. */
const standsMs = 5000;

export function Waiting({ q }: { q: Query }) {
  const now = useSignal(Date.now());
  useEffect(() => {
    const timer = setInterval(() => { now.value = Date.now(); }, 1000);
    return () => clearInterval(timer);
  }, []);
  const wm = q.watermark.value;
  const info = queryOf(q.sql);
  const waits = info?.waiting_for || queries.value.find((x) => x.name === info?.reads)?.waiting_for;
  if (q.state.value === "done") return <p>The query is done and has no rows.</p>;
  if (wm === null) {
    return (
      <>
        <p>{(info?.ledger?.in ?? 0) > 0 ? "Rows have come in, and no window can close yet." : "Nothing has come in yet: waiting for the first row."}</p>
        {waits && waits !== "the first row"
          ? <p class="note" data-testid="waits">{`It waits for ${waits}.`}</p>
          : <p class="note">There is no watermark before every shard of the stream has had a row, or has been idle for its idle_timeout.</p>}
      </>
    );
  }
  const windowed = q.relation?.schema.cols.some((c) => /^window_(start|end|time)$/i.test(c.n)) ?? false;
  const win = windowOf(q.sql);
  if (!windowed && !win) return <p>{`No rows yet. The watermark is at ${watermark(wm)}.`}</p>;
  const stands = Math.max(0, now.value - q.watermarkAt);
  return (
    <>
      <p>{`No window has closed yet: the watermark is at ${watermark(wm)}; a window closes when it passes the window's end.`}</p>
      {win && wm < endOfTime && <Next wm={wm} step={win.step} />}
      {stands >= standsMs && wm < endOfTime && (
        <p class="note" data-testid="stands">
          {`The watermark has stood for ${duration(stands)}. ${waits ? `It waits for ${waits}.` : "Newer rows move it; a shard without any holds it back until its idle_timeout."}`}
        </p>
      )}
    </>
  );
}

function Next({ wm, step }: { wm: number; step: number }) {
  const end = (Math.floor(wm / step) + 1) * step;
  const digits = step % 1000 === 0 ? 0 : 3;
  return (
    <>
      <p data-testid="why">{`The next window ends at ${datetime(end, digits)}: ${duration(end - wm)} of event time to go.`}</p>
      <p class="note">{`A row that is ${duration(end - wm)} newer than the newest so far releases it, if any row fell into that window. Windows that began before the query's own start are held back.`}</p>
    </>
  );
}
