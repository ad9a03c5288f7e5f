"""Decodes one line into typed objects and never raises for bad input.

The typed decoder does nearly all lines. What it refuses is decoded again, field by field: a wrong type costs that
field, two objects glued on one line are both read, and what is no JSON at all is one counted defect.
"""

import json
import re
import types
from codecs import BOM_UTF8, getincrementaldecoder
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from .tally import Tally

T = TypeVar("T", bound=msgspec.Struct)
HEAD_LINES = 50  # as many lines as tell an agent from another
MAX_REPAIRED_BYTES = 4 << 20
"""The standard library's tree of a line takes up to 33 times its size."""
BYTES_A_VALUE = 32
"""In a line beyond that size; an object of none of ours takes up to 150 bytes."""
CHECKED_BYTES = 1 << 20
HOSTILE = (RecursionError, OverflowError, MemoryError)
"""What parsers raise on hostile input beside their own errors; none of them is a ValueError."""


REFUSED = (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE)
"""What `LineDecoder.strict` raises."""


class LineDecoder(Generic[T]):
    """Decodes lines into one wire type.

    Attributes:
        strict: decodes a line that holds exactly one fitting object and raises one of `REFUSED` for any other; a
            parser in a hurry tries it before `decode`.
    """

    def __init__(self, wire: type[T]) -> None:
        self._wire = wire
        self._strict = msgspec.json.Decoder(wire)
        self.strict = self._strict.decode

    def decode(self, data: bytes | bytearray, *, tally: Tally, offset: int, line: int) -> list[T]:
        """Return the objects of a line in order; none when nothing on it can be used (counted as a defect)."""
        if len(data) > MAX_REPAIRED_BYTES and is_dense(data):
            tally.defect("too large to decode", offset=offset, line=line)
            return []
        try:
            found = self._strict.decode(data)
            # What is kept undecoded was not looked at.
            return [found] if is_utf8(data) else self._replaced(data, tally=tally, offset=offset, line=line)
        except msgspec.ValidationError:
            pass
        except msgspec.DecodeError as error:
            return self._repaired(data, error, tally=tally, offset=offset, line=line)
        except UnicodeDecodeError:
            return self._replaced(data, tally=tally, offset=offset, line=line)
        except HOSTILE as error:
            tally.defect(_hostile_reason(error), offset=offset, line=line)
            return []
        return self._lenient(data, tally=tally, offset=offset, line=line)

    def _repaired(self, data: bytes | bytearray, error: Exception, *, tally: Tally, offset: int, line: int) -> list[T]:
        if "utf-8" in str(error).lower():
            return self._replaced(data, tally=tally, offset=offset, line=line)
        if len(data) > MAX_REPAIRED_BYTES:
            tally.defect("not JSON", offset=offset, line=line)
            return []
        pieces = glued_objects(bytes(data))
        if not pieces:
            tally.defect("not JSON", offset=offset, line=line)
            return []
        # One piece means that only the standard library's wider grammar accepts it: NaN, a lone surrogate.
        reason = "several objects on one line" if len(pieces) > 1 else "not standard JSON"
        tally.defect(reason, offset=offset, line=line)
        return [each for piece in pieces for each in self._lenient(piece, tally=tally, offset=offset, line=line)]

    def _replaced(self, data: bytes | bytearray, *, tally: Tally, offset: int, line: int) -> list[T]:
        tally.defect("invalid UTF-8", offset=offset, line=line)
        return self._lenient(data.decode("utf-8", "replace").encode(), tally=tally, offset=offset, line=line)

    def _lenient(self, data: bytes | bytearray, *, tally: Tally, offset: int, line: int) -> list[T]:
        def note(reason: str) -> None:
            tally.defect(reason, offset=offset, line=line)

        try:
            return [self._strict.decode(data)]
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass
        except HOSTILE as error:
            note(_hostile_reason(error))
            return []
        if len(data) > MAX_REPAIRED_BYTES:
            note("too large to repair")
            return []
        try:
            value = json.loads(data)
            if isinstance(value, dict):
                return [coerce(value, self._wire, note=note, path="")]
            note("not an object")
        except ValueError:
            note("not JSON")
        except HOSTILE as error:
            note(_hostile_reason(error))
        return []


