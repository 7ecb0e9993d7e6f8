// When to draw: all charts that have changed in one frame, ten times a second,
// and those that nobody can see not at all.

const everyMs = 90; // the data comes each 100 ms: a frame late is not two
const everyCalmMs = 1000;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** Text need not follow each frame: nobody reads that fast. */
const textEveryMs = 400;

const dirty = new Set<() => void>();
const texts = new Set<() => void>();
let timer = 0;
let textTimer = 0;
let last = 0;
let lastText = 0;

function fire(): void {
  timer = 0;
  requestAnimationFrame(() => {
    last = performance.now();
    run(dirty);
    // All texts in one frame: each frame with changes is laid out and painted.
    if (last - lastText < textEveryMs || texts.size === 0) return;
    lastText = last;
    clearTimeout(textTimer);
    textTimer = 0;
    run(texts);
  });
}

function run(all: Set<() => void>): void {
  const now = [...all];
  all.clear();
  for (const f of now) f();
}

function soon(): void {
  const wait = (calm.matches ? everyCalmMs : everyMs) - (performance.now() - last);
  timer ||= window.setTimeout(fire, Math.max(0, wait));
}

/** Draws soon. */
export function ask(draw: () => void): void {
  dirty.add(draw);
  soon();
}

/** Writes a few times a second. */
export function askText(write: () => void): void {
  texts.add(write);
  textTimer ||= window.setTimeout(() => { textTimer = 0; soon(); }, Math.max(0, textEveryMs - (performance.now() - lastText)));
}

/** What was asked for and is not wanted any more. */
export function forget(f: () => void): void {
  dirty.delete(f);
  texts.delete(f);
}

const changes = new WeakMap<Element, (seen: boolean) => void>();
const watcher = new IntersectionObserver((entries) => {
  for (const e of entries) changes.get(e.target)?.(e.isIntersecting);
}, { rootMargin: "100px" });

/** Tells whether an element is where it can be seen. */
export function onSight(el: Element, change: (seen: boolean) => void): () => void {
  changes.set(el, change);
  watcher.observe(el);
  return () => watcher.unobserve(el);
}
