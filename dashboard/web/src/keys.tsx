// The keyboard: a few keys for the whole page, and the sheet that lists them.

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { toggleTree } from "./tree";

export const sheet = signal(false);

interface Actions {
  focusBox: () => void;
  pauseAll: () => void;
}

const rows: readonly (readonly [string, string])[] = [
  ["?", "this list"],
  ["/", "into the SQL box"],
  ["Ctrl Enter", "run what is in the box"],
  ["Ctrl Space", "complete the word (in the box)"],
  ["← ↑ → ↓", "from panel to panel"],
  ["Space", "pause the panel, or all panels if none has the focus; again to follow"],
  ["t", "the panel's chart or its table"],
  ["b", "the list of streams and views, or away with it"],
  ["Esc", "out of the box, the panel, this list"],
];

function panelOf(el: Element | null): HTMLElement | null {
  return el?.closest<HTMLElement>("[data-testid=panel]") ?? null;
}

function types(el: Element | null): boolean {
  return el instanceof HTMLElement && (el.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName));
}

/** Listens for the keys of the page. */
export function useKeys(actions: Actions): void {
  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
      const el = document.activeElement;
      if (document.querySelector("dialog[open]") || types(el)) return; // they have keys of their own
      if (act(e.key, el, actions)) e.preventDefault();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}

/** Does what a key means; false: it means nothing here. */
function act(key: string, el: Element | null, actions: Actions): boolean {
  const panel = panelOf(el);
  const own = panel !== null && panel === el;
  switch (key) {
    case "?":
      sheet.value = true;
      return true;
    case "/":
      actions.focusBox();
      return true;
    case "Escape":
      if (panel) (el as HTMLElement).blur();
      return panel !== null;
    case " ":
      if (own) panel.querySelector<HTMLElement>("[data-testid=pause]")?.click();
      else if (el === null || el === document.body) actions.pauseAll();
      else return false;
      return true;
    case "b":
      toggleTree();
      return true;
    case "t":
      if (panel) panel.querySelector<HTMLElement>("[data-testid=toggle]")?.click();
      return panel !== null;
  }
  if (!key.startsWith("Arrow") || !(own || el === null || el === document.body)) return false;
  // Up and down scroll the page as long as no panel has the focus.
  if (!own && (key === "ArrowUp" || key === "ArrowDown")) return false;
  return step(own ? panel : null, key);
}

/** Moves the focus to the panel that lies nearest in the key's direction. */
function step(from: HTMLElement | null, key: string): boolean {
  const all = [...document.querySelectorAll<HTMLElement>("[data-testid=panel]")];
  const at = from ? all.indexOf(from) : -1;
  let next: HTMLElement | undefined;
  if (key === "ArrowRight") next = all[at + 1];
  else if (key === "ArrowLeft") next = from ? all[at - 1] : all.at(-1);
  else if (from) {
    const here = from.getBoundingClientRect();
    const down = key === "ArrowDown" ? 1 : -1;
    const distance = (p: HTMLElement) => {
      const r = p.getBoundingClientRect();
      const dy = (r.top - here.top) * down;
      return dy <= 1 ? Infinity : dy * 10 + Math.abs(r.left - here.left);
    };
    next = all.filter((p) => distance(p) < Infinity).sort((a, b) => distance(a) - distance(b))[0];
  }
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
  return next !== undefined;
}

export function Sheet() {
  const dialog = useRef<HTMLDialogElement>(null);
  const open = sheet.value;
  useEffect(() => {
    const el = dialog.current!;
    if (open && !el.open) el.showModal();
    if (!open && el.open) el.close();
  }, [open]);
  return (
    <dialog ref={dialog} class="sheet" data-testid="sheet" aria-labelledby="sheet-title" onClose={() => { sheet.value = false; }}>
      <h2 id="sheet-title">Keys</h2>
      <dl>{rows.map(([k, text]) => [<dt key={k}><kbd>{k}</kbd></dt>, <dd>{text}</dd>])}</dl>
      <button type="button" class="quiet" onClick={() => { sheet.value = false; }}>Close</button>
    </dialog>
  );
}
