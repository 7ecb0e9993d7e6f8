// What became of the rows that a query read, as numbers that open the rows.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { cell, count, duration } from "./format";
import type { Query } from "./query";
import { get } from "./rest";
import { queryOf } from "./server";
import { name } from "./sql";

interface Lost {
  why: string;
  reason: string;
  shard: number;
  seq: number;
  sub: number;
  event_time: string | null;
  watermark: string | null;
  behind_ms: number;
  row: unknown;
  row_bytes?: number;
}

type Kind = "late" | "error";

export function LedgerLine({ q }: { q: Query }) {
  const kind = useSignal<Kind | undefined>(undefined);
  const info = queryOf(q.sql);
  const l = info?.ledger;
  if (!l) return null;
  const number = (k: Kind) => (l[k] === 0 ? <span>{` · ${k} 0`}</span> : (
    <>
      {" · "}
      <button type="button" class="opens" data-testid={`ledger-${k}`} title={`Show the rows (${k})`} onClick={() => { kind.value = k; }}>
        {`${k} ${count(l[k])}`}
      </button>
    </>
  ));
  const filtered = /\bwhere\b([\s\S]*?)(\bgroup\b|\border\b|\blimit\b|\bemit\b|$)/i.exec(info.sql)?.[1]?.trim();
  return (
    <span data-testid="ledger" title={`Every row that the query of ${info.name} read is counted once`}>
      {`read ${count(l.in)}: used ${count(l.used)} · `}
      <span title={filtered ? `WHERE ${filtered}` : "The statement has no WHERE"}>{`filtered ${count(l.filtered)}`}</span>
      {number("late")}
      {number("error")}
      {kind.value && <Rows query={info.name} kind={kind.value} all={l[kind.value]} known={info.kind === "view"} close={() => { kind.value = undefined; }} />}
    </span>
  );
}

function Rows({ query, kind, all, known, close }: { query: string; kind: Kind; all: number; known: boolean; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const rows = useSignal<Lost[] | undefined>(undefined);
  const failure = useSignal("");
  useEffect(() => {
    dialog.current!.showModal();
    get<{ rows: Lost[] }>(`/v1/queries/${encodeURIComponent(query)}/rows?kind=${kind}`)
      .then((a) => { rows.value = a.rows.reverse(); })
      .catch((e: unknown) => { failure.value = String(e); });
  }, []);
  const time = (t: string | null) => (t ? cell(Date.parse(t), { n: "", type: "datetime(3)", role: "time" }) : "");
  return (
    <dialog ref={dialog} class="sheet wide" data-testid="lost" aria-label={`Rows of ${query}: ${kind}`} onClose={close}>
      <h2>{kind === "late" ? `Rows that came too late for ${query}` : `Rows that ${query} could not use`}</h2>
      {failure.value && <p class="note" role="alert">{failure.value}</p>}
      {rows.value && (
        <div class="rows" tabIndex={0}>
          <table>
            <thead><tr><th>event time</th>{kind === "late" && <th>watermark</th>}<th>{kind === "late" ? "late by" : "why"}</th><th>shard, row</th><th>record</th></tr></thead>
            <tbody>
              {rows.value.map((r) => (
                <tr key={`${r.shard}/${r.seq}/${r.sub}`}>
                  <td>{time(r.event_time)}</td>
                  {kind === "late" && <td>{time(r.watermark)}</td>}
                  <td title={r.why}>{kind === "late" ? duration(r.behind_ms) : [r.reason, r.why].filter(Boolean).join(": ")}</td>
                  <td title={r.sub > 0 ? `Row ${r.sub} of record ${r.seq}, from 0` : undefined}>{`${r.shard}, ${count(r.seq)}${r.sub > 0 ? `.${r.sub}` : ""}`}</td>
                  <td class="record" title={r.row_bytes ? `The beginning of ${count(r.row_bytes)} bytes` : undefined}>{r.row === null ? "not in the log any more" : JSON.stringify(r.row)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <p class="note">{`The newest ${count(rows.value.length)} of ${count(Math.max(all, rows.value.length))}.${rows.value.length < all && rows.value.length < 100 ? " Others came before the server's start." : ""}${known ? ` All that are kept: SELECT * FROM ${name(`${query}$${kind === "late" ? "late" : "errors"}`)} WITH (start = 'earliest')` : ""}`}</p>
        </div>
      )}
      <button type="button" class="quiet" onClick={() => dialog.current!.close()}>Close</button>
    </dialog>
  );
}
