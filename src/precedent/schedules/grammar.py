"""The grammar of schedules: text to due instants. Pure: no clock, no settings, no input or output.

    every 15m                           elapsed time, in minutes or hours
    daily 07:00,13:00 [zone]            every day at these times
    weekly mon,thu 09:00 [zone]         on these days at these times
    30 7 * * mon-fri [zone]             five cron fields; a day matches by day of month OR day of week
    @hourly [zone]                      and @daily, @midnight, @weekly, @monthly, @yearly, @annually

`~` in place of a time, a day or a number is one that follows from the job's name, always the same. The zone is an IANA
name; without one it is UTC.
"""

import difflib
import re
from collections.abc import Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from precedent.errors import BadInput

from .due import Every, Schedule, Wall, spread

LONGEST_TEXT = 200
LONGEST_MINUTES = 366 * 24 * 60
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MACROS = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}  # fmt: skip
_LONGEST_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DAY_MINUTES = 24 * 60


class Fault(BadInput):
    """A text is no schedule.

    Attributes:
        text: as it was given.
        column: of the fault, from 1.
    """

    def __init__(self, message: str, *, text: str, column: int) -> None:
        super().__init__(f"{text!r} is no schedule: column {column}: {message}")
        self.text, self.column, self.message = text, column, message


class _Word(NamedTuple):
    text: str
    at: int
    """Characters before it."""


class _Field(NamedTuple):
    """One of the five cron fields.

    Attributes:
        name: in messages.
        names: of values, the first one is `low`.
        spread: values that `~` chooses from: days that every month has, and Sunday once.
    """

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    spread: tuple[int, int] = (0, 0)


_FIELDS = (
    _Field("minute", 0, 59, spread=(0, 59)),
    _Field("hour", 0, 23, spread=(0, 23)),
    _Field("day of month", 1, 31, spread=(1, 28)),
    _Field("month", 1, 12, MONTHS, spread=(1, 12)),
    _Field("day of week", 0, 7, DAYS, spread=(0, 6)),
)


def parse(text: str, *, name: str) -> Schedule:
    """Return the schedule that a text describes.

    Args:
        text: in the grammar above.
        name: of the job, which `~` and the instants of `every` follow from.

    Raises:
        Fault: it is none; says where and why.
    """
    return _Parser(text, name).schedule()


