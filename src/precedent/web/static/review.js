// The review queue by single keys. A key does what its element does: a form is sent, a link followed, a button pressed.
// What is marked is kept while the page changes from item to item; a mark holds for the words that it was set on.

const KEPT = "precedent-marked";
const KEYS = new Set(["A", "D", "R", "a", "b", "d", "e", "j", "k", "r", "*"]);
const form = document.querySelector("[data-marks]");
const boxes = form ? [...form.querySelectorAll("input[name=item]")] : [];
let last = -1;

function kept() {
  try {
    return new Set(JSON.parse(sessionStorage.getItem(KEPT) ?? "[]"));
  } catch {
    return new Set();
  }
}

function tell() {
  const marked = boxes.filter((each) => each.checked).map((each) => each.value);
  sessionStorage.setItem(KEPT, JSON.stringify(marked));
  if (!form) return;
  const told = form.querySelector("[data-marks-told]");
  if (marked.length) told.textContent = `${marked.length} marked.`;
  else told.textContent = "Mark several with x, then judge them at once.";
  form.querySelector("[data-marks-all]").textContent = marked.length === boxes.length ? "Mark none" : "Mark all";
}

function mark(place, checked, through) {
  const from = through && last >= 0 ? last : place;
  for (let each = Math.min(from, place); each <= Math.max(from, place); each += 1) boxes[each].checked = checked;
  last = place;
  tell();
}

function ready() {
  const before = kept();
  for (const [place, box] of boxes.entries()) {
    box.checked = before.has(box.value);
    if (box.checked) last = place;
    box.addEventListener("click", (event) => mark(place, box.checked, event.shiftKey));
  }
  const all = form?.querySelector("[data-marks-all]");
  if (all) {
    all.hidden = false;
    all.addEventListener("click", () => {
      const checked = !boxes.every((each) => each.checked);
      for (const each of boxes) each.checked = checked;
      tell();
    });
  }
  tell();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.closest?.("input:not([type=checkbox]), textarea, select, dialog[open]")) return;
  if (event.key === "?") return document.getElementById("keys")?.showModal();
  if (event.key === "u") return document.querySelector("form[action='/review/undo']")?.requestSubmit();
  const here = boxes.findIndex((each) => "here" in each.dataset);
  if (event.key === "x" && here >= 0) return mark(here, !boxes[here].checked, false);
  if (event.key === "X" && here >= 0) return mark(here, true, true);
  if (!KEYS.has(event.key)) return;
  const target = document.querySelector(`[data-key="${event.key}"]`);
  if (!target) return;
  event.preventDefault();
  if (target instanceof HTMLFormElement) target.requestSubmit();
  else target.click();
});

ready();
