// The rows of one subscription, as snapshot and changes add them up.

import type { Delta, Schema, Snap, Value } from "./protocol";

export type Row = Value[];

/** As many rows as the browser keeps of one result. */
export const rowsMax = 10_000;

export class Relation {
  /** Rows that came and had to go again because of rowsMax. */
  forgotten = 0;
  /** Rows that the server left out because the page was slow. */
  skipped = 0;

  private readonly key: number[] | null;
  private readonly keyed = new Map<string, Row>();
  private bag: Row[] = [];

  constructor(readonly schema: Schema) {
    const names = schema.cols.map((c) => c.n);
    this.key = schema.key ? schema.key.map((k) => names.indexOf(k)) : null;
  }

  get size(): number {
    return this.key ? this.keyed.size : this.bag.length;
  }

  /** The rows, in the order in which they came. */
  rows(): Row[] {
    return this.key ? [...this.keyed.values()] : this.bag;
  }

  apply(m: Snap | Delta): void {
    const op = m.t === "delta" ? m.op : undefined;
    if (m.t === "delta") this.skipped += m.dropped;
    for (let i = 0; i < m.n; i++) {
      const row = m.cols.map((c) => c[i] ?? null);
      if (op?.[i] === "d") this.remove(row);
      else this.insert(row);
    }
    this.trim();
  }

  private identity(row: Row): string {
    return JSON.stringify(this.key!.map((k) => row[k]));
  }

  private insert(row: Row): void {
    if (this.key) this.keyed.set(this.identity(row), row);
    else this.bag.push(row);
  }

  private remove(row: Row): void {
    if (this.key) {
      this.keyed.delete(this.identity(row));
      return;
    }
    const text = JSON.stringify(row);
    const at = this.bag.findLastIndex((r) => JSON.stringify(r) === text);
    if (at >= 0) this.bag.splice(at, 1);
  }

  private trim(): void {
    const over = this.size - rowsMax;
    if (over <= 0) return;
    this.forgotten += over;
    if (!this.key) {
      this.bag = this.bag.slice(over);
      return;
    }
    const keys = this.keyed.keys();
    for (let i = 0; i < over; i++) this.keyed.delete(keys.next().value!);
  }
}
