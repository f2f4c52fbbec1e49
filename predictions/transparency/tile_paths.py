"""How a tile is addressed: `x001/x234/067`, and `.p/5` after it while it is not full.

Source: https://c2sp.org/tlog-tiles
"""

import re

from predictions.transparency.tiles import LEVELS, TILE_WIDTH, Place

_PATH = re.compile(r"((?:x\d{3}/){0,5}\d{3})(?:\.p/([1-9]\d{0,2}))?", re.ASCII)


class TilePathError(ValueError):
    """The text addresses no tile."""


def parse_tile_path(level: int, text: str) -> tuple[Place, int]:
    """Return the tile and how many hashes of it are asked for. Raises TilePathError."""
    found = _PATH.fullmatch(text)
    if found is None or level >= LEVELS:
        raise TilePathError(f"{level}/{text:.40} is no tile; one is 0/x001/067 or 0/000.p/12")
    number, width = int(re.sub(r"\D", "", found[1])), int(found[2] or TILE_WIDTH)
    if tile_path(number) != found[1] or (found[2] and width >= TILE_WIDTH):
        raise TilePathError(f"{level}/{text:.40} is not how that tile is written")
    return Place(level, number), width


def tile_path(number: int) -> str:
    """Return a tile's number as path."""
    parts = [f"{number % 1000:03}"]
    while number := number // 1000:
        parts.append(f"x{number % 1000:03}")
    return "/".join(reversed(parts))
