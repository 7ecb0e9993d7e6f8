// The page: header, SQL box, panels.

import { computed, signal } from "@preact/signals";
import { render } from "preact";
import "./app.css";
import { Editor, type Mark } from "./editor";
import { FirstSteps } from "./firststeps";
import { Header } from "./header";
import { Panel } from "./panel";
import type { Failure, Page } from "./protocol";
import { Query } from "./query";
import { type Answer, execute, page as fetchPage, Refused } from "./rest";
import { Socket } from "./socket";
import { indexOfByte, type Statement, statements } from "./sql";
import { Table } from "./table";

/** As many panels as the page keeps; a connection has 32 subscriptions. */
const panelsMax = 24;

const socket = new Socket(`${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/v1/ws`);
const page = signal<Page | undefined>(undefined);
const panels = signal<Query[]>([]);
/** What the box's last run gave: it makes room for the next. */
const result = signal<Query | Answer | undefined>(undefined);

const text = signal(fromHash());
const mark = signal<Mark | undefined>(undefined);
const note = signal("");
const start = signal("-15m");
const busy = signal(false);
const nothing = computed(() => page.value !== undefined && panels.value.length === 0 && result.value === undefined);

function fromHash(): string {
  return new URLSearchParams(location.hash.slice(1)).get("q") ?? "";
}

/** Marks a failure of a statement in the whole text of the box. */
function fail(failure: Failure, st: Statement): void {
  const whole = st.text.length + st.start;
  const at = (byte: number) => st.start + indexOfByte(st.text, byte);
  const [from, to] = failure.span ? [at(failure.span[0]), at(failure.span[1])] : [st.start, whole];
  mark.value = { failure, start: from, end: to };
}

/** Runs what is in the box: the last SELECT live, what stands before it once. */
async function run(): Promise<void> {
  const todo = statements(text.value);
  mark.value = undefined;
  note.value = "";
  if (todo.length === 0) note.value = "Type a statement into the box first.";
  if (todo.length === 0 || busy.value) return;
  busy.value = true;
  const began = performance.now();
  try {
    for (const [i, st] of todo.entries()) {
      const last = i === todo.length - 1;
      if (st.select && last) live(st);
      else if (!(await once(st, last, began))) return;
    }
  } finally {
    busy.value = false;
  }
}

async function once(st: Statement, last: boolean, began: number): Promise<boolean> {
  if (st.select) return true; // only the last SELECT is shown
  try {
    const answer = await execute(st.text);
    note.value = `done in ${Math.round(performance.now() - began)} ms`;
    if (last && answer.columns.length > 0) replace(answer);
    return true;
  } catch (e) {
    if (e instanceof Refused) fail(e.failure, st);
    else note.value = "the server does not answer";
    return false;
  }
}

function live(st: Statement): void {
  const q = new Query("", st.text.trim(), start.value);
  const asked = text.value;
  if (socket.link.value !== "open") note.value = "not connected; the query runs as soon as the server is back";
  const lead = st.text.length - st.text.trimStart().length;
  q.run(socket, (failure) => {
    note.value = "";
    if (!failure) replace(q);
    else if (text.value === asked) fail(failure, { ...st, start: st.start + lead, text: q.sql });
  });
}

function replace(next: Query | Answer): void {
  if (result.value instanceof Query) result.value.close();
  result.value = next;
}

function keep(q: Query): void {
  result.value = undefined;
  const all = [q, ...panels.value];
  for (const old of all.slice(panelsMax)) old.close();
  panels.value = all.slice(0, panelsMax);
}

function close(q: Query): void {
  q.close();
  panels.value = panels.value.filter((p) => p !== q);
}

function edit(sql: string): void {
  text.value = sql;
  mark.value = undefined;
  document.querySelector<HTMLTextAreaElement>("textarea")?.focus();
}

function ResultPanel({ r }: { r: Query | Answer }) {
  if (r instanceof Query) {
    return <Panel key={r.key} q={r} edit={edit} keep={() => keep(r)} close={() => { r.close(); result.value = undefined; }} />;
  }
  const cols = r.columns.map((c) => ({ n: c.name, type: c.type.toLowerCase(), role: undefined }));
  return (
    <section class="panel" data-testid="panel" aria-label="Answer">
      <header>
        <h2>Answer</h2><span class="spring" />
        <button type="button" class="quiet" aria-label="Close the answer" onClick={() => { result.value = undefined; }}>✕</button>
      </header>
      <div class="body"><Table cols={cols} rows={r.rows} caption="Answer" /></div>
    </section>
  );
}

function App() {
  return (
    <>
      <Header socket={socket} status={page.value?.status ?? false} panels={panels.value.length} />
      <main>
        <Editor text={text} mark={mark} note={note} start={start} busy={busy} run={() => void run()} />
        {nothing.value && <FirstSteps use={edit} />}
        <div class="grid">
          {result.value && <ResultPanel r={result.value} />}
          {panels.value.map((q) => <Panel key={q.key} q={q} edit={edit} close={() => close(q)} />)}
        </div>
      </main>
    </>
  );
}

/** Asks what to show at the start, until the server answers. */
async function load(): Promise<void> {
  for (let wait = 500; ; wait = Math.min(wait * 2, 10_000)) {
    try {
      const p = await fetchPage();
      for (const { title, sql, start } of p.panels.slice(0, panelsMax)) {
        const q = new Query(title, sql, start);
        q.run(socket);
        panels.value = [...panels.value, q];
      }
      if (text.value === "") text.value = p.example;
      page.value = p;
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

let hashTimer = 0;
text.subscribe((sql) => {
  clearTimeout(hashTimer);
  hashTimer = window.setTimeout(() => {
    if (sql === fromHash()) return;
    const hash = sql === "" ? "" : `#${new URLSearchParams({ q: sql })}`;
    history.replaceState(null, "", location.pathname + hash);
  }, 300);
});
addEventListener("hashchange", () => {
  const q = fromHash();
  if (q !== "" && q !== text.value) edit(q);
});

render(<App />, document.getElementById("app")!);
void load();
