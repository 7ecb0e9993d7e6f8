// The messages of the websocket subprotocol weir.v1; see the hub's package text.

/** A value on the wire: times are epoch milliseconds, big integers and decimals strings. */
export type Value = number | string | boolean | null;

export interface Column {
  n: string;
  type: string;
  role?: "time" | "number";
}

export interface Schema {
  t: "schema";
  id: string;
  /** The number that snapshots, changes and marks of this subscription carry. */
  ch: number;
  /** The server goes on behind the token: no snapshot comes. */
  resumed?: boolean;
  cols: Column[];
  key: string[] | null;
  append: boolean;
  time: string | null;
}

export interface Snap {
  t: "snap";
  ch: number;
  n: number;
  cols: Value[][];
  more: boolean;
  tok?: string;
  wm?: number | null;
}

export interface Delta {
  t: "delta";
  ch: number;
  n: number;
  op?: string;
  cols: Value[][];
  more?: boolean;
  tok?: string;
  wm?: number | null;
  dropped: number;
}

export interface Mark {
  t: "mark";
  ch: number;
  wm: number | null;
  tok?: string;
}

/** A snapshot will replace what there is. */
export interface Reset {
  t: "reset";
  id: string;
  reason: string;
  message: string;
}

/** A mistake in a statement; span counts bytes of its UTF-8 text. */
export interface Failure {
  code: string;
  message: string;
  span?: [number, number];
  label?: string;
  hint?: string;
}

export type ErrorMessage = Failure & { t: "error"; id: string };
export interface Done { t: "done"; id: string }
export interface Pong { t: "pong" }

export type Message = Schema | Snap | Delta | Mark | Reset | ErrorMessage | Done | Pong;

/** The watermark of a stream that has ended: the last instant a Date can hold. */
export const endOfTime = 8_640_000_000_000_000;

/** What GET /v1/page answers. */
export interface Page {
  panels: { title: string; sql: string; start?: string; plan?: string; figure?: string }[];
  example: string;
  status: boolean;
}
