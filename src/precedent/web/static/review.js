// The review queue by single keys. A key does what its element does: a form is sent, a link followed, a button pressed.

const KEYS = new Set(["a", "d", "e", "j", "k", "r"]);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.closest?.("input, textarea, select, dialog[open]")) return;
  if (event.key === "?") return document.getElementById("keys")?.showModal();
  if (event.key === "u") return document.querySelector("form[action$='/undo']")?.requestSubmit();
  if (!KEYS.has(event.key)) return;
  const target = document.querySelector(`[data-key="${event.key}"]`);
  if (!target) return;
  event.preventDefault();
  if (target instanceof HTMLFormElement) target.requestSubmit();
  else target.click();
});
