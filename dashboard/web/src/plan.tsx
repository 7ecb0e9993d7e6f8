// The plan of a view as it runs: its operators, from the stream down to the
// result, and how many rows a second pass between them.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { short } from "./format";
import { type Ledger, queries, views } from "./server";
import { execute } from "./rest";

interface Node {
  what: string; // the operator
  how: string;  // what it does
}

/** The lines of EXPLAIN from the scan on, and what it says of the result. */
function read(lines: string[]): { nodes: Node[]; result: string } {
  const nodes: Node[] = [];
  let result = "";
  for (const line of lines) {
    const text = line.trim();
    if (text.startsWith("--")) result ||= text.replace(/^--\s*/, "");
    else if (text !== "") {
      const m = /^(\w+)\s*(.*)$/.exec(text);
      nodes.unshift({ what: m?.[1] ?? text, how: m?.[2] ?? "" });
    }
  }
  return { nodes, result };
}

export function Plan({ view, title, close }: { view: string; title: string; close: () => void }) {
  const plan = useSignal<{ nodes: Node[]; result: string } | undefined>(undefined);
  const failure = useSignal("");
  const sql = views.value.find((v) => v.name === view)?.sql;
  useEffect(() => {
    if (!sql) return;
    execute(`EXPLAIN ${sql}`)
      .then((a) => { plan.value = read(a.rows.map((r) => String(r[0]))); })
      .catch((e: unknown) => { failure.value = String(e); });
  }, [sql]);
  const q = queries.value.find((x) => x.kind === "view" && x.name === view);
  const past = useRef<Sample[]>([]);
  const rates = q?.ledger && passing(plan.value?.nodes ?? [], q.rate_out, follow(past.current, q.ledger));
  return (
    <section class="panel" data-testid="panel" data-kind="plan" aria-label={title} tabIndex={-1}>
      <header>
        <h2>{title}</h2><span class="spring" />
        <button type="button" class="quiet" aria-label={`Close ${title}`} onClick={close}>✕</button>
      </header>
      <p class="statement" title={sql}>{sql?.replace(/\s+/g, " ")}</p>
      <div class="body">
        {failure.value && <p class="message bad" role="alert">{failure.value}</p>}
        <ol class="plan" data-testid="plan" data-nodes={plan.value?.nodes.length ?? 0}>
          {plan.value?.nodes.map((n, i) => (
            <li key={i}>
              <div class="op" title={n.how}><b>{n.what}</b>{` ${n.how}`}</div>
              <Flow rate={rates?.[i]} />
            </li>
          ))}
        </ol>
      </div>
      <footer><span>{plan.value?.result}</span></footer>
    </section>
  );
}

/** What passes behind an operator: the more, the thicker. */
function Flow({ rate }: { rate: number | undefined }) {
  if (rate === undefined) return <div class="flow" />;
  const width = rate === 0 ? 1 : Math.min(8, 1.5 + Math.log10(1 + rate) * 1.6);
  return (
    <div class="flow" data-testid="flow" data-rate={rate}>
      <i style={{ width: `${width}px` }} /><span>{`${short(rate < 10 ? rate : Math.round(rate))} rows/s`}</span>
    </div>
  );
}

/** The accounts of a query at a time, in milliseconds. */
interface Sample {
  at: number;
  l: Ledger;
}

/** As many samples as a rate looks back. */
const samplesMax = 10;

/** Adds a sample and returns how the accounts grow a second. */
function follow(past: Sample[], l: Ledger): (account: (l: Ledger) => number) => number {
  if (past.at(-1)?.l !== l) past.push({ at: performance.now(), l });
  if (past.length > samplesMax) past.shift();
  const [first, last] = [past[0]!, past[past.length - 1]!];
  const seconds = (last.at - first.at) / 1000;
  return (account) => (seconds === 0 ? 0 : Math.max(0, account(last.l) - account(first.l)) / seconds);
}

/**
 * Rows a second behind each operator, as far as the ledger tells: it counts what
 * became of a row. Between the halves of an aggregation its states pass, no rows.
 */
function passing(nodes: Node[], out: number, grows: (account: (l: Ledger) => number) => number): (number | undefined)[] {
  let now = grows((l) => l.in - l.error);
  return nodes.map((n, i) => {
    if (i === nodes.length - 1) return out;
    if (n.what === "Filter") now = grows((l) => l.in - l.error - l.filtered);
    if (/^(WindowPartial|Exchange|WindowFinal)$/.test(n.what)) return undefined;
    return now;
  });
}
