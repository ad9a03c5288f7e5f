"""`/data`: the tables that are for whoever looks, and questions in SQL."""

import csv
import io

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from precedent.app import App
from precedent.errors import BadInput, Exhausted, Transient
from precedent.http.access import Caller, PageRoutes, Program, allow
from precedent.security.principals import Principal, Role
from precedent.tables import listing
from precedent.tables.asking import MAX_ROWS, MAX_SQL, Answer
from precedent.usage.export import cell

from .contract import Entry, Group, Pages
from .forms import Form
from .rendering import render

routes = PageRoutes()
READER = allow(Role.VIEWER)
PAGE = "/data"
ROWS = 500
EXAMPLE = "SELECT day, sum(cost_usd) AS dollars\nFROM usage_team\nGROUP BY day\nORDER BY day DESC\nLIMIT 30"


@routes.add("GET", PAGE, READER)
def data(request: Request, program: Program, caller: Caller) -> HTMLResponse:
    """Show the tables that are for the caller."""
    return _page(request, program, caller)


@routes.add("POST", "/data/query", READER)
def query(request: Request, program: Program, caller: Caller, form: Form) -> HTMLResponse:
    """Answer one SELECT and show its rows."""
    sql = form.text("sql", most=MAX_SQL)
    try:
        answer = program.ask(caller, _given(sql), max_rows=ROWS)
    except (BadInput, Exhausted, Transient) as error:
        return _page(request, program, caller, sql=sql, fault=str(error))
    return _page(request, program, caller, sql=sql, answer=answer)


@routes.add("POST", "/data/query.csv", READER)
def query_csv(request: Request, program: Program, caller: Caller, form: Form) -> Response:
    """Answer one SELECT as CSV; a text that a spreadsheet would take for a formula is quoted."""
    sql = form.text("sql", most=MAX_SQL)
    try:
        answer = program.ask(caller, _given(sql), max_rows=MAX_ROWS)
    except (BadInput, Exhausted, Transient) as error:
        return _page(request, program, caller, sql=sql, fault=str(error))
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(
        [[cell(each) for each in row] for row in (answer.columns, *answer.rows)]
    )
    headers = {"content-disposition": 'attachment; filename="answer.csv"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _given(sql: str) -> str:
    if not sql.strip():
        raise BadInput("write a question: one SELECT")
    return sql


def _page(
    request: Request, program: App, caller: Principal, *, sql: str = "", answer: Answer | None = None, fault: str = ""
) -> HTMLResponse:
    with program.store.read() as tx:
        tables = listing.offered(tx, caller)
    return render(
        request,
        "data.html",
        status=400 if fault else 200,
        tables=tables,
        sql=sql or EXAMPLE,
        answer=answer,
        fault=fault,
        most=ROWS,
        admin=caller.role is Role.ADMIN,
    )


PAGES = Pages(routes, (Entry("Data", PAGE, "search", Group.FIGURES, READER),))
