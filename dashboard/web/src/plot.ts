// The drawing of lines over time: one canvas, a crosshair that all charts share,
// and no more than the page needs. To rasterize lines is what a live chart costs,
// so ranges move in jumps, and between two jumps only new points are added to
// what is drawn.

import { datetime, tick } from "./format";
import { endOfTime } from "./protocol";
import { type Line, lowerBound } from "./series";

export const plotHeight = 230;
const top = 10;
const right = 12;
const bottom = 36;
/** A line of so few points shows each of them. */
const sparse = 40;

/** What is drawn. */
export interface Picture {
  lines: Line[];
  colours: string[];       // of each line
  hidden: ReadonlySet<string>;
  looks: Looks;
  watermark: number | null;
  /** Points behind this time are of windows that are not final; null: all are. */
  finalTo: number | null;
  window: number;          // how much time is shown, in milliseconds; 0: all
  dashedFrom: number;      // lines from here on have a colour that another has
}

/** The page's colours. */
export interface Looks {
  surface: string;
  grid: string;
  muted: string;
  accent: string;
  font: string;
}

interface Range {
  min: number;
  max: number;
}

/** Where the crosshair of all charts stands, in epoch milliseconds. */
let hair: number | null = null;
const plots = new Set<Plot>();

function point(at: number | null): void {
  hair = at;
  for (const p of plots) p.follow();
}

export class Plot {
  private readonly canvas = document.createElement("canvas");
  private readonly over = document.createElement("div");
  private readonly line = document.createElement("div");
  private readonly mark = document.createElement("div");
  private picture: Picture | undefined;
  private x: Range = { min: 0, max: 1 };
  private left = 40;
  private width = 0;
  private shown: number | null = null;
  private scene = ""; // what the canvas shows but for the points
  private drawn = new Map<Line, { points: number; stamp: number }>();

  constructor(private readonly host: HTMLElement, private readonly onCursor: (at: number | null) => void) {
    this.over.className = "over";
    this.line.className = "hair";
    this.mark.className = "standing";
    this.line.hidden = this.mark.hidden = true;
    this.over.append(this.mark, this.line);
    host.append(this.canvas, this.over);
    this.over.addEventListener("mousemove", (e) => this.pointed(e.clientX));
    this.over.addEventListener("mouseleave", () => point(null));
    plots.add(this);
  }

  destroy(): void {
    plots.delete(this);
    this.host.replaceChildren();
  }

  draw(p: Picture): void {
    this.picture = p;
    const width = this.host.clientWidth;
    if (width === 0) return;
    const visible = p.lines.filter((l) => !p.hidden.has(l.name) && l.from < l.xs.length);
    this.x = timeRange(visible, p.watermark, p.window);
    const y = valueRange(visible);
    const left = Math.round(14 + Math.max(3, ...y.ticks.map((t) => tick(t).length)) * 6.5);
    if (left !== this.left || width !== this.width) {
      this.left = left;
      this.width = width;
      this.over.style.inset = `${top}px ${right}px ${bottom}px ${left}px`;
    }
    const open = p.finalTo !== null && visible.some((l) => l.xs[l.xs.length - 1]! > p.finalTo!);
    const scene = [this.x.min, this.x.max, y.min, y.max, width, devicePixelRatio, p.looks.grid, open,
      ...p.lines.map((l) => visible.includes(l) && l.xs.length - l.from <= sparse)].join();
    if (scene === this.scene && !open && visible.length > 1 && visible.every((l) => this.drawn.get(l)?.stamp === l.stamp)) {
      this.add(p, y);
    } else {
      this.all(p, visible, y);
      this.scene = scene;
    }
    for (const l of p.lines) this.drawn.set(l, { points: l.dropped + l.xs.length, stamp: l.stamp });
    if (this.drawn.size > p.lines.length) for (const l of this.drawn.keys()) if (!p.lines.includes(l)) this.drawn.delete(l);
    this.watermark(p.watermark);
    this.follow();
  }

  /** Draws everything anew. */
  private all(p: Picture, visible: Line[], y: Values): void {
    const { width, left } = this;
    const ratio = devicePixelRatio;
    const [w, h] = [Math.round(width * ratio), Math.round(plotHeight * ratio)];
    if (this.canvas.width !== w || this.canvas.height !== h) {
      this.canvas.width = w;
      this.canvas.height = h;
      this.canvas.style.height = `${plotHeight}px`;
    }
    const ctx = this.canvas.getContext("2d", { alpha: false })!;
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.fillStyle = p.looks.surface;
    ctx.fillRect(0, 0, width, plotHeight);
    this.axes(ctx, p.looks, y);
    ctx.save();
    this.clip(ctx, left);
    for (const [i, l] of p.lines.entries()) if (visible.includes(l)) this.curve(ctx, p, l, i, y, l.from, visible.length === 1);
    ctx.restore();
  }

