// The line at the top: name, connection, counts.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { count, plural } from "./format";
import { status as fetchStatus } from "./rest";
import { streams } from "./server";
import type { Socket } from "./socket";
import { isDark, toggleTheme } from "./theme";
import { toggleTree, treeShown } from "./tree";

const statusEveryMs = 2000;

interface Counts {
  streams: number;
  rows: number;
  perSecond: number | undefined;
}

export function Header({ socket, status, panels }: { socket: Socket; status: boolean; panels: number }) {
  const counts = useCounts(status);
  return (
    <header class="top">
      {streams.value && (
        <button type="button" class="quiet" data-testid="tree-toggle" aria-pressed={treeShown.value} aria-label="Streams, views and queries"
          title="Streams, views and queries" onClick={toggleTree}>☰</button>
      )}
      <h1>
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M2 8c3 0 3-3 6.5-3S12 8 15 8s3.5-3 7-3M2 13.5c3 0 3-3 6.5-3s3.5 3 6.5 3 3.5-3 7-3M2 19c3 0 3-3 6.5-3s3.5 3 6.5 3 3.5-3 7-3" />
        </svg>
        weir
      </h1>
      <span class="counts">
        {counts
          ? `${plural(counts.streams, "stream")} · ${plural(counts.rows, "row")}` +
            (counts.perSecond === undefined ? "" : ` · ${count(counts.perSecond)}/s`)
          : panels > 0 ? plural(panels, "panel") : ""}
      </span>
      <span class="spring" />
      <Connection socket={socket} />
      <button type="button" class="quiet" data-testid="theme" onClick={toggleTheme}
        aria-label={isDark.value ? "Light look" : "Dark look"} title={isDark.value ? "Light look" : "Dark look"}>
        {isDark.value ? "☀" : "☾"}
      </button>
    </header>
  );
}

function Connection({ socket }: { socket: Socket }) {
  const link = socket.link.value;
  const now = useSignal(Date.now());
  useEffect(() => {
    if (link !== "waiting") return;
    const timer = setInterval(() => { now.value = Date.now(); }, 500);
    return () => clearInterval(timer);
  }, [link]);
  const seconds = Math.max(0, Math.ceil((socket.retryAt.value - Math.max(now.value, Date.now())) / 1000));
  return (
    <span class={`link ${link}`} role="status" data-testid="link" data-state={link}>
      <i aria-hidden="true" />
      {link === "open" ? "connected" : link === "connecting" ? "connecting …" : `disconnected, trying again in ${seconds} s`}
      {link === "waiting" && <button type="button" class="quiet" onClick={() => socket.now()}>Now</button>}
    </span>
  );
}

/** Follows the server's counts, if it has any. */
function useCounts(enabled: boolean): Counts | undefined {
  const counts = useSignal<Counts | undefined>(undefined);
  useEffect(() => {
    if (!enabled) return;
    let before: { rows: number; at: number } | undefined;
    const ask = async () => {
      if (document.hidden) return;
      try {
        const s = await fetchStatus();
        const at = performance.now();
        const rate = before && Math.max(0, Math.round(((s.rows - before.rows) * 1000) / (at - before.at)));
        counts.value = { ...s, perSecond: rate };
        before = { rows: s.rows, at };
      } catch {
        before = undefined; // the connection's own state tells the reader
      }
    };
    void ask();
    const timer = setInterval(() => void ask(), statusEveryMs);
    return () => clearInterval(timer);
  }, [enabled]);
  return counts.value;
}
