// What opens the link of an invitation stands behind the `#`: only a script can see it, and no log does.

const field = document.querySelector("[data-link]");
field.value = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
