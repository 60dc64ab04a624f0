// Keys of the desk. None works while somebody types, and none with Ctrl, Alt or Meta, which belong to the browser.

const help = document.getElementById("keys");

const press = (id) => document.getElementById(id)?.click();

function toReply() {
  const text = document.getElementById("text");
  if (text?.offsetParent) text.focus();
}

function toProposal() {
  const box = document.getElementById("propose");
  if (!box || box.hidden) return;
  box.open = true;
  document.getElementById("amount").focus();
}

function walk(step) {
  const rows = [...document.querySelectorAll("[data-row]")];
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement);
  rows[at < 0 ? 0 : Math.min(Math.max(at + step, 0), rows.length - 1)].focus();
}

const keys = {
  j: () => walk(1),
  k: () => walk(-1),
  t: () => press("do-take"),
  r: toReply,
  p: toProposal,
  e: () => document.getElementById("do-resolve")?.focus(),
  "?": () => help.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || help?.open) return;
  if (event.target.matches("input, textarea, select")) {
    if (event.key === "Escape") document.getElementById("main").focus();
    return;
  }
  const work = keys[event.key];
  if (!work) return;
  event.preventDefault();
  work();
});
