"""Show how far the steps of a long job are on a terminal, and measure how long each takes for the report."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator


class Progress:
    """Measures named steps, and shows a progress bar for each on stderr if `show` is set and stderr is a terminal."""

    def __init__(self, *, show: bool = False) -> None:
        self.seconds: dict[str, float] = {}
        """Step -> wall-clock seconds, in the order of the steps."""
        self._show = show and sys.stderr.isatty()

    @contextlib.contextmanager
    def step(self, name: str, total: int | None = None) -> Iterator[Callable[[], None]]:
        """Time the block as `name`. Yields a function to call once for each of the `total` parts done."""
        begun = time.perf_counter()
        try:
            with _bar(name, total) if self._show else contextlib.nullcontext(_nothing) as advance:
                yield advance
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begun


def _nothing() -> None:
    pass


@contextlib.contextmanager
def _bar(name: str, total: int | None) -> Iterator[Callable[[], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    # A descriptor of its own: the bar stays visible while the messages of libraries on stderr are held back.
    terminal = os.fdopen(os.dup(2), "w")
    columns = (TextColumn("{task.description:<25}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with terminal, Bars(*columns, console=Console(file=terminal)) as progress:
        task = progress.add_task(name, total=total)

        def advance() -> None:
            progress.advance(task)

        yield advance
        if total is None:
            progress.update(task, total=1, completed=1)
