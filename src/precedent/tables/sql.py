"""Writes pieces of SQL for DuckDB and PostgreSQL that hold what others have named."""


def name(text: str) -> str:
    """Return an identifier as both databases take it."""
    return '"' + text.replace('"', '""') + '"'


def names(path: str) -> str:
    """Return a name with dots, as `schema.table`, each part quoted."""
    return ".".join(map(name, path.split(".")))


def text(value: str) -> str:
    """Return a literal as both databases take it."""
    return "'" + value.replace("'", "''") + "'"


def files(paths: list[str]) -> str:
    """Return a table function over Parquet files; columns that a file has not are NULL in its rows."""
    return f"read_parquet([{', '.join(map(text, paths))}], union_by_name = true)"
