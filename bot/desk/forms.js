// Sends the forms of a chat without leaving it. The answer is the page as it is now; what was typed goes only when it was taken.

import { over, swap, tell } from "./live.js";

async function send(form) {
  if (form.dataset.sending) return;
  form.dataset.sending = "1";
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), credentials: "same-origin" });
    if (answer.redirected && answer.url.includes("/desk/sign-in")) return over();
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const place of document.querySelectorAll("[data-told]")) {
      place.replaceChildren(...[...(page.getElementById(place.id)?.childNodes ?? [])].map((node) => document.importNode(node, true)));
    }
    if (!page.querySelector("[data-watch]")) return tell(page.querySelector("main p")?.textContent ?? "It was not done. Open this page again.");
    swap(page);
    if (answer.ok) taken(form, page);
    if (answer.ok && form.action.endsWith("/take")) document.getElementById("text")?.focus();
  } catch {
    tell("It could not be sent: the connection is lost. What you typed is still here; send it again.");
  } finally {
    delete form.dataset.sending;
  }
}

function taken(form, page) {
  if ("clear" in form.dataset) for (const field of form.querySelectorAll("textarea, #amount, #reason")) field.value = "";
  const key = form.querySelector("[name=key]");
  const fresh = page.querySelector("[name=key]");
  if (key && fresh) key.value = fresh.value; // the next message is another one
  form.closest("details")?.removeAttribute("open");
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!("quiet" in form.dataset)) return;
  event.preventDefault();
  send(form);
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("textarea")) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});

document.querySelector("[data-canned]")?.addEventListener("change", (event) => {
  const text = document.getElementById("text");
  text.setRangeText(event.target.value, text.selectionStart, text.selectionEnd, "end");
  event.target.value = "";
  text.focus();
});
