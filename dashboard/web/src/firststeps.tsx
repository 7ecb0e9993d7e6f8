// What to do when there is nothing to show.

import { useSignal } from "@preact/signals";

const create = `CREATE STREAM readings (
  device VARCHAR(32), temp DOUBLE, ts DATETIME(3),
  WATERMARK FOR ts AS ts - INTERVAL 2 SECOND
) WITH (shards = 1);`;

const select = `SELECT window_start, device, AVG(temp) AS temp
FROM readings
GROUP BY device, TUMBLE(ts, INTERVAL 10 SECOND)`;

function curl(): string {
  return [
    `for i in $(seq 60); do`,
    `  curl -s http://${location.host}/v1/streams/readings/records -H 'Content-Type: application/x-ndjson' \\`,
    `    -d "{\\"device\\":\\"d$((i % 3))\\",\\"temp\\":$((20 + RANDOM % 5)),\\"ts\\":$(date +%s)000}"`,
    `  sleep 1`,
    `done`,
  ].join("\n");
}

export function FirstSteps({ use, flows }: { use: (sql: string) => void; flows: boolean }) {
  return (
    <section class="steps" aria-label="First steps" data-testid="first-steps">
      <h2>{flows ? "No query runs here yet. Click a stream or a view at the left, then Run; or begin with a new one:" : "Nothing flows yet. Three steps to a moving chart:"}</h2>
      <ol>
        <li>
          <h3>Make a stream</h3>
          <Snippet text={create} action="Put into the box" act={() => use(create)} />
        </li>
        <li>
          <h3>Send it something</h3>
          <Snippet text={curl()} action="Copy" act={() => navigator.clipboard.writeText(curl())} />
        </li>
        <li>
          <h3>Ask, and watch the answer move</h3>
          <Snippet text={select} action="Put into the box" act={() => use(select)} />
        </li>
      </ol>
    </section>
  );
}

function Snippet({ text, action, act }: { text: string; action: string; act: () => void | Promise<void> }) {
  const done = useSignal(false);
  const onClick = async () => {
    await act();
    done.value = true;
    setTimeout(() => { done.value = false; }, 1500);
  };
  return (
    <div class="snippet">
      <pre>{text}</pre>
      <button type="button" class="quiet" onClick={() => void onClick()}>{done.value ? "Done" : action}</button>
    </div>
  );
}