  /** Draws the points that came behind those that are drawn. */
  private add(p: Picture, y: Values): void {
    const ctx = this.canvas.getContext("2d", { alpha: false })!;
    let clipped = false;
    for (const [i, l] of p.lines.entries()) {
      const from = this.drawn.get(l)!.points - l.dropped;
      if (p.hidden.has(l.name) || from >= l.xs.length) continue;
      if (!clipped) {
        clipped = true;
        ctx.save();
        this.clip(ctx, this.px(l.xs[Math.max(l.from, from - 1)]!) - 4);
      }
      this.curve(ctx, p, l, i, y, Math.max(l.from, from - 1), false);
    }
    if (clipped) ctx.restore();
  }

  private clip(ctx: CanvasRenderingContext2D, left: number): void {
    ctx.beginPath();
    ctx.rect(Math.max(this.left, left), top - 2, this.width, plotHeight - top - bottom + 4);
    ctx.clip();
  }

  private px(t: number): number {
    return this.left + ((t - this.x.min) / (this.x.max - this.x.min)) * (this.width - this.left - right);
  }

  private axes(ctx: CanvasRenderingContext2D, looks: Looks, y: Values): void {
    ctx.font = looks.font;
    ctx.fillStyle = looks.muted;
    ctx.strokeStyle = looks.grid;
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.textAlign = "right";
    ctx.textBaseline = "middle";
    for (const t of y.ticks) {
      const at = Math.round(py(t, y)) + 0.5;
      ctx.moveTo(this.left, at);
      ctx.lineTo(this.width - right, at);
      ctx.fillText(tick(t), this.left - 6, at);
    }
    ctx.textAlign = "center";
    ctx.textBaseline = "top";
    const step = timeStep((this.x.max - this.x.min) / Math.max(1, (this.width - this.left - right) / 80));
    let day = "";
    for (let t = Math.ceil(this.x.min / step) * step; t <= this.x.max; t += step) {
      const at = Math.round(this.px(t)) + 0.5;
      ctx.moveTo(at, top);
      ctx.lineTo(at, plotHeight - bottom);
      if (at > this.width - 18) continue; // its text would be cut
      const text = datetime(t, step < 1000 ? 3 : 0);
      const date = text.slice(5, 10);
      ctx.fillText(step >= 86_400_000 ? text.slice(0, 10) : step < 60_000 ? text.slice(11) : text.slice(11, 16), at, plotHeight - bottom + 6);
      if (date !== day && step < 86_400_000) ctx.fillText(date, at, plotHeight - bottom + 20);
      day = date;
    }
    ctx.stroke();
  }

  /** Draws one line from a point on: what is not final dashed and lighter, from the last final point on. */
  private curve(ctx: CanvasRenderingContext2D, p: Picture, l: Line, i: number, y: Range, from: number, single: boolean): void {
    const colour = p.colours[i]!;
    const n = l.xs.length;
    const final = p.finalTo === null ? n : lowerBound(l.xs, p.finalTo + 0.0005);
    ctx.strokeStyle = ctx.fillStyle = colour;
    ctx.lineWidth = 1.75;
    ctx.lineJoin = "bevel";
    const dash = i >= p.dashedFrom ? [6, 4] : [];
    if (final > from) {
      this.trace(ctx, l, from, final, y);
      ctx.setLineDash(dash);
      ctx.stroke();
      if (single && final - from > 1) {
        ctx.lineTo(this.px(l.xs[final - 1]!), plotHeight - bottom);
        ctx.lineTo(this.px(l.xs[from]!), plotHeight - bottom);
        ctx.globalAlpha = 0.13;
        ctx.fill();
        ctx.globalAlpha = 1;
      }
    }
    if (final < n) {
      this.trace(ctx, l, Math.max(from, final - 1), n, y);
      ctx.setLineDash([3, 3]);
      ctx.globalAlpha = 0.6;
      ctx.stroke();
    }
    ctx.setLineDash([]);
    if (n - l.from <= sparse) {
      for (let j = from; j < n; j++) {
        ctx.beginPath();
        ctx.arc(this.px(l.xs[j]!), py(l.vs[j]!, y), 2.5, 0, 7);
        if (j < final) ctx.fill();
        else ctx.stroke();
      }
    }
    ctx.globalAlpha = 1;
  }

