// The rows of one subscription, as snapshot and changes add them up.

import type { Delta, Schema, Snap, Value } from "./protocol";

export type Row = Value[];

/** As many rows as the browser keeps of one result. */
export const rowsMax = 10_000;

/** As many changes as are kept for who follows them; others begin anew. */
const changesMax = 5000;

/** A row that came or went. */
export interface Change {
  row: Row;
  gone: boolean;
}

export class Relation {
  /** Rows that came and had to go again because of rowsMax. */
  forgotten = 0;
  /** Rows that the server left out because the page was slow. */
  skipped = 0;

  private readonly key: number[] | null;
  private readonly keyed = new Map<string, Row>();
  private bag: Row[] = [];
  private log: Change[] = [];
  private logged = 0; // changes before log

  constructor(readonly schema: Schema) {
    const names = schema.cols.map((c) => c.n);
    this.key = schema.key ? schema.key.map((k) => names.indexOf(k)) : null;
  }

  get size(): number {
    return this.key ? this.keyed.size : this.bag.length;
  }

  /** How many changes there ever were. */
  get changes(): number {
    return this.logged + this.log.length;
  }

  /** The changes behind the first so many; undefined: they are not known any more. */
  since(changes: number): Change[] | undefined {
    return changes < this.logged ? undefined : this.log.slice(changes - this.logged);
  }

  private note(row: Row, gone: boolean): void {
    if (this.log.length >= changesMax) this.forget();
    this.log.push({ row, gone });
  }

  private forget(): void {
    this.logged += this.log.length + 1; // even who has seen all of them begins anew
    this.log = [];
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
    if (this.key) {
      const id = this.identity(row);
      const old = this.keyed.get(id);
      if (old) this.note(old, true);
      this.keyed.set(id, row);
    } else this.bag.push(row);
    this.note(row, false);
  }

  private remove(row: Row): void {
    if (this.key) {
      const id = this.identity(row);
      const old = this.keyed.get(id);
      if (old) this.note(old, true);
      this.keyed.delete(id);
      return;
    }
    const text = JSON.stringify(row);
    const at = this.bag.findLastIndex((r) => JSON.stringify(r) === text);
    if (at >= 0) this.bag.splice(at, 1);
    this.forget(); // another row may say the same
  }

  private trim(): void {
    const over = this.size - rowsMax;
    if (over <= 0) return;
    this.forgotten += over;
    if (!this.key) {
      for (let i = 0; i < over; i++) this.note(this.bag[i]!, true);
      this.bag = this.bag.slice(over);
      return;
    }
    const oldest = this.keyed.entries();
    for (let i = 0; i < over; i++) {
      const [id, row] = oldest.next().value!;
      this.note(row, true);
      this.keyed.delete(id);
    }
  }
}
