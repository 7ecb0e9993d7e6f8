// What the server has and how fast it moves, asked for once a second.

import { batch, signal } from "@preact/signals";
import { get, Missing } from "./rest";

export interface StreamInfo { name: string; format?: string; rate: number; records: number }
export interface ViewInfo { name: string; materialized: boolean; rows: number | null; sql: string }
export interface Ledger {
  in: number; used: number; filtered: number; late: number; error: number; partly_late: number; nulled: number;
}
export interface QueryInfo {
  name: string; kind: string; sql: string; reads: string; state: string; rate: number; rate_out: number; ledger: Ledger | null;
  waiting_for?: string;
}
export interface SinkInfo { name: string; state?: string; rate?: number; sql?: string }

export const streams = signal<StreamInfo[] | undefined>(undefined);
export const views = signal<ViewInfo[]>([]);
export const queries = signal<QueryInfo[]>([]);
export const sinks = signal<SinkInfo[]>([]);
/** The last rates of everything, the newest last, by what historyKey says. */
export const history = new Map<string, number[]>();

const everyMs = 1000;
const historyMax = 40;
/** Rounds between two looks for a list that the server did not have. */
const patience = 30;

let stopped = false;
const absent = new Map<string, number>();

export function historyKey(kind: string, name: string): string {
  return `${kind} ${name}`;
}

async function list<T>(name: string): Promise<T[]> {
  const rest = absent.get(name) ?? 0;
  if (rest > 0) {
    absent.set(name, rest - 1);
    return [];
  }
  try {
    return (await get<Record<string, T[]>>(`/v1/${name}`))[name] ?? [];
  } catch (e) {
    if (!(e instanceof Missing)) throw e;
    absent.set(name, patience);
    if (name === "streams") stopped = true;
    return [];
  }
}

async function look(): Promise<void> {
  const [s, v, q, k] = await Promise.all([
    list<StreamInfo>("streams"), list<ViewInfo>("views"), list<QueryInfo>("queries"), list<SinkInfo>("sinks"),
  ]);
  if (stopped) return;
  const seen = new Set<string>();
  const note = (kind: string, name: string, rate: number) => {
    const key = historyKey(kind, name);
    const all = history.get(key) ?? [];
    all.push(rate);
    if (all.length > historyMax) all.shift();
    history.set(key, all);
    seen.add(key);
  };
  for (const x of s) note("stream", x.name, x.rate);
  for (const x of q) note(x.kind, x.name, x.rate_out);
  for (const x of k) note("sink", x.name, x.rate ?? 0);
  for (const key of history.keys()) if (!seen.has(key)) history.delete(key);
  batch(() => {
    streams.value = s;
    views.value = v;
    queries.value = q;
    sinks.value = k;
  });
}

/** Follows the server for as long as somebody can see the page; one without lists is asked once. */
export async function followServer(): Promise<void> {
  while (!stopped) {
    if (!document.hidden) {
      try {
        await look();
      } catch {
        // the connection's own state tells the reader
      }
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** The query that reads the log for a statement on the page: its own, or that of the view that it shows. */
export function queryOf(sql: string): QueryInfo | undefined {
  const own = queries.value.find((q) => q.kind === "live" && q.sql === sql);
  return own && (queries.value.find((q) => q.kind === "view" && q.name === own.reads) ?? own);
}
