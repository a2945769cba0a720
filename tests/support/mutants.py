"""Damaged copies of images, like those of bad cards, aborted transfers and attackers."""

import random
from collections.abc import Iterator, Sequence


def mutants(images: Sequence[bytes], count: int, seed: int = 0) -> Iterator[bytes]:
    """Return `count` damaged copies of `images`, the same for the same seed."""
    chance = random.Random(seed)
    for _ in range(count):
        data = bytearray(chance.choice(images))
        for _ in range(chance.choice((1, 1, 2, 8))):
            chance.choice(DAMAGES)(data, chance)
        yield bytes(data)


def _span(data: bytearray, chance: random.Random) -> slice:
    """Return a range of bytes, half of the time within the first 200, where headers are."""
    begin = chance.randrange(max(1, min(len(data), chance.choice((200, len(data))))))
    return slice(begin, begin + chance.choice((1, 1, 2, 4, 50, 4096)))


def _flip(data: bytearray, chance: random.Random) -> None:
    if data:
        at = _span(data, chance).start
        data[at] ^= 1 << chance.randrange(8)


def _overwrite(data: bytearray, chance: random.Random) -> None:
    span = _span(data, chance)
    length = len(data[span])
    data[span] = chance.choice((chance.randbytes(length), bytes(length), b"\xff" * length))


def _cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data) + 1) :]


def _zero_the_rest(data: bytearray, chance: random.Random) -> None:
    begin = chance.randrange(len(data) + 1)
    data[begin:] = bytes(len(data) - begin)


def _remove(data: bytearray, chance: random.Random) -> None:
    del data[_span(data, chance)]


def _repeat(data: bytearray, chance: random.Random) -> None:
    span = _span(data, chance)
    data[span.start : span.start] = data[span] * chance.choice((1, 10))


DAMAGES = (_flip, _flip, _overwrite, _cut, _zero_the_rest, _remove, _repeat)
