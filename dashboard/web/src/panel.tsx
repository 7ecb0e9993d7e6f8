// A panel: one statement, its chart or table, and how it is doing.

import { useComputed } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { Chart } from "./chart";
import { BigNumber, Bars } from "./figures";
import { count, oneLine, plural, watermark } from "./format";
import { LedgerLine } from "./ledger";
import type { Schema } from "./protocol";
import type { Query } from "./query";
import { rowsMax } from "./relation";
import { allColumns, shapeOf, together } from "./series";
import { CopyLink } from "./share";
import { newestFirst, Table, useRows, useTicks } from "./table";
import { type Kind, kindsOf, partsOf, provisional, span } from "./view";
import { Waiting } from "./waiting";

interface Actions {
  edit: (sql: string) => void;
  close?: () => void;
  keep?: () => void;
}

const kindNames: Record<Kind, string> = { line: "Line", bars: "Bars", number: "Number", table: "Table" };

/** What the panel draws: its reader's choice if the result can be drawn so. */
function chosen(q: Query, schema: Schema | undefined, rows: number) {
  const kinds = schema ? kindsOf(schema, rows) : [];
  const wish = q.view.kind.value;
  const kind = wish && kinds.includes(wish) ? wish : kinds[0];
  const shape = schema && kind === "line" ? shapeOf(schema) : undefined;
  const parts = schema && partsOf(schema);
  const ys = shape?.ys ?? parts?.numbers ?? [];
  const picked = q.view.column.value;
  const joint = shape !== undefined && together(schema!, shape);
  if (joint && (picked === undefined || picked === allColumns)) return { kinds, kind, shape, parts, ys, joint, y: allColumns };
  return { kinds, kind, shape, parts, ys, joint, y: picked !== undefined && ys.includes(picked) ? picked : ys[0] ?? -1 };
}

export function Panel({ q, edit, close, keep }: { q: Query } & Actions) {
  // The schema is there before the first version, and never changes its columns.
  const state = q.state.value;
  const schema = state === "starting" ? undefined : q.relation?.schema;
  const size = useComputed(() => (q.version.value >= 0 ? Math.min(2, q.size()) : 0));
  const empty = size.value === 0;
  const { kinds, kind, shape, parts, ys, joint, y } = chosen(q, schema, size.value);
  const title = q.title || oneLine(q.sql);

  return (
    <section class="panel" data-testid="panel" data-state={state} data-kind={kind} aria-label={title} tabIndex={-1}>
      <header>
        <h2 title={title}>{title}</h2>
        <Chip state={state} empty={empty} />
        <span class="tools">
        {ys.length > 1 && kind !== "table" && (
          <select aria-label="Column to draw" value={String(y)}
            onChange={(e) => { q.view.column.value = Number(e.currentTarget.value); }}>
            {joint && <option value={String(allColumns)}>all</option>}
            {ys.map((i) => <option key={i} value={String(i)}>{schema!.cols[i]!.n}</option>)}
          </select>
        )}
        <Kinds q={q} kinds={kinds} kind={kind} />
        <Pause q={q} />
        {keep && <button type="button" class="quiet" onClick={keep} title="Keep this panel when the next query runs">Keep</button>}
        {close && <button type="button" class="quiet" onClick={close} aria-label={`Close ${title}`}>✕</button>}
        </span>
      </header>
      {q.title !== "" && <p class="statement" title={q.sql}>{oneLine(q.sql)}</p>}
      <div class="body">
        <Body q={q} empty={empty}>
          {shape ? <Chart q={q} shape={shape} y={y} />
            : kind === "bars" ? <Bars q={q} parts={parts!} y={y} />
            : kind === "number" ? <BigNumber q={q} y={y} />
            : schema ? <LiveTable q={q} title={title} /> : null}
        </Body>
      </div>
      <Footer q={q} edit={edit} />
    </section>
  );
}

/** The figure to draw, and the short way to the table and back. */
function Kinds({ q, kinds, kind }: { q: Query; kinds: Kind[]; kind: Kind | undefined }) {
  if (kinds.length < 2) return null;
  const best = kinds[0]!;
  const choose = (k: Kind) => {
    if (k === "table") q.view.before = kind;
    q.view.kind.value = k === best ? undefined : k;
  };
  return (
    <>
      {kinds.length > 2 && (
        <select aria-label="Figure" data-testid="kind" value={kind} onChange={(e) => choose(e.currentTarget.value as Kind)}>
          {kinds.map((k) => <option key={k} value={k}>{kindNames[k]}</option>)}
        </select>
      )}
      <button type="button" class="quiet" data-testid="toggle" aria-pressed={kind === "table"}
        onClick={() => choose(kind === "table" ? q.view.before ?? best : "table")}>
        {kind === "table" ? "Chart" : "Table"}
      </button>
    </>
  );
}

function Pause({ q }: { q: Query }) {
  const paused = q.paused.value;
  if (q.state.value !== "running" && q.state.value !== "lost" && !paused) return null;
  return (
    <button type="button" class={paused ? "quiet paused" : "quiet"} data-testid="pause" aria-pressed={paused}
      title={paused ? "Show what came since, and follow" : "Hold the picture; rows are kept (space)"}
      onClick={() => q.pause(!paused)}>
      {paused ? "Follow" : "Pause"}
      {paused && <b class="badge" data-testid="badge">{`+${count(q.pending.value)}`}</b>}
    </button>
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
  if (empty) return <div class="message"><Waiting q={q} /></div>;
  return <>{children}</>;
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

function Footer({ q, edit }: { q: Query; edit: (sql: string) => void }) {
  useTicks(q);
  const rel = q.relation;
  const wm = q.watermark.peek(); // it follows the rows
  const parts: string[] = [];
  if (rel && rel.size > 0) parts.push(plural(rel.size, "row"));
  if (rel && rel.forgotten > 0) parts.push(`the oldest ${count(rel.forgotten)} dropped, the page keeps ${count(rowsMax)}`);
  if (rel && rel.skipped > 0) parts.push(`${count(rel.skipped)} skipped to keep up`);
  return (
    <footer>
      <span>{parts.join(" · ")}</span>
      <LedgerLine q={q} />
      <span class="spring" />
      {wm !== null && q.state.value !== "done" && <span title="Event time: no row below it is still expected">{`watermark ${watermark(wm)}`}</span>}
      <span class="acts">
        <button type="button" class="quiet" onClick={() => edit(q.sql)} title="Put the statement into the box">Edit</button>
        <CopyLink link={() => ({ sql: q.sql, start: q.start, kind: q.view.kind.value, span: span.value || undefined })} />
      </span>
    </footer>
  );
}

/** A table that follows the rows. */
function LiveTable({ q, title }: { q: Query; title: string }) {
  const rows = useRows(q);
  const schema = q.relation?.schema;
  if (!schema) return null;
  const time = schema.time === null ? -1 : schema.cols.findIndex((c) => c.n === schema.time);
  return <Table cols={schema.cols} rows={newestFirst(rows, time)} caption={title} sort={q.view.sort} open={provisional(q)} />;
}
