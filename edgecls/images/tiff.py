"""Read the first directory of a TIFF file, or of EXIF metadata, which has the same layout (TIFF 6.0, section 2)."""

import struct

_BYTES_PER_VALUE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_SHORT, _LONG = 3, 4

WIDTH, HEIGHT = 256, 257
BITS_PER_SAMPLE = 258
PHOTOMETRIC = 262
STRIP_OFFSETS, STRIP_BYTES = 273, 279
ORIENTATION = 274
SAMPLES_PER_PIXEL = 277
TILE_WIDTH, TILE_HEIGHT = 322, 323
TILE_OFFSETS, TILE_BYTES = 324, 325
EXTRA_SAMPLES = 338


class TiffDirectory:
    """The fields of the first image. Raises struct.error if the directory's position lies outside of `data`.

    `is_cut_off` tells whether the directory, or a value that it points to, lies beyond the end of `data`.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._order = "<" if data[:1] == b"I" else ">"
        self._fields: dict[int, tuple[int, int, int]] = {}
        """Tag -> type, number of values, offset of the first value."""
        self.is_cut_off = False
        (directory,) = struct.unpack_from(f"{self._order}I", data, 4)
        (count,) = struct.unpack_from(f"{self._order}H", data, directory)
        try:
            for entry in range(directory + 2, directory + 2 + 12 * count, 12):
                self._read_field(entry)
        except struct.error:
            self.is_cut_off = True

    def _read_field(self, entry: int) -> None:
        tag, kind, count, offset = struct.unpack_from(f"{self._order}HHII", self._data, entry)
        size = _BYTES_PER_VALUE.get(kind, 0) * count
        if size <= 4:  # the value itself stands in the place of its offset
            offset = entry + 8
        self.is_cut_off |= offset + size > len(self._data)
        self._fields.setdefault(tag, (kind, count, offset))

    def __contains__(self, tag: int) -> bool:
        return tag in self._fields

    def values(self, tag: int) -> tuple[int, ...]:
        """Return the values of a field of type SHORT or LONG; empty if it is absent or lies beyond the end."""
        kind, count, offset = self._fields.get(tag, (0, 0, 0))
        if kind not in (_SHORT, _LONG):
            return ()
        try:
            return struct.unpack_from(f"{self._order}{count}{'H' if kind == _SHORT else 'I'}", self._data, offset)
        except struct.error:
            return ()

    def value(self, tag: int) -> int | None:
        """Return the first value of a field, None where `values` is empty."""
        values = self.values(tag)
        return values[0] if values else None