class _Parser:
    def __init__(self, text: str, name: str) -> None:
        self._text, self._name = text, name
        if len(text) > LONGEST_TEXT:
            raise Fault(f"longer than {LONGEST_TEXT} characters", text=text[:40] + "…", column=LONGEST_TEXT + 1)
        for at, character in enumerate(text):
            if not (" " <= character <= "~"):
                raise self._fault(f"{character!r} is none of the characters of a schedule", at)
        self._words = [_Word(found[0], found.start()) for found in re.finditer("[^ ]+", text)]

    def schedule(self) -> Schedule:
        if not self._words:
            raise self._fault("nothing stands here", 0)
        first, *rest = self._words
        match first.text.lower():
            case "every":
                return self._every(rest)
            case "daily":
                times, zone = self._shape(rest, "one or more times, as 07:00,13:00")
                return Wall(tuple(f"{at % 60} {at // 60} * * *" for at in self._times(times)), zone=zone)
            case "weekly":
                return self._weekly(rest)
            case macro if macro in _MACROS:
                self._no_more(rest[1:])
                return Wall((_MACROS[macro],), zone=self._zone(rest))
            case word if word.startswith("@"):
                raise self._fault(f"{first.text} is none of {', '.join(_MACROS)}", first.at)
            case word if not re.match(r"[0-9*~]", word):
                raise self._fault(
                    f"{first.text} begins no schedule; one begins with every, daily, weekly, @ or a number", first.at
                )
        return self._cron()

    # every, daily, weekly -------------------------------------------------------------------------------------------

    def _every(self, rest: Sequence[_Word]) -> Schedule:
        if not rest:
            raise self._fault("an interval is missing, as 15m or 2h", len(self._text))
        interval = rest[0]
        digits = re.match("[0-9]*", interval.text)
        count = digits[0] if digits else ""
        if not count:
            raise self._fault(f"{interval.text} is no interval, as 15m or 2h", interval.at)
        if interval.text[len(count) :].lower() not in {"m", "h"}:
            raise self._fault("an interval ends with m for minutes or h for hours", interval.at + len(count))
        minutes = int(count) * (60 if interval.text[-1].lower() == "h" else 1)
        if not 0 < minutes <= LONGEST_MINUTES:
            raise self._fault("an interval is from 1 minute to 366 days", interval.at)
        if len(rest) > 1:
            raise self._fault("an interval is elapsed time and has no zone", rest[1].at)
        return Every(minutes * 60, name=self._name)

    def _weekly(self, rest: Sequence[_Word]) -> Schedule:
        if not rest:
            raise self._fault("one or more days are missing, as mon,thu", len(self._text))
        days = []
        for each in _split(rest[0], ","):
            if each.text == "~":
                days.append(spread(f"{self._name}/day", 7))
            elif each.text.lower() in DAYS:
                days.append(DAYS.index(each.text.lower()))
            else:
                raise self._fault(f"{each.text or 'nothing'} is none of {', '.join(DAYS)}", each.at)
        times, zone = self._shape(rest[1:], "one or more times, as 09:00")
        on = ",".join(map(str, sorted(set(days))))
        return Wall(tuple(f"{at % 60} {at // 60} * * {on}" for at in self._times(times)), zone=zone)

    def _shape(self, rest: Sequence[_Word], wanted: str) -> tuple[_Word, ZoneInfo | None]:
        if not rest:
            raise self._fault(f"{wanted} are missing", len(self._text))
        if len(rest) > 1 and rest[1].text[0].isdigit():
            raise self._fault("times are written without spaces between them", rest[1].at)
        self._no_more(rest[2:])
        return rest[0], self._zone(rest[1:])

    def _times(self, word: _Word) -> list[int]:
        """Minutes of the day, each once."""
        found = set()
        for each in _split(word, ","):
            if each.text == "~":
                found.add(spread(f"{self._name}/time", _DAY_MINUTES))
                continue
            shape = re.fullmatch("([0-9]{1,2}):([0-9]{2})", each.text)
            if shape is None:
                raise self._fault(f"{each.text or 'nothing'} is no time, as 07:00", each.at)
            hour, minute = int(shape[1]), int(shape[2])
            if hour > 23:
                raise self._fault(f"{shape[1]} is no hour, which is from 0 to 23", each.at)
            if minute > 59:
                raise self._fault(f"{shape[2]} is no minute, which is from 0 to 59", each.at + shape.start(2))
            found.add(hour * 60 + minute)
        return sorted(found)

    def _zone(self, rest: Sequence[_Word]) -> ZoneInfo | None:
        if not rest:
            return None
        word = rest[0]
        try:
            return ZoneInfo(word.text)
        except (ValueError, OSError, KeyError):
            near = difflib.get_close_matches(word.text, available_timezones(), n=1, cutoff=0.7)
            hint = f"; is it {near[0]}?" if near else ", as Europe/Berlin"
            raise self._fault(f"{word.text} is no time zone{hint}", word.at) from None

    def _no_more(self, rest: Sequence[_Word]) -> None:
        if rest:
            raise self._fault(f"{rest[0].text} is too much", rest[0].at)

    # cron -----------------------------------------------------------------------------------------------------------

    def _cron(self) -> Schedule:
        count = len(_FIELDS)
        words = self._words[:count]
        if len(words) < count:
            raise self._fault(f"the field {_FIELDS[len(words)].name} is missing", len(self._text))
        self._no_more(self._words[count + 1 :])
        fields = [self._field(word, field) for word, field in zip(words, _FIELDS, strict=True)]
        self._possible(words, fields)
        return Wall((" ".join(fields),), zone=self._zone(self._words[count:]))

    def _field(self, word: _Word, field: _Field) -> str:
        """Return a field in numbers; one that begins with a star keeps it, for that is what a star means to cron."""
        values: set[int] = set()
        for item in _split(word, ","):
            values |= self._item(item, field)
        if word.text.startswith("*"):
            return word.text if "~" not in word.text else "*"
        return ",".join(map(str, sorted(values)))

    def _item(self, item: _Word, field: _Field) -> set[int]:
        span, *steps = _split(item, "/")
        if len(steps) > 1:
            raise self._fault("a second step", steps[1].at - 1)
        step = self._step(steps[0], field) if steps else 1
        if span.text == "*":
            return set(range(field.low, field.high + 1, step))
        if "~" in span.text:
            if steps:
                raise self._fault("a step after ~ means nothing", steps[0].at - 1)
            return {self._chosen(span, field)}
        ends = _split(span, "-")
        if len(ends) > 2:
            raise self._fault("a second -", ends[2].at - 1)
        low = self._value(ends[0], field)
        if len(ends) == 1:
            return set(range(low, field.high + 1, step)) if steps else {low}
        return set(range(low, self._end(ends[1], field, low) + 1, step))

    def _end(self, word: _Word, field: _Field, low: int) -> int:
        high = self._value(word, field)
        if field.name == "day of week" and high == 0 and low > 0:
            high = 7  # as in sat-sun
        if high < low:
            raise self._fault(f"the range ends before it begins, at {word.text}", word.at)
        return high

    def _chosen(self, span: _Word, field: _Field) -> int:
        ends = _split(span, "~")
        if len(ends) > 2:
            raise self._fault("a second ~", ends[2].at - 1)
        low = self._value(ends[0], field) if ends[0].text else field.spread[0]
        high = self._end(ends[1], field, low) if ends[1].text else field.spread[1]
        if high < low:
            raise self._fault("nothing to choose from", span.at)
        return low + spread(f"{self._name}/{field.name}", high - low + 1)

    def _step(self, word: _Word, field: _Field) -> int:
        if not re.fullmatch("[0-9]{1,2}", word.text) or not 0 < int(word.text) <= field.high:
            raise self._fault(f"{word.text or 'nothing'} is no step, which is from 1 to {field.high}", word.at)
        return int(word.text)

    def _value(self, word: _Word, field: _Field) -> int:
        if word.text.lower() in field.names:
            return field.names.index(word.text.lower()) + field.low
        if re.fullmatch("[0-9]{1,2}", word.text) and field.low <= int(word.text) <= field.high:
            return int(word.text)
        names = f", or {field.names[0]} to {field.names[-1]}" if field.names else ""
        said = word.text or "nothing"
        raise self._fault(f"{said} is no {field.name}, which is from {field.low} to {field.high}{names}", word.at)

    def _possible(self, words: Sequence[_Word], fields: Sequence[str]) -> None:
        """Refuse a day that no chosen month has, when nothing else makes a day match."""
        days, months, week = fields[2], fields[3], fields[4]
        if days.startswith("*") or months.startswith("*") or not week.startswith("*"):
            return
        longest = max(_LONGEST_MONTH[int(each) - 1] for each in months.split(","))
        if min(map(int, days.split(","))) > longest:
            raise self._fault("no month that is chosen has such a day", words[2].at)

    def _fault(self, message: str, at: int) -> Fault:
        return Fault(message, text=self._text, column=at + 1)


def _split(word: _Word, by: str) -> list[_Word]:
    found, at = [], word.at
    for part in word.text.split(by):
        found.append(_Word(part, at))
        at += len(part) + 1
    return found
