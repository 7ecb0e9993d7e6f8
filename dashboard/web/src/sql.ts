// As much of SQL's lexical rules as the page needs: where statements end, what
// kind they are, what to colour, and where a byte of the text is in a string.

export type TokenKind = "space" | "comment" | "string" | "name" | "number" | "word" | "keyword" | "mark";

export interface Token {
  kind: TokenKind;
  start: number; // UTF-16 index
  end: number;
}

/** Words that mean something, in lower case. */
export const keywords = new Set(
  `select from where group by having order limit as and or not null is in between like case when then else end
  create stream view materialized drop show describe explain with watermark for emit on window close changes update
  allowed lateness interval tumble hop session cumulate second seconds minute minutes hour hours day days week month
  count sum avg min max distinct join left right inner true false cast asc desc union all values insert into
  bigint double varchar boolean datetime date decimal streams views queries if exists final over partition
  subscribe to snapshot progress of analyze pump pumps every sinks window_start window_end window_time window_rev
  is_final is_complete kill processlist`.split(/\s+/),
);

const pattern =
  /(\s+)|(--[^\n]*|#[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|('(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|"(?:[^"\\]|\\[\s\S]|"")*(?:"|$))|(`(?:[^`]|``)*(?:`|$))|(\d[\w.]*)|([\p{L}_$][\p{L}\p{N}_$]*)|([\s\S])/gu;

export function tokens(text: string): Token[] {
  const out: Token[] = [];
  for (const m of text.matchAll(pattern)) {
    const at = m.slice(1).findIndex((g) => g !== undefined);
    let kind = (["space", "comment", "string", "name", "number", "word", "mark"] as const)[at] as TokenKind;
    if (kind === "word" && keywords.has(m[0].toLowerCase())) kind = "keyword";
    out.push({ kind, start: m.index, end: m.index + m[0].length });
  }
  return out;
}

/** Functions that a statement may call. */
export const functions: readonly string[] = `
  abs acos adddate addtime any_value approx_count_distinct approx_percentile arg_max arg_min array_agg ascii asin atan
  atan2 avg bin bit_and bit_count bit_length bit_or bit_xor bool_and bool_or ceil ceiling char char_length
  character_length coalesce concat concat_ws conv convert_tz corr cos cot count count_if count_window covar_pop
  covar_samp crc32 cumulate curdate current_date current_time current_timestamp curtime date date_add date_bin
  date_format date_part date_sub date_trunc datediff day dayname dayofmonth dayofweek dayofyear degrees
  earliest_by_offset elt ends_with every exp export_set extract field find_in_set first_value floor format
  format_bytes from_base64 from_days from_unixtime greatest group_concat grouping hex histogram hop hour if ifnull
  inet_aton inet_ntoa initcap insert instr interval is_ipv4 is_ipv6 is_uuid isnull json_array json_array_append
  json_array_insert json_arrayagg json_contains json_contains_path json_depth json_extract json_insert json_keys
  json_length json_merge_patch json_merge_preserve json_object json_objectagg json_overlaps json_pretty json_quote
  json_remove json_replace json_search json_set json_type json_unquote json_valid json_value last_day last_value
  latest_by_offset lcase least left length ln localtime localtimestamp locate log log10 log2 lower lpad ltrim make_set
  makedate maketime max max_by md5 median member_of microsecond mid min min_by minute mod month monthname now nullif
  nvl oct octet_length ord percentile_cont percentile_disc period_add period_diff pi position pow power proctime
  quantile quarter quote radians rand regexp_instr regexp_like regexp_replace regexp_substr regr_intercept regr_slope
  repeat replace reverse right round rpad rtrim sec_to_time second session sha sha1 sha2 sign sin soundex space
  split_part sqrt stagger starts_with std stddev stddev_pop stddev_samp str_to_date strcmp subdate substr substring
  substring_index subtime sum sysdate tan time time_bucket time_format time_to_sec timediff timestamp timestampadd
  timestampdiff to_base64 to_days to_seconds to_timestamp top_k translate trim truncate tumble ucase unhex
  unix_timestamp upper utc_date utc_time utc_timestamp uuid var_pop var_samp variance week weekday weekofyear
  width_bucket year yearweek
`.trim().toUpperCase().split(/\s+/);

/** A name as a statement has to write it. */
export function name(text: string): string {
  return `\`${text.replaceAll("`", "``")}\``;
}

export interface Statement {
  text: string;
  start: number; // UTF-16 index of text in the whole
  select: boolean;
}

/** The statements of a text, without the semicolons between them. */
export function statements(text: string): Statement[] {
  const out: Statement[] = [];
  let first: Token | undefined;
  let start = 0;
  const finish = (end: number, next: number) => {
    if (first) {
      const word = text.slice(first.start, first.end).toLowerCase();
      out.push({ text: text.slice(start, end), start, select: word === "select" || word === "subscribe" || word === "with" || word === "(" });
    }
    first = undefined;
    start = next;
  };
  for (const t of tokens(text)) {
    if (t.kind === "mark" && text[t.start] === ";") finish(t.start, t.end);
    else if (t.kind !== "space" && t.kind !== "comment") first ??= t;
  }
  finish(text.length, text.length);
  return out;
}

const units: Record<string, number> = { second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/**
 * The distance between the ends of a statement's windows and their size, in
 * milliseconds; undefined where it does not say so in the plain way.
 */
export function windowOf(text: string): { step: number; size: number } | undefined {
  const plain = tokens(text)
    .filter((t) => t.kind !== "space" && t.kind !== "comment")
    .map((t) => (t.kind === "string" ? "''" : text.slice(t.start, t.end)))
    .join(" ");
  // TUMBLE(ts, size) and HOP(ts, slide, size): the first interval is the step.
  const m = /\b(tumble|hop) \( [^(),]+ , interval (\d+) (second|minute|hour|day)s?\b(?: , interval (\d+) (second|minute|hour|day)s?\b)?/i.exec(plain);
  if (!m) return undefined;
  const length = (n: string | undefined, unit: string | undefined) => Number(n) * (units[unit?.toLowerCase() ?? ""] ?? NaN);
  const step = length(m[2], m[3]);
  const size = m[1]!.toLowerCase() === "hop" ? length(m[4], m[5]) : step;
  return step > 0 && size > 0 ? { step, size } : undefined;
}

/** The UTF-16 index of a byte of the text's UTF-8; a byte within a character is its start. */
export function indexOfByte(text: string, byte: number): number {
  let bytes = 0;
  let index = 0;
  for (const ch of text) {
    const code = ch.codePointAt(0)!;
    const size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (bytes + size > byte) break;
    bytes += size;
    index += ch.length;
  }
  return index;
}
