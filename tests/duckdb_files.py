"""DuckDB files as another installation leaves them."""

import struct
from collections.abc import Sequence
from pathlib import Path

import duckdb

NEW = (
    "CREATE TABLE session_processor_state (processor_name VARCHAR NOT NULL, session_file VARCHAR NOT NULL, "
    "username VARCHAR NOT NULL, processed_at TIMESTAMP, items_extracted INTEGER, file_hash VARCHAR, "
    "PRIMARY KEY (processor_name, session_file))"
)
OLD = (
    "CREATE TABLE session_extraction_state (session_file VARCHAR PRIMARY KEY, username VARCHAR NOT NULL, "
    "processed_at TIMESTAMP, items_extracted INTEGER, file_hash VARCHAR)"
)


def make(
    path: Path, *statements: str, new: Sequence[tuple[object, ...]] = (), old: Sequence[tuple[object, ...]] = ()
) -> Path:
    """Write a file; rows make the table that they are for."""
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        for table, create, rows in (("session_processor_state", NEW, new), ("session_extraction_state", OLD, old)):
            if rows:
                connection.execute(create)
                connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
    return path


def as_of_version(path: Path, version: int) -> None:
    """Give a file another storage version; its header's checksum is made to fit."""
    data = bytearray(path.read_bytes())
    data[12:20] = struct.pack("<Q", version)
    checksum = 5381
    for (word,) in struct.iter_unpack("<Q", bytes(data[8:4096])):
        checksum ^= (word * 0xBF58476D1CE4E5B9) & (1 << 64) - 1
    data[:8] = struct.pack("<Q", checksum)
    path.write_bytes(data)
