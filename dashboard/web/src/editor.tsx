// The SQL box: a textarea over a coloured copy of its text, in which an error is
// underlined under the exact bytes.

import { type Signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Handle } from "./codemirror";
import type { Failure } from "./protocol";
import { CopyLink } from "./share";
import { tokens } from "./sql";
import { type Link, starts } from "./view";

/** An error and where it is, in UTF-16 indexes of the box's text. */
export interface Mark {
  failure: Failure;
  start: number;
  end: number;
}

interface Props {
  text: Signal<string>;
  mark: Signal<Mark | undefined>;
  note: Signal<string>;
  start: Signal<string>;
  busy: Signal<boolean>;
  run: () => void;
  link: () => Link;
}

const mac = /Mac|iP(hone|ad)/.test(navigator.platform);

export function Editor({ text, mark, note, start, busy, run, link }: Props) {
  const area = useRef<HTMLTextAreaElement>(null);
  const place = useRef<HTMLDivElement>(null);
  const full = useRef<Handle | undefined>(undefined);
  const mounted = useSignal(false);
  const m = mark.value;
  const latest = useRef(run);
  latest.current = run;

  // The first time somebody enters the box the full editor is fetched; it takes
  // over the text, the selection and the focus.
  const enter = useRef(async () => {
    enter.current = async () => {};
    try {
      const { mount } = await import("./codemirror");
      const el = area.current!;
      if (!place.current) return;
      const focused = document.activeElement === el;
      const selection = { anchor: el.selectionStart, head: el.selectionEnd };
      full.current = mount({
        parent: place.current, text: el.value, selection, run: () => latest.current(),
        onText: (t) => { text.value = t; mark.value = undefined; },
      });
      mounted.value = true;
      if (focused) full.current.focus();
    } catch {
      // the textarea stays
    }
  });
  useEffect(() => () => full.current?.destroy(), []);
  useLayoutEffect(() => { // before anybody sees the message that goes with the mark
    full.current?.setText(text.value);
    full.current?.setMark(m && [m.start, m.end]);
  }, [text.value, m, mounted.value]);

  useEffect(() => {
    const el = area.current;
    if (el && el.value !== text.value) el.value = text.value;
  }, [text.value]);

  const onKeyDown = (e: KeyboardEvent) => {
    if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
      e.preventDefault();
      run();
    } else if (e.key === "Escape") {
      area.current!.blur();
    } else if (e.key === "Tab" && !e.shiftKey) {
      e.preventDefault();
      insert(area.current!, "  ");
    }
  };
  const onInput = () => {
    text.value = area.current!.value;
    mark.value = undefined;
  };

  return (
    <section class="ask" aria-label="Query">
      <div class={mounted.value ? "full" : "none"} ref={place} />
      {!mounted.value && <div class={m ? "editor marked" : "editor"}>
        <pre aria-hidden="true">{coloured(text.value, m)}{"\n"}</pre>
        <textarea ref={area} data-testid="sql" aria-label="SQL" aria-describedby="sql-help sql-error" aria-invalid={m !== undefined}
          spellcheck={false} autocomplete="off" autocapitalize="off" wrap="soft" rows={3}
          placeholder="SELECT … FROM …" onKeyDown={onKeyDown} onInput={onInput} onFocus={() => void enter.current()} />
      </div>}
      <div id="sql-error" role="alert" data-testid="error" class={m ? "error" : "error none"}>
        {m && (
          <>
            <p><b>{m.failure.code}</b>{` ${m.failure.message}`}{m.failure.label ? ` (${m.failure.label})` : ""}</p>
            {m.failure.hint && <p class="hint">{m.failure.hint}</p>}
          </>
        )}
      </div>
      <div class="bar">
        <button type="button" class="run" data-testid="run" onClick={run} disabled={busy.value}>
          {"Run "}<kbd>{mac ? "⌘↵" : "Ctrl ↵"}</kbd>
        </button>
        <label>
          {"from "}
          <select value={start.value} onChange={(e) => { start.value = e.currentTarget.value; }}>
            {starts.map((s) => <option key={s.value} value={s.value}>{s.name}</option>)}
          </select>
        </label>
        <span class="note" role="status" data-testid="note">{note.value}</span>
        <span class="spring" />
        <span class="note" id="sql-help">Tab indents; Esc leaves the box</span>
        <CopyLink link={link} />
      </div>
    </section>
  );
}

/** Types text where the cursor is, so that undo knows of it. */
function insert(el: HTMLTextAreaElement, text: string): void {
  if (!document.execCommand("insertText", false, text)) {
    el.setRangeText(text, el.selectionStart, el.selectionEnd, "end");
    el.dispatchEvent(new Event("input"));
  }
}

/** The text in coloured pieces, those of the marked span underlined. */
function coloured(text: string, mark: Mark | undefined): ComponentChildren[] {
  const out: ComponentChildren[] = [];
  const [from, to] = mark ? visible(text, mark) : [-1, -1];
  let pad = mark !== undefined && from >= text.length;
  for (const t of tokens(text)) {
    const cuts = [t.start, ...[from, to].filter((c) => c > t.start && c < t.end), t.end];
    for (let i = 0; i + 1 < cuts.length; i++) {
      const bad = cuts[i]! >= from && cuts[i]! < to;
      const cls = bad ? `${t.kind} wavy` : t.kind;
      out.push(<span class={cls} data-testid={bad ? "mark" : undefined}>{text.slice(cuts[i], cuts[i + 1])}</span>);
    }
  }
  if (pad) out.push(<span class="wavy" data-testid="mark">{"\u00a0"}</span>);
  return out;
}

/** A span of at least one character, so that there is something to underline. */
function visible(text: string, mark: Mark): [number, number] {
  const start = Math.min(mark.start, text.length);
  return [start, Math.max(mark.end, start + 1)];
}
