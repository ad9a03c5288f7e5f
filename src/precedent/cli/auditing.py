"""`precedent audit list`, `verify` and `export`."""

import csv
import sys
from datetime import UTC, timedelta
from typing import Annotated, Any

import msgspec
import typer

from precedent.errors import BadInput
from precedent.security import audit
from precedent.usage.periods import day, first_instant

from .context import context
from .output import duration, instant, iso, print_json, print_table, say

audit_cli = typer.Typer(help="What was done by whom.", no_args_is_help=True, rich_markup_mode=None)

_Principal = Annotated[str | None, typer.Option(help="Only acts of this principal.")]
_Action = Annotated[str | None, typer.Option(help="Only this action; the beginning of one, if it ends in *.")]
_Resource = Annotated[str | None, typer.Option(help="Only acts on this resource.")]
_Since = Annotated[str | None, typer.Option(help="First day, UTC, for example 2026-11-25.")]
_Until = Annotated[str | None, typer.Option(help="Last day, UTC.")]


class AuditEntry(msgspec.Struct, kw_only=True):
    """One act, ready for JSON.

    Attributes:
        at: UTC, ISO 8601.
        details: what the action tells of itself.
    """

    id: int
    at: str | None
    principal: str
    action: str
    resource: str
    result: str
    duration_us: int
    request_id: str
    address: str
    details: dict[str, Any]
    hash: str

    @classmethod
    def of(cls, row: audit.Row) -> "AuditEntry":
        """Return it as it is shown."""
        return cls(**row._asdict() | {"at": iso(row.at), "details": msgspec.json.decode(row.details)})


class AuditVerdict(msgspec.Struct, kw_only=True):
    """What a verification found, ready for JSON.

    Attributes:
        ok: every row fits.
        rows: how many fit.
        hash: of the last one that fits; note `rows:hash` elsewhere and give it to `--expect`.
        fault: what is wrong.
        row: id of the first row that does not fit or is not there.
    """

    ok: bool
    rows: int
    hash: str
    fault: str
    row: int | None


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(audit_cli, name="audit")


def _wanted(
    principal: str | None, action: str | None, resource: str | None, since: str | None, until: str | None
) -> audit.Filter:
    first = first_instant(day(since), UTC) if since else None
    end = first_instant(day(until) + timedelta(days=1), UTC) if until else None
    return audit.Filter(principal, action, resource, None, first, end)


@audit_cli.command("list")
def audit_list(
    ctx: typer.Context,
    principal: _Principal = None,
    action: _Action = None,
    resource: _Resource = None,
    since: _Since = None,
    until: _Until = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what was done, newest first."""
    with context(ctx).app.store.read() as tx:
        page = audit.find(tx, _wanted(principal, action, resource, since, until), limit=limit)
    if as_json:
        print_json([msgspec.to_builtins(AuditEntry.of(row)) for row in page.rows])
        return
    rows = [
        {
            "id": row.id, "at": instant(row.at), "principal": row.principal, "action": row.action,
            "resource": row.resource, "result": row.result, "took": duration(row.duration_us), "details": row.details,
        }
        for row in page.rows
    ]  # fmt: skip
    print_table(rows, ["id", "at", "principal", "action", "resource", "result", "took", "details"])


@audit_cli.command("verify")
def audit_verify(
    ctx: typer.Context,
    expect: Annotated[
        list[str] | None, typer.Option(help="ROWS:HASH that was noted elsewhere; may be given several times.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check that no row of the audit log was changed, taken out, put in, moved or cut off; 1 when one was."""
    app = context(ctx).app
    seen = app.witness.hashes() | dict(map(_expected, expect or []))
    with app.store.read() as tx:
        found = audit.verify(tx, seen=seen)
    if as_json:
        verdict = AuditVerdict(
            ok=not found.fault, rows=found.rows, hash=found.head.hash, fault=found.fault, row=found.row
        )
        print_json(msgspec.to_builtins(verdict))
    elif found.fault:
        say(f"The audit log is broken: {found.fault}. The {found.rows:,} rows before it fit.")
    else:
        say(f"All {found.rows:,} rows fit, and {len(seen):,} that were noted elsewhere. To note elsewhere:")
        typer.echo(f"{found.rows}:{found.head.hash}")
    raise typer.Exit(1 if found.fault else 0)


def _expected(text: str) -> tuple[int, str]:
    rows, _, digest = text.partition(":")
    if not (rows.isascii() and rows.isdigit() and len(digest) == len(audit.GENESIS)):
        raise BadInput(f"{text!r} is not what `precedent audit verify` prints; write it as ROWS:HASH")
    return int(rows), digest.lower()


@audit_cli.command("export")
def audit_export(
    ctx: typer.Context,
    principal: _Principal = None,
    action: _Action = None,
    resource: _Resource = None,
    since: _Since = None,
    until: _Until = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of one JSON value a line.")] = False,
) -> None:
    """Print rows, oldest first, one JSON value a line or as CSV; the export is an act of the log too."""
    here = context(ctx).app
    wanted = _wanted(principal, action, resource, since, until)
    # The columns in their order: with them anybody can compute the hashes again.
    names = list(audit.Row._fields)
    writer = csv.writer(sys.stdout) if as_csv else None
    if writer is not None:
        writer.writerow(names)
    count = 0
    with here.store.read() as tx:
        for values in audit.each(tx, wanted):
            count += 1
            if writer is not None:
                writer.writerow(
                    ["'" + str(each) if str(each).startswith(("=", "+", "-", "@")) else each for each in values]
                )
            else:
                typer.echo(msgspec.json.encode(dict(zip(names, values, strict=True))).decode())
    with here.store.write() as tx:
        here.audited(tx, "export_audit", "audit", details={"rows": count})
