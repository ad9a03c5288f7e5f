'''The pages for people: HTML made on the server, beside the interface for programs.

A page has no logic of its own: it asks the services that the interface asks and renders a template. How one is added:

1. A module here, with a router and what the registry wants of it:

       routes = PageRoutes()
       WHO = allow(Role.MEMBER)

       @routes.add("GET", "/harbour", WHO)
       def harbour(request: Request, program: Program, caller: Caller) -> HTMLResponse:
           """Show the harbour."""
           return render(request, "harbour.html", ships=program.harbour.ships())

       PAGES = Pages(routes, (Entry("Harbour", "/harbour", "anchor", Group.OPERATION, WHO),))

   Errors are raised as everywhere (`NotFound`, `Forbidden` …); the application shows them as pages.
2. One line in `registry.py`. The order there is the order of the navigation within a group.
3. `templates/harbour.html`: `{% extends "base.html" %}`, blocks `title`, `heading`, `crumbs`, `lead`, `actions` and
   `main`. What it looks like comes from the macros in `components.html`, there as `ui` (tables, cards, tiles, forms,
   dialogs, pages of a list, bars, sparklines, heat maps) and the classes of `static/style.css`; icons are
   `icon("name")`. Numbers, amounts and times are written with the filters of `writing.py`. A name that a template does
   not get fails the page. A link to another page is `reach("/harbour")`, or `reach("/harbour", "/harbour/" ~ ship.id)`
   for what stands below it: it is empty where the reader may not go, and `ui.linked(text, address)` is then the text.
4. What changes something is a form with `method="post"`: the route takes `form: Form` (`forms.py`), does it, and
   answers with `done(request, "/harbour", "The ship is in.")`, which leads back and says so. Without a reload:
   `hx-post` or `hx-get` with `hx-target` and `hx-select` on the same routes. A browser proves where a form comes from
   (`Sec-Fetch-Site`, `Origin`); `guard` looks at it, so that a form needs no token.
5. A script of its own is an ES module in `static/`, named in the block `scripts` of the template; it finds its
   elements by `data-…` attributes. There is no script, no style and no handler in HTML: the policy forbids them.
6. A line in `docs/reference/web.md`, and tests in `tests/web/`; a page without parameters in its path is looked at by
   `tests/web/test_every_page.py` by itself: policy, console, accessibility, both themes, phone width.
'''

from .serving import add

__all__ = ["add"]
