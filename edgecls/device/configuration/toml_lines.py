"""On which line of a TOML text each key stands: no parser of Python's tells.

The text has been parsed before and is known to be TOML, so this only has to find where keys begin and values end; what
a quoted key says is left to the parser.
"""

import sys
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Place = tuple[str | int, ...]
"""Where a value is: the keys down to it, and the index within an array."""


def line_numbers(text: str) -> dict[Place, int]:
    """The line (from 1) where each key, table and element of an array begins; a table counts from its first mention.

    `text` is valid TOML 1.0; for anything else the answer means nothing. The place () is line 1.
    """
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.lines: dict[Place, int] = {(): 1}
        self._elements: dict[Place, int] = {}  # of each array of tables, how many there have been

    def scan(self) -> dict[Place, int]:
        """All statements: headers of tables, and keys with their values."""
        table: Place = ()
        while self._skip_blank():
            if self._next() == "[":
                table = self._header()
            else:
                self._pair(table)
        return self.lines

    def _next(self, count: int = 1) -> str:
        return self.text[self.at : self.at + count]

    def _skip_blank(self) -> bool:
        """Go to the next thing that is no space, line end, comma or comment; False at the end."""
        while self.at < len(self.text):
            if self._next() == "#":
                self._skip_line()
            elif self._next() in " \t\r\n,":
                self.at += 1
            else:
                return True
        return False

    def _skip_line(self) -> None:
        end = self.text.find("\n", self.at)
        self.at = len(self.text) if end < 0 else end

    def _header(self) -> Place:
        brackets = 2 if self._next(2) == "[[" else 1
        begin, self.at = self.at, self.at + brackets
        keys = self._key("]")
        self.at += brackets
        table: Place = ()
        for key in keys[:-1]:
            table = self._in_last_element((*table, key))
        table = (*table, keys[-1])
        self._note(table, begin)
        if brackets == 2:
            self._elements[table] = self._elements.get(table, -1) + 1
            table = self._in_last_element(table)
            self._note(table, begin)
        return table

    def _in_last_element(self, table: Place) -> Place:
        """`[a.b]` below `[[a]]` belongs to the newest element of a."""
        return (*table, self._elements[table]) if table in self._elements else table

    def _pair(self, table: Place) -> None:
        begin = self.at
        place = (*table, *self._key("="))
        self.at += 1
        for depth in range(len(table) + 1, len(place) + 1):
            self._note(place[:depth], begin)
        self._value(place)

    def _note(self, place: Place, at: int) -> None:
        for depth in range(1, len(place) + 1):
            if place[:depth] not in self.lines:
                self.lines[place[:depth]] = self.text.count("\n", 0, at) + 1

    def _key(self, end: str) -> list[str]:
        """The parts of a dotted key that `end` follows."""
        begin = self.at
        while self._next() != end:
            if self._next() in "\"'":
                self._string()
            else:
                self.at += 1
        found: Any = tomllib.loads(f"{self.text[begin : self.at].strip()} = 0")
        keys = []
        while isinstance(found, dict):
            ((key, found),) = found.items()
            keys.append(key)
        return keys

    def _value(self, place: Place) -> None:
        while self._next() in " \t":
            self.at += 1
        if self._next() == "[":
            self._array(place)
        elif self._next() == "{":
            self._inline_table(place)
        elif self._next() in "\"'":
            self._string()
        else:
            while self.at < len(self.text) and self._next() not in "\n,]}#":
                self.at += 1

    def _array(self, place: Place) -> None:
        self.at += 1
        index = 0
        while self._skip_blank() and self._next() != "]":
            self._note((*place, index), self.at)
            self._value((*place, index))
            index += 1
        self.at += 1

    def _inline_table(self, place: Place) -> None:
        self.at += 1
        while self._skip_blank() and self._next() != "}":
            self._pair(place)
        self.at += 1

    def _string(self) -> None:
        """Go behind a string of any of the four kinds."""
        quote = self._next()
        delimiter = self._next(3) if self._next(3) == quote * 3 else quote
        self.at += len(delimiter)
        while self._next(len(delimiter)) != delimiter:
            self.at += 2 if quote == '"' and self._next() == "\\" else 1
        self.at += len(delimiter)
        while len(delimiter) == 3 and self._next() == quote:  # up to two quotes may stand before the closing three
            self.at += 1
