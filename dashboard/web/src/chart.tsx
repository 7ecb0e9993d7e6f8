// The live chart: a plot, told what to draw whenever the rows have changed, and
// its legend.

import { useEffect, useRef, useState } from "preact/hooks";
import { datetime, short } from "./format";
import { ask, askText, forget, onSight } from "./frames";
import { type Looks, Plot } from "./plot";
import type { Query } from "./query";
import { allColumns, type Drawing, Drawer, lowerBound, seriesMax, type Shape } from "./series";
import { isDark } from "./theme";
import { finalTo, span } from "./view";

const colours = 8;

function colourOf(i: number): string {
  return `var(--series-${i % colours})`;
}

interface Palette extends Looks {
  dark: boolean;
  series: string[];
}

let palette: Palette | undefined;

/** The colours of the look at hand. */
function paletteNow(): Palette {
  const dark = isDark.peek();
  if (palette?.dark !== dark) {
    const style = getComputedStyle(document.documentElement);
    const css = (name: string) => style.getPropertyValue(name).trim();
    const series = Array.from({ length: seriesMax }, (_, i) => css(`--series-${i % colours}`));
    palette = { dark, series, surface: css("--surface"), grid: css("--grid"), muted: css("--muted"), accent: css("--accent"), font: `11px ${css("--sans")}` };
  }
  return palette;
}

export function Chart({ q, shape, y }: { q: Query; shape: Shape; y: number }) {
  const root = useRef<HTMLDivElement>(null);
  const host = useRef<HTMLDivElement>(null);
  const [legend, setLegend] = useState<Drawing | undefined>(undefined);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [cursor, setCursor] = useState<number | null>(null);
  const wanted = useRef({ y, shape, hidden });
  wanted.current = { y, shape, hidden };
  const redraw = useRef(() => {});

  useEffect(() => {
    const plot = new Plot(host.current!, setCursor);
    const drawer = new Drawer();
    let seen = true;
    let stale = false;
    let version = 0;
    let watermark: number | null = null;
    let latest: Drawing | undefined;
    const write = () => setLegend(latest && { ...latest });
    const draw = () => {
      stale = !seen;
      const rel = q.relation;
      if (!seen || !rel) return;
      const w = wanted.current;
      if (!q.paused.peek()) watermark = q.watermark.peek();
      const ys = (w.y === allColumns ? w.shape.ys : [w.y]).map((col) => ({ col, name: rel.schema.cols[col]!.n }));
      const drawing = drawer.draw(rel, q.held(), { shape: w.shape, ys }, span.peek());
      const looks = paletteNow();
      const final = finalTo(q, w.shape.x, watermark);
      plot.draw({ lines: drawing.lines, colours: looks.series, looks, hidden: w.hidden, watermark, finalTo: final, window: span.peek(), dashedFrom: colours });
      const el = root.current!;
      el.dataset.points = String(drawing.points);
      el.dataset.version = String(++version);
      el.dataset.provisional = String(final === null ? 0 : drawing.lines.reduce((n, l) => n + l.xs.length - lowerBound(l.xs, final + 0.0005), 0));
      latest = drawing;
      if (version === 1) write();
      else askText(write);
    };
    const change = () => ask(draw);
    redraw.current = change;
    const stops = [q.version, q.watermark, span, isDark].map((s) => s.subscribe(change));
    const resize = new ResizeObserver(change);
    resize.observe(host.current!);
    const sight = onSight(host.current!, (s) => {
      seen = s;
      if (seen && stale) change();
    });
    return () => {
      for (const stop of stops) stop();
      resize.disconnect();
      sight();
      forget(draw);
      forget(write);
      plot.destroy();
    };
  }, [q]);
  useEffect(() => redraw.current(), [y, hidden, shape.split.join()]);

  const toggle = (name: string) => {
    const next = new Set(hidden);
    if (!next.delete(name)) next.add(name);
    setHidden(next);
  };
  return (
    <div data-testid="chart" ref={root}>
      <div class="plot" ref={host} role="img" aria-label={summary(legend)} />
      {legend && <Legend d={legend} hidden={hidden} at={cursor} toggle={toggle} />}
    </div>
  );
}

/** The chart in one sentence, for those who cannot see it. */
function summary(d: Drawing | undefined): string {
  if (!d || d.lines.length === 0) return "A chart without points yet.";
  const parts = d.lines.slice(0, 4).map((l) => `${l.name} ${short(l.last)}`);
  return `A chart of ${d.lines.length} lines and ${d.points} points. Last: ${parts.join(", ")}.`;
}

function Legend(p: { d: Drawing; hidden: ReadonlySet<string>; at: number | null; toggle: (name: string) => void }) {
  const { d, hidden, at } = p;
  return (
    <div class="legend">
      <table>
        <thead>
          <tr>
            <th scope="col">{at === null ? "" : `${datetime(at)} UTC`}</th>
            <th scope="col">{at === null ? "last" : "here"}</th>
            <th scope="col">min</th>
            <th scope="col">max</th>
          </tr>
        </thead>
        <tbody>
          {d.lines.map((l, i) => (
            <tr key={l.name} class={hidden.has(l.name) ? "off" : ""}>
              <td>
                <button type="button" class="key" aria-pressed={!hidden.has(l.name)} onClick={() => p.toggle(l.name)}>
                  <i class={i >= colours ? "swatch dashed" : "swatch"} style={{ borderColor: colourOf(i) }} />
                  <span title={l.name}>{l.name}</span>
                </button>
              </td>
              <td>{short(at === null ? l.last : valueAt(l.xs, l.vs, at))}</td>
              <td>{short(l.min)}</td>
              <td>{short(l.max)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {d.omitted > 0 && <p class="note">{`${seriesMax} of ${d.omitted + d.lines.length} lines are drawn; the table has all rows.`}</p>}
    </div>
  );
}

function valueAt(xs: number[], vs: number[], at: number): number | undefined {
  const i = lowerBound(xs, at);
  return xs[i] === at ? vs[i] : undefined;
}
