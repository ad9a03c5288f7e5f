// Moves in a transcript: `j` and `k` go from what a person said to the next and the one before.

const turns = () => [...document.querySelectorAll(".event.human[id], .event.marked[id]")];

function move(step) {
  const all = turns();
  const now = all.findIndex((each) => `#${each.id}` === location.hash);
  const next = now < 0 ? (step > 0 ? 0 : all.length - 1) : now + step;
  const target = all[Math.min(Math.max(next, 0), all.length - 1)];
  if (target) location.hash = target.id;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
  else if (event.key === "/") {
    event.preventDefault();
    document.getElementById("words")?.focus();
  }
});

const marked = location.hash && document.getElementById(location.hash.slice(1));
if (marked) for (const each of marked.querySelectorAll("details")) each.open = true;
