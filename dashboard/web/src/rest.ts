// The REST side, as far as the page uses it.

import type { Failure, Page, Value } from "./protocol";

export interface Answer {
  columns: { name: string; type: string }[];
  rows: Value[][];
}

interface RestError {
  code: string;
  message: string;
  span?: { start: number; end: number };
  label?: string;
  hint?: string;
}

/** A statement that the server refused. */
export class Refused extends Error {
  constructor(readonly failure: Failure) {
    super(failure.message);
  }
}

function refused(e: RestError): Refused {
  return new Refused({ ...e, span: e.span ? [e.span.start, e.span.end] : undefined });
}

/** Leaves for the log-in where the session has ended; the form brings the SQL behind # back. */
async function ask(path: string, init?: RequestInit): Promise<Response> {
  const resp = await fetch(path, init);
  if (resp.status === 401) location.assign(`/login${location.hash}`);
  return resp;
}

/** Runs a statement that answers and ends. */
export async function execute(sql: string): Promise<Answer> {
  const resp = await ask("/v1/sql", { method: "POST", headers: { "Content-Type": "text/plain; charset=utf-8" }, body: sql });
  const body = (await resp.json()) as Answer & { error?: RestError };
  if (body.error) throw refused(body.error);
  return body;
}

/** A path that the server does not have. */
export class Missing extends Error {}

export async function get<T>(path: string): Promise<T> {
  const resp = await ask(path);
  if (resp.status === 404) throw new Missing(path);
  if (!resp.ok) throw new Error(`GET ${path}: ${resp.status}`);
  return (await resp.json()) as T;
}

export async function page(): Promise<Page> {
  return get<Page>("/v1/page");
}

export async function status(): Promise<{ streams: number; rows: number }> {
  return get<{ streams: number; rows: number }>("/v1/status");
}