def is_dense(data: bytes | bytearray) -> bool:
    """Tell whether a line is of so many values that decoding it takes many times its size; large lines are text."""
    return data.count(b"{") + data.count(b"[") > len(data) // BYTES_A_VALUE


def is_utf8(data: bytes | bytearray) -> bool:
    """Tell whether bytes are valid UTF-8."""
    if data.isascii():
        return True
    try:
        if len(data) <= CHECKED_BYTES:
            data.decode()
            return True
        check, view = getincrementaldecoder("utf-8")(), memoryview(data)
        # In pieces: one character beyond a certain plane makes a text of four times the size.
        for start in range(0, len(data), CHECKED_BYTES):
            check.decode(view[start : start + CHECKED_BYTES], final=start + CHECKED_BYTES >= len(data))
    except UnicodeDecodeError:
        return False
    return True


def _hostile_reason(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return "number out of range" if isinstance(error, OverflowError) else "too large to decode"


def glued_objects(data: bytes) -> list[bytes]:
    """Cut a line that holds several JSON objects without a separator; empty when it is anything else."""
    text = data.decode("utf-8", "replace").lstrip("\ufeff \t\r")
    scanner, pieces, place = json.JSONDecoder(), [], 0
    while place < len(text):
        try:
            value, end = scanner.raw_decode(text, place)
        except (ValueError, *HOSTILE):
            return []
        if not isinstance(value, dict):
            return []
        pieces.append(text[place:end].encode("utf-8", "replace"))
        place = end
        while place < len(text) and text[place] in " \t\r":
            place += 1
    return pieces


_HALF_A_PAIR = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)


def head_objects(head: bytes) -> Iterator[bytes]:
    """Yield the first lines of a file, and the objects of a line that glues several; the last line may be cut off.

    Half of a surrogate pair is replaced: decoders refuse it, and it says nothing of whose line it is.
    """
    said = (line for line in head.removeprefix(BOM_UTF8).split(b"\n") if line and not line.isspace())
    for line in islice(said, HEAD_LINES):
        told = _HALF_A_PAIR.sub(rb"\\ufffd", line)
        yield from glued_objects(told) if b"}{" in told else ()
        yield told


def coerce(value: Any, wanted: Any, *, note: Callable[[str], None], path: str) -> Any:
    """Fit a decoded value into a type; what does not fit becomes the field's default and is noted.

    Raises:
        ValueError: the value as a whole cannot stand for the type; the caller's field takes its default.
    """
    origin = get_origin(wanted)
    if wanted is msgspec.Raw:
        return msgspec.Raw(json.dumps(value).encode())
    if wanted is str and isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if wanted is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if origin in {Union, types.UnionType}:
        return _coerce_union(value, get_args(wanted), note=note, path=path)
    if origin is list:
        if not isinstance(value, list):
            raise ValueError(path)
        kept = []
        for each in value:
            try:
                kept.append(coerce(each, get_args(wanted)[0], note=note, path=f"{path}[]"))
            except ValueError:
                note(f"wrong type at {path}[]")
        return kept
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        return _coerce_struct(value, wanted, note=note, path=path)
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError:
        raise ValueError(path) from None


def _coerce_union(value: Any, options: tuple[Any, ...], *, note: Callable[[str], None], path: str) -> Any:
    if value is None and type(None) in options:
        return None
    for option in options:
        if option is type(None):
            continue
        try:
            return coerce(value, option, note=note, path=path)
        except ValueError:
            continue
    raise ValueError(path)


def _coerce_struct(value: Any, wanted: type[msgspec.Struct], *, note: Callable[[str], None], path: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(path)
    hints, fields = get_type_hints(wanted), {}
    for field in msgspec.structs.fields(wanted):
        if field.encode_name not in value:
            continue
        place = f"{path}.{field.encode_name}" if path else field.encode_name
        try:
            fields[field.name] = coerce(value[field.encode_name], hints[field.name], note=note, path=place)
        except ValueError:
            note(f"wrong type at {place}")
    return wanted(**fields)
