// The full editor: CodeMirror with SQL, completion from the catalog, and the
// mistake underlined. It comes when somebody enters the box; until then, and
// wherever it does not come, the textarea does the work.

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentLess, insertTab, selectAll } from "@codemirror/commands";
import { MySQL, sql, SQLDialect } from "@codemirror/lang-sql";
import { bracketMatching, HighlightStyle, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { EditorState, Prec, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, drawSelection, EditorView, keymap, WidgetType } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { names } from "./catalog";
import { functions, keywords } from "./sql";

/** What the page tells the editor and hears from it. */
export interface Host {
  parent: HTMLElement;
  text: string;
  selection: { anchor: number; head: number };
  onText(text: string): void;
  run(): void;
}

export interface Handle {
  /** Replaces the text if it is another. */
  setText(text: string): void;
  /** Underlines a span, or nothing. */
  setMark(span: [number, number] | undefined): void;
  focus(): void;
  destroy(): void;
}

const dialect = SQLDialect.define({
  ...MySQL.spec,
  keywords: `${MySQL.spec.keywords ?? ""} ${[...keywords].join(" ")}`,
});

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.typeName, tags.bool, tags.null], color: "var(--keyword)" },
  { tag: tags.string, color: "var(--string)" },
  { tag: tags.number, color: "var(--number)" },
  { tag: tags.comment, color: "var(--muted)" },
]);

const look = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "transparent" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { font: "13.5px/1.6 var(--mono)" },
  ".cm-content": { padding: "14px 0 10px", minHeight: "92px", caretColor: "var(--text)" },
  ".cm-line": { padding: "0 16px" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  "& > .cm-scroller .cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    background: "color-mix(in srgb, var(--accent) 30%, transparent)",
  },
  "&.cm-focused .cm-matchingBracket": { background: "color-mix(in srgb, var(--accent) 22%, transparent)" },
  ".cm-tooltip": { background: "var(--surface)", border: "1px solid var(--line)", borderRadius: "6px" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { background: "var(--accent)", color: "var(--on-accent)" },
  ".cm-completionDetail": { color: "var(--muted)", fontStyle: "normal" },
  "li[aria-selected] .cm-completionDetail": { color: "inherit" },
});

class Gap extends WidgetType {
  override toDOM(): HTMLElement {
    const el = document.createElement("span");
    el.className = "wavy";
    el.dataset.testid = "mark";
    el.textContent = "\u00a0";
    return el;
  }
}

const squiggle = Decoration.mark({ class: "wavy", attributes: { "data-testid": "mark" } });
const setSquiggle = StateEffect.define<[number, number] | undefined>();
const squiggles = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(set, tr) {
    set = set.map(tr.changes);
    for (const e of tr.effects) if (e.is(setSquiggle)) set = underline(e.value, tr.state.doc.length);
    return set;
  },
  provide: (f) => EditorView.decorations.from(f),
});

function underline(span: [number, number] | undefined, length: number): DecorationSet {
  if (!span) return Decoration.none;
  const from = Math.min(span[0], length);
  const to = Math.min(length, Math.max(span[1], from + 1));
  return Decoration.set(from < to ? squiggle.range(from, to) : Decoration.widget({ widget: new Gap(), side: 1 }).range(from));
}

const fixed = [
  ...[...keywords].map((k) => ({ label: k.toUpperCase(), type: "keyword", boost: -2 })),
  ...functions.map((f) => ({ label: f, type: "function", apply: `${f}(`, boost: -1 })),
];

/** Keywords, functions, and the catalog's names; columns of relations in the text come first. */
async function complete(ctx: CompletionContext): Promise<CompletionResult | null> {
  const word = ctx.matchBefore(/[\p{L}_$][\p{L}\p{N}_$]*/u);
  if (!word && !ctx.explicit) return null;
  const text = ctx.state.doc.toString().toLowerCase();
  const relations = await names();
  if (ctx.aborted) return null;
  const options = relations.flatMap((r) => {
    const named = text.includes(r.name.toLowerCase());
    return [
      { label: r.name, type: "class", detail: r.kind, boost: 1 },
      ...r.columns.map((c) => ({ label: c.name, type: "property", detail: `${r.name} ${c.type}`, boost: named ? 2 : -3 })),
    ];
  });
  return { from: word?.from ?? ctx.pos, options: [...options, ...fixed], validFor: /^[\p{L}\p{N}_$]*$/u };
}

/** Puts an editor into a place. Its content element answers to select() as a textarea does. */
export function mount(host: Host): Handle {
  const nonce = document.querySelector<HTMLLinkElement>("link[nonce]")?.nonce ?? "";
  let quiet = false; // while the page itself changes the text
  const view = new EditorView({
    parent: host.parent,
    state: EditorState.create({
      doc: host.text,
      selection: host.selection,
      extensions: [
        EditorView.cspNonce.of(nonce), look, history(), drawSelection(), bracketMatching(), closeBrackets(), squiggles,
        EditorView.lineWrapping, indentUnit.of("  "), sql({ dialect }), syntaxHighlighting(colours),
        autocompletion({ override: [complete], icons: false }),
        Prec.highest(keymap.of([{ key: "Mod-Enter", run: () => { host.run(); return true; } }])),
        keymap.of([
          ...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, { key: "Tab", run: indent, shift: indentLess },
          { key: "Escape", run: (v) => { v.contentDOM.blur(); return true; } }, ...defaultKeymap,
        ]),
        EditorView.contentAttributes.of({ "data-testid": "sql", "aria-label": "SQL", "aria-describedby": "sql-help sql-error" }),
        EditorView.updateListener.of((u) => { if (u.docChanged && !quiet) host.onText(u.state.doc.toString()); }),
      ],
    }),
  });
  Object.assign(view.contentDOM, { select: () => { view.focus(); selectAll(view); } });
  return {
    setText(text) {
      if (text === view.state.doc.toString()) return;
      quiet = true;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, selection: { anchor: text.length } });
      quiet = false;
    },
    setMark: (span) => view.dispatch({ effects: setSquiggle.of(span) }),
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  };
}

function indent(view: EditorView): boolean {
  if (!view.state.selection.main.empty) return insertTab(view);
  view.dispatch(view.state.replaceSelection("  "));
  return true;
}
