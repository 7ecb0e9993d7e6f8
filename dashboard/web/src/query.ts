// One statement that runs: what it has answered and how it is doing.

import { batch, signal } from "@preact/signals";
import type { Failure, Message, Schema } from "./protocol";
import { Relation } from "./relation";
import type { Socket } from "./socket";

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

  close(): void {
    this.stop();
  }

  private hear(m: Message): void {
    switch (m.t) {
      case "schema":
        this.state.value = "running";
        this.failure.value = undefined;
        this.building = new Relation(m);
        this.relation ??= new Relation(m);
        break;
      case "snap":
        this.snapshot(m, this.relation!.schema);
        break;
      case "delta":
        this.relation!.apply(m);
        if (!m.more) this.version.value++;
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
    if ("wm" in m && m.wm !== undefined) this.watermark.value = m.wm;
  }

  /** The rows before stay on the screen until the new snapshot is whole. */
  private snapshot(m: Extract<Message, { t: "snap" }>, schema: Schema): void {
    this.building ??= new Relation(schema);
    this.building.apply(m);
    if (m.more) return;
    this.relation = this.building;
    this.building = undefined;
    this.version.value++;
  }
}