  /** The path of points lo to hi; of those that share a pixel the lowest and the highest. */
  private trace(ctx: CanvasRenderingContext2D, l: Line, lo: number, hi: number, y: Range): void {
    const { xs, vs } = l;
    const scale = (this.width - this.left - right) / (this.x.max - this.x.min);
    const zero = this.left - this.x.min * scale;
    const up = (plotHeight - top - bottom) / (y.max - y.min);
    const base = plotHeight - bottom + y.min * up;
    const dense = hi - lo > 2 * (this.width - this.left - right);
    ctx.beginPath();
    for (let j = lo; j < hi; j++) {
      const at = zero + xs[j]! * scale;
      if (dense) {
        let min = vs[j]!;
        let max = min;
        while (j + 1 < hi && zero + xs[j + 1]! * scale - at < 1) {
          const v = vs[++j]!;
          if (v < min) min = v;
          else if (v > max) max = v;
        }
        if (min !== max) ctx.lineTo(at, base - min * up);
        ctx.lineTo(at, base - max * up);
      } else {
        ctx.lineTo(at, base - vs[j]! * up);
      }
    }
  }

  /** A faint line where event time stands. */
  private watermark(wm: number | null): void {
    const shown = wm !== null && wm < endOfTime && wm >= this.x.min && wm <= this.x.max;
    this.mark.hidden = !shown;
    this.host.dataset.watermark = shown ? String(wm) : "";
    if (shown) this.mark.style.transform = `translateX(${Math.round(this.px(wm) - this.left)}px)`;
  }

  private pointed(clientX: number): void {
    const r = this.over.getBoundingClientRect();
    point(this.x.min + ((clientX - r.left) / r.width) * (this.x.max - this.x.min));
  }

  /** Moves the crosshair to the point that is nearest to where it stands. */
  follow(): void {
    let at: number | null = null;
    if (hair !== null && hair >= this.x.min && hair <= this.x.max) at = this.nearest(hair);
    this.line.hidden = at === null;
    if (at !== null) this.line.style.transform = `translateX(${this.px(at) - this.left}px)`;
    if (at !== this.shown) this.onCursor(at);
    this.shown = at;
  }

  private nearest(t: number): number | null {
    let best: number | null = null;
    for (const l of this.picture?.lines ?? []) {
      if (this.picture!.hidden.has(l.name)) continue;
      const i = lowerBound(l.xs, t);
      for (const x of [l.xs[i - 1], l.xs[i]]) {
        if (x !== undefined && x >= this.x.min && (best === null || Math.abs(x - t) < Math.abs(best - t))) best = x;
      }
    }
    return best;
  }
}

function py(v: number, y: Range): number {
  return plotHeight - bottom - ((v - y.min) / (y.max - y.min)) * (plotHeight - top - bottom);
}

/**
 * The range of x: to the watermark if it is near, as up to there all is final,
 * and from there to a round time, so that it does not move with each point.
 */
function timeRange(lines: Line[], wm: number | null, window: number): Range {
  let min = Infinity;
  let max = -Infinity;
  for (const l of lines) {
    min = Math.min(min, l.xs[l.from]!);
    max = Math.max(max, l.xs[l.xs.length - 1]!);
  }
  if (min > max) return { min: Date.now() - 60_000, max: Date.now() };
  if (max === min) return { min: min - 30_000, max: max + 30_000 };
  const span = max - min;
  const jump = timeStep((window || span) / 30);
  const to = wm !== null && wm > max && wm < max + span * 0.15 ? wm : max;
  const end = Math.ceil(to / jump) * jump;
  return { min: Math.max(Math.floor(min / jump) * jump, window > 0 ? end - window - jump : -Infinity), max: end };
}

interface Values extends Range {
  ticks: number[];
}

/** The range of y, with some air and in jumps; from 0 where that is near. */
function valueRange(lines: Line[]): Values {
  let lo = Infinity;
  let hi = -Infinity;
  for (const l of lines) {
    lo = Math.min(lo, l.min!);
    hi = Math.max(hi, l.max!);
  }
  if (lo > hi) [lo, hi] = [0, 1];
  const span = hi - lo || Math.abs(hi) || 1;
  const rough = span / 4.5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? rough;
  const jump = step / 2;
  const min = lo >= 0 && lo < span * 0.6 ? 0 : Math.floor((lo - span * 0.03) / jump) * jump;
  const max = hi <= 0 && -hi < span * 0.6 ? 0 : Math.ceil((hi + span * 0.03) / jump) * jump;
  const ticks: number[] = [];
  for (let i = Math.ceil(min / step - 1e-9); i * step <= max + step * 1e-9 && ticks.length < 20; i++) ticks.push(i * step + 0); // no -0
  return { min, max, ticks };
}

const timeSteps = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, ...[1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600,
    43_200, 86_400, 172_800, 604_800, 1_209_600, 2_592_000, 7_776_000, 31_536_000].map((s) => s * 1000),
];

function timeStep(rough: number): number {
  return timeSteps.find((s) => s >= rough) ?? Math.ceil(rough / 31_536_000_000) * 31_536_000_000;
}
