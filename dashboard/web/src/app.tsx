// The page: header, SQL box, panels.

import { computed, effect, signal } from "@preact/signals";
import { render } from "preact";
import "./app.css";
import { forgetNames } from "./catalog";
import { Editor, type Mark } from "./editor";
import { FirstSteps } from "./firststeps";
import { Header } from "./header";
import { Sheet, useKeys } from "./keys";
import { Panel } from "./panel";
import { Plan } from "./plan";
import { Toolbar } from "./toolbar";
import type { Failure, Page } from "./protocol";
import { Query } from "./query";
import { type Answer, execute, page as fetchPage, Refused } from "./rest";
import { followServer, streams } from "./server";
import { Banner } from "./share";
import { Socket } from "./socket";
import { indexOfByte, type Statement, statements } from "./sql";
import { Table } from "./table";
import { Tree } from "./tree";
import { type Kind, kindNamed, type Link, readLink, span, writeLink } from "./view";

/** As many panels as the page keeps; a connection has 32 subscriptions. */
const panelsMax = 24;

const socket = new Socket(`${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/v1/ws`);
const page = signal<Page | undefined>(undefined);
const panels = signal<Query[]>([]);
/** The views whose plans are shown. */
const plans = signal<{ view: string; title: string }[]>([]);
/** What the box's last run gave: it makes room for the next. */
const result = signal<Query | Answer | undefined>(undefined);

const opened = readLink(location.hash);
const text = signal(opened.sql);
/** What the page was opened with, until it runs or is put away. */
const offered = signal<Link | undefined>(opened.sql === "" ? undefined : opened);
const mark = signal<Mark | undefined>(undefined);
const note = signal("");
const start = signal<string>(opened.start ?? "-15m");
const busy = signal(false);
const nothing = computed(() => page.value !== undefined && panels.value.length === 0 && plans.value.length === 0 && result.value === undefined);

span.value = opened.span ?? 0;

/** What the box and the window say, as a link. */
function here(): Link {
  const r = result.value;
  return {
    sql: text.value, start: start.value === "-15m" ? undefined : start.value,
    kind: r instanceof Query ? r.view.kind.value : offered.value?.kind, span: span.value === 0 ? undefined : span.value,
  };
}

/** Marks a failure of a statement in the whole text of the box. */
function fail(failure: Failure, st: Statement): void {
  const whole = st.text.length + st.start;
  const at = (byte: number) => st.start + indexOfByte(st.text, byte);
  const [from, to] = failure.span ? [at(failure.span[0]), at(failure.span[1])] : [st.start, whole];
  mark.value = { failure, start: from, end: to };
}

/** Runs what is in the box: the last SELECT live, what stands before it once. */
async function run(kind?: Kind): Promise<void> {
  const todo = statements(text.value);
  offered.value = undefined;
  mark.value = undefined;
  note.value = "";
  if (todo.length === 0) note.value = "Type a statement into the box first.";
  if (todo.length === 0 || busy.value) return;
  busy.value = true;
  const began = performance.now();
  try {
    for (const [i, st] of todo.entries()) {
      const last = i === todo.length - 1;
      if (st.select && last) live(st, kind);
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
    forgetNames();
    note.value = `done in ${Math.round(performance.now() - began)} ms`;
    if (last && answer.columns.length > 0) replace(answer);
    return true;
  } catch (e) {
    if (e instanceof Refused) fail(e.failure, st);
    else note.value = "the server does not answer";
    return false;
  }
}

function live(st: Statement, kind: Kind | undefined): void {
  const q = new Query("", st.text.trim(), start.value);
  q.view.kind.value = kind;
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
  focusBox();
}

function focusBox(): void {
  document.querySelector<HTMLElement>("[data-testid=sql]")?.focus();
}

/** Shows what a relation consists of. */
async function describe(sql: string): Promise<void> {
  try {
    replace(await execute(sql));
  } catch (e) {
    note.value = e instanceof Refused ? e.failure.message : "the server does not answer";
  }
}

/** Every query on the page. */
function queries(): Query[] {
  return result.value instanceof Query ? [result.value, ...panels.value] : panels.value;
}

/** Holds all pictures, or lets all go if all are held. */
function pauseAll(): void {
  const all = queries().filter((q) => q.state.value !== "failed" && q.state.value !== "done");
  const on = all.some((q) => !q.paused.value);
  for (const q of queries()) q.pause(on && all.includes(q));
}

function ResultPanel({ r }: { r: Query | Answer }) {
  if (r instanceof Query) {
    return <Panel key={r.key} q={r} edit={edit} keep={() => keep(r)} close={() => { r.close(); result.value = undefined; }} />;
  }
  const cols = r.columns.map((c) => ({ n: c.name, type: c.type.toLowerCase(), role: undefined }));
  return (
    <section class="panel" data-testid="panel" aria-label="Answer" tabIndex={-1}>
      <header>
        <h2>Answer</h2><span class="spring" />
        <button type="button" class="quiet" aria-label="Close the answer" onClick={() => { result.value = undefined; }}>✕</button>
      </header>
      <div class="body"><Table cols={cols} rows={r.rows} caption="Answer" /></div>
    </section>
  );
}

function App() {
  useKeys({ focusBox, pauseAll });
  const offer = offered.value;
  const all = queries();
  return (
    <>
      <Header socket={socket} status={page.value?.status ?? false} panels={panels.value.length} />
      <div class="sides">
      <Tree use={edit} describe={(sql) => void describe(sql)} />
      <main>
        <Editor text={text} mark={mark} note={note} start={start} busy={busy} run={() => void run(offered.value?.kind)} link={here} />
        {offer && <Banner sql={offer.sql} run={() => void run(offer.kind)} dismiss={() => { offered.value = undefined; }} />}
        {nothing.value && <FirstSteps use={edit} flows={(streams.value ?? []).length > 0} />}
        {all.length > 0 && <Toolbar paused={all.every((q) => q.paused.value)} pause={pauseAll} />}
        <div class="grid">
          {result.value && <ResultPanel r={result.value} />}
          {panels.value.map((q) => <Panel key={q.key} q={q} edit={edit} close={() => close(q)} />)}
          {plans.value.map((p) => <Plan key={p.view} {...p} close={() => { plans.value = plans.value.filter((x) => x !== p); }} />)}
        </div>
      </main>
      </div>
      <Sheet />
    </>
  );
}

/** Asks what to show at the start, until the server answers. */
async function load(): Promise<void> {
  for (let wait = 500; ; wait = Math.min(wait * 2, 10_000)) {
    try {
      const p = await fetchPage();
      plans.value = p.panels.flatMap((x) => (x.plan ? [{ view: x.plan, title: x.title }] : []));
      for (const { title, sql, start, figure } of p.panels.filter((x) => !x.plan).slice(0, panelsMax)) {
        const q = new Query(title, sql, start);
        q.view.kind.value = kindNamed(figure);
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
effect(() => {
  const link = here();
  void page.value; // the example needs no link
  clearTimeout(hashTimer);
  hashTimer = window.setTimeout(() => {
    const hash = link.sql === "" || link.sql === page.value?.example ? "" : writeLink(link);
    if (hash !== location.hash) history.replaceState(null, "", location.pathname + hash);
  }, 300);
});
addEventListener("hashchange", () => {
  const link = readLink(location.hash);
  if (link.sql === "" || writeLink(link) === writeLink(here())) return;
  start.value = link.start ?? "-15m";
  span.value = link.span ?? 0;
  offered.value = link;
  edit(link.sql);
});

render(<App />, document.getElementById("app")!);
void load();
void followServer();
