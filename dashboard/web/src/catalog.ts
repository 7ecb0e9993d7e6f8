// The names that the server knows, for completion.

import { execute } from "./rest";
import { name as quoted } from "./sql";

export interface Named {
  name: string;
  kind: "stream" | "view" | "pump";
  columns: { name: string; type: string }[];
}

const keptMs = 30_000;
/** As many relations as are described. */
const describedMax = 50;

let kept: { at: number; names: Promise<Named[]> } | undefined;

/** Streams and views with their columns, and pumps; asked for at most twice a minute, empty if the server does not answer. */
export function names(): Promise<Named[]> {
  if (!kept || performance.now() - kept.at > keptMs) kept = { at: performance.now(), names: ask() };
  return kept.names;
}

/** A statement may have changed what there is. */
export function forgetNames(): void {
  kept = undefined;
}

async function ask(): Promise<Named[]> {
  const lists = await Promise.all([list("SHOW STREAMS", "stream"), list("SHOW VIEWS", "view"), list("SHOW PUMPS", "pump")]);
  const all = lists.flat();
  await Promise.all(all.filter((r) => r.kind !== "pump").slice(0, describedMax).map(async (r) => {
    const rows = await answer(`DESCRIBE ${quoted(r.name)}`);
    r.columns = rows.map((row) => ({ name: String(row[0]), type: String(row[1]) }));
  }));
  return all;
}

async function list(sql: string, kind: Named["kind"]): Promise<Named[]> {
  return (await answer(sql)).map((row) => ({ name: String(row[0]), kind, columns: [] }));
}

/** Rows of a statement, none if it fails: completion is a help, not a need. */
async function answer(sql: string): Promise<unknown[][]> {
  try {
    return (await execute(sql)).rows;
  } catch {
    return [];
  }
}
