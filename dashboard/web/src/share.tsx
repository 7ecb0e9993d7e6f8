// Links: a button that copies one, and the banner of a page that was opened by one.

import { useSignal } from "@preact/signals";
import { statements } from "./sql";
import { address, type Link } from "./view";

const doneMs = 1500;

export function CopyLink({ link }: { link: () => Link }) {
  const said = useSignal("");
  const onClick = async () => {
    try {
      await navigator.clipboard.writeText(address(link()));
      said.value = "Copied";
    } catch {
      prompt("This browser does not let the page copy. The link:", address(link()));
    }
    setTimeout(() => { said.value = ""; }, doneMs);
  };
  return (
    <button type="button" class="quiet" data-testid="link-copy" title="Copy a link to this statement and how it is looked at"
      onClick={() => void onClick()}>
      {said.value || "Link"}
    </button>
  );
}

/** A link only fills the box: nothing runs before somebody who has read it says so. */
export function Banner({ sql, run, dismiss }: { sql: string; run: () => void; dismiss: () => void }) {
  const writes = statements(sql).some((s) => !s.select && !/^\s*(show|describe|desc|explain)\b/i.test(s.text));
  return (
    <div class="banner" role="status" data-testid="banner">
      <span>
        {"This link brought a statement. It has not run."}
        {writes && <b>{" It does not only read: have a look at it first."}</b>}
      </span>
      <span class="spring" />
      <button type="button" class="run" data-testid="banner-run" onClick={run}>Run it</button>
      <button type="button" class="quiet" onClick={dismiss}>Not now</button>
    </div>
  );
}
