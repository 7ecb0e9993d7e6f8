// When to draw: all charts that have changed in one frame, ten times a second,
// and those that nobody can see not at all.

const everyMs = 100;
const everyCalmMs = 1000;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const dirty = new Set<() => void>();
let timer = 0;
let last = 0;

function fire(): void {
  timer = 0;
  requestAnimationFrame(() => {
    last = performance.now();
    const all = [...dirty];
    dirty.clear();
    for (const draw of all) draw();
  });
}

/** Draws soon. */
export function ask(draw: () => void): void {
  dirty.add(draw);
  const wait = (calm.matches ? everyCalmMs : everyMs) - (performance.now() - last);
  if (timer === 0) timer = window.setTimeout(fire, Math.max(0, wait));
}

/** What was asked for and is not wanted any more. */
export function forget(draw: () => void): void {
  dirty.delete(draw);
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
