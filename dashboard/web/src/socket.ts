// One websocket for all panels, which comes back by itself.

import { signal } from "@preact/signals";
import type { Message } from "./protocol";

export type Link = "connecting" | "open" | "waiting";

/** Hears what happens to one subscription. */
export interface Listener {
  onMessage(m: Message): void;
  onLost(): void;
}

interface Entry {
  sql: string;
  start: string | undefined;
  listener: Listener;
  id: string;
  tok: string | undefined; // names what the listener has
}

/** As many changes a second as the page wants to draw. */
const maxHz = 10;

const firstRetryMs = 500;
const lastRetryMs = 15_000;
const pingEveryMs = 25_000;
const silenceMaxMs = 60_000;

export class Socket {
  readonly link = signal<Link>("connecting");
  /** When the next attempt begins, in epoch milliseconds, while waiting. */
  readonly retryAt = signal(0);

  private ws: WebSocket | undefined;
  private entries = new Map<string, Entry>();
  private channels = new Map<number, Entry>(); // of this connection
  private lastId = 0;
  private retryMs = firstRetryMs;
  private heardAt = 0;

  constructor(private readonly url: string) {
    this.open();
    setInterval(() => this.beat(), pingEveryMs);
    addEventListener("online", () => this.now());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.now();
    });
  }

  /** Subscribes for good: after a lost connection it goes on where it was. */
  subscribe(sql: string, start: string | undefined, listener: Listener): () => void {
    const entry: Entry = { sql, start, listener, id: "", tok: undefined };
    this.send(entry);
    return () => {
      this.entries.delete(entry.id);
      if (this.link.value === "open") this.say({ t: "unsub", id: entry.id });
    };
  }

  /** Tries again at once if it waits. */
  now(): void {
    if (this.link.value === "waiting") this.open();
  }

  private send(e: Entry): void {
    this.entries.delete(e.id);
    e.id = `s${++this.lastId}`; // ids are never used twice: late messages of an old one find nobody
    this.entries.set(e.id, e);
    if (this.link.value === "open") this.say({ t: "sub", id: e.id, sql: e.sql, start: e.start, max_hz: maxHz, tok: e.tok });
  }

  private say(m: unknown): void {
    this.ws?.send(JSON.stringify(m));
  }

  private open(): void {
    this.link.value = "connecting";
    const ws = new WebSocket(this.url, "weir.v1");
    this.ws = ws;
    ws.onopen = () => {
      if (ws !== this.ws) return;
      this.link.value = "open";
      this.heardAt = Date.now();
      this.channels.clear();
      for (const e of [...this.entries.values()]) this.send(e);
    };
    ws.onmessage = (ev) => {
      if (ws !== this.ws) return;
      this.heardAt = Date.now();
      this.retryMs = firstRetryMs;
      const m = JSON.parse(ev.data as string) as Message;
      this.hand(m);
    };
    ws.onclose = () => {
      if (ws === this.ws) this.lost();
    };
  }

  /** Hands a message to its listener, and remembers what that has then. */
  private hand(m: Message): void {
    const e = "id" in m ? this.entries.get(m.id) : "ch" in m ? this.channels.get(m.ch) : undefined;
    if (!e || this.entries.get(e.id) !== e) return;
    if (m.t === "schema") this.channels.set(m.ch, e);
    if (m.t === "reset") e.tok = undefined;
    e.listener.onMessage(m);
    if ("tok" in m) e.tok = m.tok;
  }

  private lost(): void {
    this.ws = undefined;
    this.link.value = "waiting";
    const wait = this.retryMs * (0.75 + Math.random() / 2);
    this.retryMs = Math.min(lastRetryMs, this.retryMs * 2);
    this.retryAt.value = Date.now() + wait;
    for (const e of [...this.entries.values()]) e.listener.onLost();
    setTimeout(() => this.now(), wait);
  }

  /** A connection that has been silent for too long is as good as lost. */
  private beat(): void {
    if (this.link.value !== "open") return;
    if (Date.now() - this.heardAt > silenceMaxMs) {
      const dead = this.ws;
      this.lost();
      dead?.close();
      return;
    }
    this.say({ t: "ping" });
  }
}
