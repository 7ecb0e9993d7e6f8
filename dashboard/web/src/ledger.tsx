// What became of the rows that a query read, as numbers that open the rows.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { cell, count, duration } from "./format";
import type { Query } from "./query";
import { get } from "./rest";
import { queryOf } from "./server";

interface Lost {
  why: string;
  shard: number;
  seq: number;
  event_time: string | null;
  watermark: string | null;
  behind_ms: number;
  row: unknown;
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
      {kind.value && <Rows query={info.name} kind={kind.value} all={l[kind.value]} close={() => { kind.value = undefined; }} />}
    </span>
  );
}

function Rows({ query, kind, all, close }: { query: string; kind: Kind; all: number; close: () => void }) {
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
                <tr key={`${r.shard}/${r.seq}`}>
                  <td>{time(r.event_time)}</td>
                  {kind === "late" && <td>{time(r.watermark)}</td>}
                  <td title={r.why}>{kind === "late" ? duration(r.behind_ms) : r.why}</td>
                  <td>{`${r.shard}, ${count(r.seq)}`}</td>
                  <td class="record">{r.row === null ? "not in the log any more" : JSON.stringify(r.row)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <p class="note">{`The newest ${count(rows.value.length)} of ${count(Math.max(all, rows.value.length))}.${rows.value.length < all && rows.value.length < 100 ? " Others did not decode, or came before the server's start." : ""}`}</p>
        </div>
      )}
      <button type="button" class="quiet" onClick={() => dialog.current!.close()}>Close</button>
    </dialog>
  );
}
