// What holds for all panels: the window of time, and the pause.

import { sheet } from "./keys";
import { span, spans } from "./view";

export function Toolbar({ paused, pause }: { paused: boolean; pause: () => void }) {
  return (
    <div class="toolbar" role="toolbar" aria-label="All panels">
      <div class="spans" role="group" aria-label="Window of time">
        {spans.map((s) => (
          <button key={s.ms} type="button" class="quiet" data-testid="span" aria-pressed={span.value === s.ms}
            title={s.ms === 0 ? "All rows that the page has" : `The last ${s.name} of event time`}
            onClick={() => { span.value = s.ms; }}>
            {s.name}
          </button>
        ))}
      </div>
      <button type="button" class={paused ? "quiet paused" : "quiet"} data-testid="pause-all" aria-pressed={paused} onClick={pause}>
        {paused ? "Follow all" : "Pause all"}
      </button>
      <span class="spring" />
      <button type="button" class="quiet" aria-label="Keys" title="Keys (?)" onClick={() => { sheet.value = true; }}>?</button>
    </div>
  );
}
