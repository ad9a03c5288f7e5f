// What every page has: colours, dialogs, questions before a deed, toasts, times in the reader's zone.

const THEME = "precedent-theme";
const YEAR_S = 31536000;
const TOAST_MS = 8000;

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function nameTheme() {
  for (const each of document.querySelectorAll("[data-theme-name]")) each.textContent = isDark() ? "Light" : "Dark";
}

function switchTheme() {
  const wanted = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = wanted;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${THEME}=${wanted}; Path=/; Max-Age=${YEAR_S}; SameSite=Lax${secure}`;
  nameTheme();
  document.dispatchEvent(new CustomEvent("precedent:theme"));
}

const LONG = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const SHORT = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

function tellTimes(root) {
  for (const each of root.querySelectorAll("time[datetime]:not([data-told])")) {
    const at = new Date(each.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    if (!each.title) each.title = each.textContent;
    each.textContent = ("short" in each.dataset ? SHORT : LONG).format(at);
    each.dataset.told = "";
  }
}

function dismissLater(root) {
  for (const each of root.querySelectorAll("[data-toast]:not(.bad)")) setTimeout(() => each.remove(), TOAST_MS);
}

export function toast(text, kind = "") {
  const place = document.getElementById("toasts");
  const made = document.createElement("div");
  made.className = `toast ${kind}`;
  made.dataset.toast = "";
  made.append(Object.assign(document.createElement("span"), { textContent: text }));
  place.append(made);
  dismissLater(place);
}

document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  if (!target) return;
  if (target.closest("[data-theme-switch]")) return switchTheme();
  const opener = target.closest("[data-opens]");
  if (opener) return document.getElementById(opener.dataset.opens)?.showModal();
  const closer = target.closest("[data-closes]");
  if (closer) {
    const dialog = closer.closest("dialog");
    return dialog ? dialog.close() : closer.closest("[data-toast]")?.remove();
  }
  const copier = target.closest("[data-copies]");
  if (copier) {
    const source = document.getElementById(copier.dataset.copies);
    navigator.clipboard?.writeText(source.value ?? source.textContent).then(() => toast("Copied."));
  }
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sure && !confirm(form.dataset.sure)) event.preventDefault();
});

document.addEventListener("change", (event) => {
  const form = event.target.closest?.("form[data-at-once]");
  if (form) form.requestSubmit();
});

// Empty filters stay out of addresses.
document.addEventListener("formdata", (event) => {
  if (event.target.method !== "get") return;
  for (const [name, value] of [...event.formData.entries()]) if (value === "") event.formData.delete(name);
});

function ready(root) {
  tellTimes(root);
  dismissLater(root);
}

document.addEventListener("htmx:afterSwap", (event) => ready(event.target));
document.addEventListener("htmx:responseError", (event) => toast(`The server answered ${event.detail.xhr.status}.`, "bad"));
document.addEventListener("htmx:sendError", () => toast("The server does not answer; try again.", "bad"));
ready(document);
nameTheme();
