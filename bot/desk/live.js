// Keeps a page of the desk fresh: hears that something changed, fetches the page's own address for that, and swaps the parts
// that differ. What somebody types stands outside those parts; focus goes back to where it was.

const watch = document.querySelector("[data-watch]");
const desk = new URL(document.body.dataset.desk, location.href);
const log = document.querySelector("[role=log]");

const atEnd = () => !log || log.scrollHeight - log.scrollTop - log.clientHeight < 80;
const toEnd = () => log && (log.scrollTop = log.scrollHeight);

// Items of a list by key: only what is new is put in, so that a screen reader reads that alone.
function keyed(old, fresh) {
  const had = new Map([...old.children].map((item) => [item.dataset.key, item]));
  for (const item of fresh.children) {
    const known = had.get(item.dataset.key);
    had.delete(item.dataset.key);
    if (!known) old.append(document.importNode(item, true));
    else if (known.outerHTML !== item.outerHTML) known.replaceChildren(...document.importNode(item, true).childNodes);
  }
  for (const gone of had.values()) gone.remove();
}

export function swap(page) {
  const low = atEnd();
  for (const fresh of page.querySelectorAll("[data-live]")) {
    const old = document.querySelector(`[data-live="${fresh.dataset.live}"]`);
    if (!old || old.innerHTML === fresh.innerHTML) continue;
    if ("keyed" in old.dataset) {
      keyed(old, fresh);
      continue;
    }
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    old.replaceChildren(...document.importNode(fresh, true).childNodes);
    if (focused) (document.getElementById(focused) || document.getElementById("main")).focus({ preventScroll: true });
  }
  for (const fresh of page.querySelectorAll("[data-gate]")) {
    const old = document.querySelector(`[data-gate="${fresh.dataset.gate}"]`);
    if (!old || old.hidden === fresh.hidden) continue;
    // a field that is just being filled in stays until somebody leaves it
    if (fresh.hidden && old.contains(document.activeElement)) document.getElementById("main").focus({ preventScroll: true });
    old.hidden = fresh.hidden;
  }
  if (page.title) document.title = page.title;
  if (low) toEnd();
}

export function tell(text) {
  const lost = document.getElementById("lost");
  lost.hidden = !text;
  if (lost.textContent !== text) lost.textContent = text;
}

let busy = false;
let again = false;
async function look() {
  again = true;
  if (busy) return;
  busy = true;
  try {
    while (again) {
      again = false;
      const answer = await fetch(new URL(watch.dataset.watch, desk), { credentials: "same-origin" });
      if (answer.redirected) return over();
      if (answer.ok) swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
    }
  } catch {
    tell("The connection is lost. What you typed stays here; it is tried again.");
  } finally {
    busy = false;
  }
}

export function over() {
  source?.close();
  tell("You were signed out. Copy what you typed, then open this page again to sign in.");
}

let source;
if (watch) {
  const handoff = watch.dataset.handoff;
  source = new EventSource(new URL(handoff ? `events?handoff=${handoff}` : "events", desk));
  source.addEventListener("changed", look);
  source.addEventListener("over", over);
  source.addEventListener("open", () => {
    tell("");
    look(); // what changed while nobody listened
  });
  source.addEventListener("error", () => source.readyState === EventSource.CLOSED && tell("The connection is lost. Open this page again."));
  addEventListener("pagehide", () => source.close());
  toEnd();
}
