// One statement that runs: what it has answered and how it is doing.

import { batch, signal } from "@preact/signals";
import type { Delta, Failure, Message, Schema } from "./protocol";
import { Relation, type Row } from "./relation";
import type { Socket } from "./socket";
import { View } from "./view";

export type State = "starting" | "running" | "done" | "failed" | "lost";

let lastKey = 0;

export class Query {
  readonly key = ++lastKey;
  readonly state = signal<State>("starting");
  readonly failure = signal<Failure | undefined>(undefined);
  /** The watermark in epoch milliseconds; null while there is none. */
  readonly watermark = signal<number | null>(null);
  /** Grows with every change of the rows. */
  readonly version = signal(0);
  relation: Relation | undefined;
  /** How its reader looks at it. */
  readonly view = new View();
  /** Whether the picture stands still; rows are taken in all the same. */
  readonly paused = signal(false);
  /** Changes of rows that came since the pause. */
  readonly pending = signal(0);
  /** When the watermark last moved, in epoch milliseconds of this machine. */
  watermarkAt = Date.now();

  private frozen: Row[] | undefined; // what is shown during a pause
  private pieces: Delta[] = []; // a change that is not complete
  private building: Relation | undefined; // a snapshot that is not complete
  private stop: () => void = () => {};

  constructor(
    readonly title: string,
    readonly sql: string,
    readonly start: string | undefined,
  ) {}

  /** Begins to listen; first hears whether the statement was taken. */
  run(socket: Socket, first?: (failure: Failure | undefined) => void): void {
    this.stop = socket.subscribe(this.sql, this.start, {
      onMessage: (m) => {
        batch(() => this.hear(m));
        if (m.t === "schema" || m.t === "error") {
          first?.(m.t === "error" ? m : undefined);
          first = undefined;
        }
      },
      onLost: () => {
        if (this.state.value !== "done" && this.state.value !== "failed") this.state.value = "lost";
      },
    });
  }

  /** How many rows there are to show. */
  size(): number {
    return this.frozen?.length ?? this.relation?.size ?? 0;
  }

  /** The rows of the moment of the pause, if there is one. */
  held(): Row[] | undefined {
    return this.frozen;
  }

  /** The rows to show: those of the moment of the pause, if there is one. */
  rows(): Row[] {
    return this.frozen ?? this.relation?.rows() ?? [];
  }

  pause(on: boolean): void {
    if (on === this.paused.value) return;
    batch(() => {
      this.frozen = on ? [...this.rows()] : undefined;
      this.paused.value = on;
      this.pending.value = 0;
      this.version.value++;
    });
  }

  private changed(rows: number): void {
    if (this.paused.value) this.pending.value += rows;
    else this.version.value++;
  }

  close(): void {
    this.stop();
  }

  private hear(m: Message): void {
    switch (m.t) {
      case "schema":
        this.state.value = "running";
        this.failure.value = undefined;
        this.pieces = [];
        this.building = m.resumed ? undefined : new Relation(m);
        this.relation ??= new Relation(m);
        break;
      case "snap":
        this.snapshot(m, this.relation!.schema);
        break;
      case "delta":
        this.pieces.push(m);
        if (m.more) break;
        for (const p of this.pieces) this.relation!.apply(p);
        this.changed(this.pieces.reduce((n, p) => n + p.n, 0));
        this.pieces = [];
        break;
      case "reset":
        this.pieces = [];
        this.building = undefined;
        break;
      case "error":
        this.failure.value = m;
        this.state.value = "failed";
        this.stop();
        break;
      case "done":
        this.state.value = "done";
        this.stop();
        break;
    }
    if (!("wm" in m) || m.wm === undefined) return;
    if (m.wm !== this.watermark.value) this.watermarkAt = Date.now();
    this.watermark.value = m.wm;
  }

  /** The rows before stay on the screen until the new snapshot is whole. */
  private snapshot(m: Extract<Message, { t: "snap" }>, schema: Schema): void {
    this.building ??= new Relation(schema);
    this.building.apply(m);
    if (m.more) return;
    this.relation = this.building;
    this.building = undefined;
    this.changed(0); // what of it is new nobody knows
  }
}
