"""How far a backfill is: a bar a dataset on a terminal, and what it waits for. Else silent."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from tqdm import tqdm


class Progress:
    """Shows one dataset at a time; every method is cheap where there is no terminal."""

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = sys.stderr if file is None else file
        self._bar: tqdm | None = None

    @contextmanager
    def dataset(self, name: str, candles: int) -> Iterator[None]:
        """Show a bar of so many candles until the block ends; none where there are none."""
        if not candles:
            yield
            return
        with tqdm(
            total=candles,
            desc=f"{name:<18}",
            unit=" candles",
            disable=None,  # without a terminal
            file=self._file,
        ) as self._bar:
            yield
        self._bar = None

    def advance(self, candles: int) -> None:
        if self._bar is not None:
            self._bar.update(candles)

    def say(self, text: str) -> None:
        """Write a line above the bar; without a terminal, too: somebody reads the log."""
        tqdm.write(text, file=self._file)
