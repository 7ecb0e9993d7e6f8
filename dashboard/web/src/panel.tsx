// A panel: one statement, its chart or table, and how it is doing.

import { signal, useComputed, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { count, oneLine, plural, watermark } from "./format";
import type { Query } from "./query";
import { rowsMax } from "./relation";
import { shapeOf } from "./series";
import { newestFirst, Table } from "./table";

const tableEveryMs = 250;

/** The charts are half of the page's code: they come while the server is being asked. */
const charts = signal<typeof import("./chart") | undefined>(undefined);
void import("./chart").then((c) => { charts.value = c; });

interface Actions {
  edit: (sql: string) => void;
  close?: () => void;
  keep?: () => void;
}

export function Panel({ q, edit, close, keep }: { q: Query } & Actions) {
  const asTable = useSignal(false);
  const picked = useSignal(-1);
  // The schema is there before the first version, and never changes its columns.
  const state = q.state.value;
  const schema = state === "starting" ? undefined : q.relation?.schema;
  const shape = schema && shapeOf(schema);
  const y = shape ? (shape.ys.includes(picked.value) ? picked.value : shape.ys[0]!) : -1;
  const empty = useComputed(() => q.version.value >= 0 && (q.relation?.size ?? 0) === 0);
  const Chart = charts.value?.Chart;
  const title = q.title || oneLine(q.sql);

  return (
    <section class="panel" data-testid="panel" data-state={state} aria-label={title}>
      <header>
        <h2 title={title}>{title}</h2>
        <Chip state={state} empty={empty.value} />
        <span class="spring" />
        {shape && shape.ys.length > 1 && !asTable.value && (
          <select aria-label="Column to draw" value={String(y)}
            onChange={(e) => { picked.value = Number(e.currentTarget.value); }}>
            {shape.ys.map((i) => <option key={i} value={String(i)}>{schema!.cols[i]!.n}</option>)}
          </select>
        )}
        {shape && (
          <button type="button" class="quiet" data-testid="toggle" aria-pressed={asTable.value}
            onClick={() => { asTable.value = !asTable.value; }}>
            {asTable.value ? "Chart" : "Table"}
          </button>
        )}
        <button type="button" class="quiet" onClick={() => edit(q.sql)} title="Put the statement into the box">Edit</button>
        {keep && <button type="button" class="quiet" onClick={keep} title="Keep this panel when the next query runs">Keep</button>}
        {close && <button type="button" class="quiet" onClick={close} aria-label={`Close ${title}`}>✕</button>}
      </header>
      {q.title !== "" && <p class="statement" title={q.sql}>{oneLine(q.sql)}</p>}
      <div class="body">
        <Body q={q} empty={empty.value}>
          {shape && !asTable.value ? Chart && <Chart q={q} shape={shape} y={y} />
            : schema ? <LiveTable q={q} title={title} /> : null}
        </Body>
      </div>
      <Footer q={q} />
    </section>
  );
}

function Body({ q, empty, children }: { q: Query; empty: boolean; children: ComponentChildren }) {
  const failure = q.failure.value;
  if (failure) {
    return (
      <div class="message bad" role="alert">
        <p><b>{failure.code}</b>{` ${failure.message}`}</p>
        {failure.hint && <p class="hint">{failure.hint}</p>}
      </div>
    );
  }
  if (q.state.value === "starting") return <div class="message"><p>Asking the server …</p></div>;
  if (empty) return <div class="message"><p>{waiting(q)}</p></div>;
  return <>{children}</>;
}

/** Why there is nothing to see yet. */
function waiting(q: Query): string {
  if (q.state.value === "done") return "The query is done and has no rows.";
  const wm = q.watermark.value;
  const windowed = q.relation?.schema.cols.some((c) => /^window_(start|end|time)$/i.test(c.n)) ?? false;
  if (wm === null) return "Nothing has come in yet: waiting for the first row.";
  if (!windowed) return `No rows yet. The watermark is at ${watermark(wm)}.`;
  return `No window has closed yet: the watermark is at ${watermark(wm)}; a window closes when it passes the window's end.`;
}

function Chip({ state, empty }: { state: string; empty: boolean }) {
  const [cls, text] =
    state === "running" ? (empty ? ["wait", "waiting"] : ["live", "live"])
    : state === "done" ? ["done", "done"]
    : state === "failed" ? ["bad", "error"]
    : state === "lost" ? ["wait", "reconnecting"]
    : ["wait", "starting"];
  return <span class={`chip ${cls}`}><i aria-hidden="true" />{text}</span>;
}

function Footer({ q }: { q: Query }) {
  void q.version.value; // the counts follow the rows
  const rel = q.relation;
  const wm = q.watermark.value;
  const parts: string[] = [];
  if (rel && rel.size > 0) parts.push(plural(rel.size, "row"));
  if (rel && rel.forgotten > 0) parts.push(`the oldest ${count(rel.forgotten)} dropped, the page keeps ${count(rowsMax)}`);
  if (rel && rel.skipped > 0) parts.push(`${count(rel.skipped)} skipped to keep up`);
  return (
    <footer>
      <span>{parts.join(" · ")}</span>
      {wm !== null && q.state.value !== "done" && <span title="Event time: no row below it is still expected">{`watermark ${watermark(wm)}`}</span>}
    </footer>
  );
}

/** A table that follows the rows a few times a second. */
function LiveTable({ q, title }: { q: Query; title: string }) {
  const [, tick] = useState(0);
  useEffect(() => {
    let timer = 0;
    const stop = q.version.subscribe(() => {
      if (timer !== 0) return;
      timer = window.setTimeout(() => { timer = 0; tick((n) => n + 1); }, tableEveryMs);
    });
    return () => { clearTimeout(timer); stop(); };
  }, [q]);
  const rel = q.relation;
  if (!rel) return null;
  const time = rel.schema.time === null ? -1 : rel.schema.cols.findIndex((c) => c.n === rel.schema.time);
  return <Table cols={rel.schema.cols} rows={newestFirst(rel.rows(), time)} caption={title} />;
}
