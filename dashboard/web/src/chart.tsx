// The live chart: uPlot, told what to draw whenever the rows have changed.

import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { short, tick, datetime } from "./format";
import { endOfTime } from "./protocol";
import type { Query } from "./query";
import { isDark } from "./theme";
import { recent, span } from "./view";
import { type Drawing, Drawer, seriesMax, type Shape } from "./series";

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const redrawEveryMs = 100;
const redrawEveryCalmMs = 1000;
const chartHeight = 230;
const colours = 8;

function css(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function colourOf(i: number): string {
  return `var(--series-${i % colours})`;
}

/** Calls redraw soon after each change of the query, but not too often. */
function useRedraws(q: Query, redraw: () => void): void {
  const latest = useRef(redraw);
  latest.current = redraw;
  useEffect(() => {
    let timer = 0;
    let last = 0;
    const fire = () => {
      timer = 0;
      last = performance.now();
      requestAnimationFrame(() => latest.current());
    };
    const change = () => {
      const wait = (calm.matches ? redrawEveryCalmMs : redrawEveryMs) - (performance.now() - last);
      if (timer === 0) timer = window.setTimeout(fire, Math.max(0, wait));
    };
    const stops = [q.version, q.watermark, span, isDark].map((s) => s.subscribe(change));
    return () => {
      clearTimeout(timer);
      for (const stop of stops) stop();
    };
  }, [q]);
}

export function Chart({ q, shape, y }: { q: Query; shape: Shape; y: number }) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const drawer = useRef<Drawer>(new Drawer());
  const [drawing, setDrawing] = useState<Drawing | undefined>(undefined);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [cursor, setCursor] = useState<number | null>(null);
  const [version, setVersion] = useState(0);
  const built = useRef("");
  const watermark = useRef<number | null>(null);

  const redraw = () => {
    const el = host.current;
    const rel = q.relation;
    if (!el || !rel) return;
    if (!q.paused.peek()) watermark.current = q.watermark.peek();
    const rows = recent(q.rows(), shape.x, span.peek());
    const d = drawer.current.draw(rows, shape, y, rel.schema.cols[y]!.n);
    const data = [d.xs, ...d.lines.map((l) => l.values)] as uPlot.AlignedData;
    const style = JSON.stringify([d.lines.map((l) => l.name), [...hidden], isDark.peek()]);
    if (style !== built.current || !plot.current) {
      plot.current?.destroy();
      el.replaceChildren();
      plot.current = new uPlot(options(el.clientWidth, d, hidden, watermark, setCursor), data, el);
      built.current = style;
    } else {
      plot.current.setData(data);
    }
    setDrawing(d);
    setVersion((v) => v + 1);
  };
  useRedraws(q, redraw);
  useEffect(redraw, [y, hidden]);
  useEffect(() => {
    const resize = new ResizeObserver(() => {
      if (plot.current && host.current) plot.current.setSize({ width: host.current.clientWidth, height: chartHeight });
    });
    resize.observe(host.current!);
    return () => {
      resize.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, []);

  const toggle = (name: string) => {
    const next = new Set(hidden);
    if (!next.delete(name)) next.add(name);
    setHidden(next);
  };
  return (
    <div data-testid="chart" data-points={drawing?.points ?? 0} data-version={version}>
      <div class="plot" ref={host} role="img" aria-label={summary(drawing)} />
      {drawing && <Legend d={drawing} hidden={hidden} cursor={cursor} toggle={toggle} />}
    </div>
  );
}

/** The chart in one sentence, for those who cannot see it. */
function summary(d: Drawing | undefined): string {
  if (!d || d.lines.length === 0) return "A chart without points yet.";
  const parts = d.lines.slice(0, 4).map((l) => `${l.name} ${short(l.last)}`);
  return `A chart of ${d.lines.length} lines and ${d.points} points. Last: ${parts.join(", ")}.`;
}

function Legend(p: { d: Drawing; hidden: ReadonlySet<string>; cursor: number | null; toggle: (name: string) => void }) {
  const { d, hidden, cursor } = p;
  const at = cursor !== null && cursor < d.xs.length ? cursor : null;
  return (
    <div class="legend">
      <table>
        <thead>
          <tr>
            <th scope="col">{at === null ? "" : `${datetime(d.xs[at]!)} UTC`}</th>
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
              <td>{short(at === null ? l.last : l.values[at])}</td>
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

type Watermark = { current: number | null };

function options(
  width: number, d: Drawing, hidden: ReadonlySet<string>, wm: Watermark, setCursor: (idx: number | null) => void,
): uPlot.Options {
  const grid = { stroke: css("--grid"), width: 1 };
  const axis = { stroke: css("--muted"), grid, ticks: { show: false }, font: `11px ${css("--sans")}` };
  return {
    width,
    height: chartHeight,
    ms: 1,
    tzDate: (ts) => uPlot.tzDate(new Date(ts), "UTC"),
    padding: [10, 12, 0, 0],
    legend: { show: false },
    scales: { x: { time: true, range: (_u, min, max) => xRange(min, max, wm.current) } },
    axes: [
      { ...axis, space: 70, size: 40, values: timeTicks },
      { ...axis, size: yAxisSize, values: (_u, ticks) => ticks.map((t) => (t === null ? "" : tick(t))) },
    ],
    series: [{}, ...d.lines.map((l, i) => line(l.name, i, d, !hidden.has(l.name)))],
    cursor: { sync: { key: "weir", scales: ["x", null] }, y: false, drag: { x: false, y: false }, points: { size: 7 } },
    hooks: {
      draw: [(u) => drawWatermark(u, wm.current)],
      setCursor: [(u) => setCursor(u.cursor.idx ?? null)],
    },
  };
}

function line(name: string, i: number, d: Drawing, show: boolean): uPlot.Series {
  const stroke = css(`--series-${i % colours}`);
  const single = d.lines.length === 1;
  return {
    label: name,
    show,
    stroke,
    width: 1.75,
    spanGaps: true,
    ...(i >= colours ? { dash: [6, 4] } : {}),
    ...(single ? { fill: `${stroke}22` } : {}),
    points: { show: d.points / Math.max(1, d.lines.length) <= 40, size: 5, fill: stroke, stroke },
  };
}

/** The range of x reaches to the watermark if it is near: up to there all is final. */
function xRange(min: number | null, max: number | null, wm: number | null): [number, number] {
  if (min === null || max === null) {
    const now = Date.now();
    return [now - 60_000, now];
  }
  const span = max - min || 60_000;
  const right = wm !== null && wm > max && wm < max + span * 0.15 ? wm : max;
  return max === min ? [min - 30_000, right + 30_000] : [min, right];
}

function timeTicks(_u: uPlot, ticks: number[], _axis: number, _space: number, step: number): string[] {
  let day = "";
  return ticks.map((t) => {
    const text = datetime(t, step < 1000 ? 3 : 0);
    const date = text.slice(5, 10);
    const first = date !== day;
    day = date;
    if (step >= 86_400_000) return text.slice(0, 10);
    const clock = step < 60_000 ? text.slice(11) : text.slice(11, 16);
    return first ? `${clock}\n${date}` : clock;
  });
}

function yAxisSize(_u: uPlot, values: string[] | null): number {
  const longest = Math.max(3, ...(values ?? []).map((v) => v.length));
  return 14 + longest * 6.5;
}

/** A faint line where event time stands. */
function drawWatermark(u: uPlot, wm: number | null): void {
  if (wm === null || wm >= endOfTime) return;
  const { min, max } = u.scales.x!;
  if (min == null || max == null || wm < min || wm > max) return;
  const x = Math.round(u.valToPos(wm, "x", true)) - 0.5;
  const { ctx, bbox } = u;
  ctx.save();
  ctx.strokeStyle = css("--accent");
  ctx.globalAlpha = 0.55;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.restore();
}
