"""`/password`: the page that the link of an invitation or a reset leads to.

What opens the link stands behind the `#` and reaches the server in the body of a request only, so that no log of an
address holds it. The page runs one script, which the content security policy names by its hash.
"""

import hashlib
from base64 import b64encode

from fastapi.responses import HTMLResponse

from .access import PUBLIC, Routes

routes = Routes(tags=["accounts"])

_SCRIPT = """
const form = document.querySelector("form"), told = document.querySelector("output");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  told.textContent = "";
  const password = form.elements.password.value;
  if (password !== form.elements.again.value) { told.textContent = "The two are not the same."; return; }
  try {
    const answer = await fetch("/api/auth/password", {
      method: "POST", headers: {"content-type": "application/json"},
      body: JSON.stringify({link: location.hash.slice(1), password}),
    });
    if (answer.ok) {
      history.replaceState(null, "", "/password");
      form.hidden = true;
      told.textContent = "Your password is set. You can log in now.";
    } else {
      told.textContent = (await answer.json()).error.message;
    }
  } catch { told.textContent = "The server does not answer; try again."; }
});
"""
_STYLE = "body{font:1rem/1.5 system-ui;max-width:26rem;margin:4rem auto;padding:0 1rem}label,input{display:block}"
_STYLE += "input{width:100%;box-sizing:border-box;margin:0 0 1rem;padding:.5rem;font:inherit}"
_PAGE = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Set your password · Precedent</title><style>{_STYLE}</style></head>
<body><main><h1>Set your password</h1>
<form><label for="password">New password, at least 8 characters</label>
<input id="password" name="password" type="password" autocomplete="new-password" required minlength="8" maxlength="128">
<label for="again">The same again</label>
<input id="again" name="again" type="password" autocomplete="new-password" required>
<button>Set it</button></form>
<p><output></output></p></main><script>{_SCRIPT}</script></body></html>
"""


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_POLICY = (
    f"default-src 'none'; script-src {_hash(_SCRIPT)}; style-src {_hash(_STYLE)}; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


@routes.add("GET", "/password", PUBLIC, response_class=HTMLResponse)
def password_page() -> HTMLResponse:
    """Show the page on which a person sets their password."""
    headers = {"content-security-policy": _POLICY, "referrer-policy": "no-referrer"}
    return HTMLResponse(_PAGE, headers=headers)
