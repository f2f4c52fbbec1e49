"""How a person changes what serves: the arguments of the commands that do, and their errors."""

import getpass
import os
from argparse import ArgumentTypeError
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError

from inference.artefacts.errors import ArtefactError
from inference.artefacts.versions import (
    SLOTS,
    Slot,
    UnknownSlotError,
    UnknownVersionError,
    VersionStore,
    parse_slot,
)
from predictions.promotion.errors import StandingError
from predictions.promotion.serving import unpromoted
from predictions.promotion.standing import Automatic


def add_who_and_why(parser: CommandParser, of: str = "") -> None:
    """Take `--by` and `--why`, which the log of promotions keeps.

    of: the option that they belong to, where the command does other things, too: then both may be
    left out, and are None.
    """
    told = f"of {of}: " if of else ""
    default = None if of else this_user()
    parser.add_argument("--by", default=default, type=_person, help=f"{told}who asks; default: you")
    parser.add_argument("--why", required=not of, help=f"{told}the reason, which is kept")


def add_slot(parser: CommandParser) -> None:
    """Take the slot that is to be changed."""
    parser.add_argument("slot", help=f"one of {', '.join(map(str, SLOTS))}")


def version_meant(given: Sequence[str]) -> tuple[Slot, str]:
    """Return slot and version of `SLOT VERSION`, or of a `VERSION` that one slot alone has.

    Raises UnknownSlotError, UnknownVersionError naming the slots that have it.
    """
    if len(given) == 2:
        return parse_slot(given[0]), given[1]
    version, *others = given
    if others:
        raise UnknownVersionError(f"one slot and one version are asked for, not {' '.join(given)}")
    store = VersionStore(settings.VAR_DIR)
    having = [slot for slot in SLOTS if version in _at_hand(store, slot)]
    if len(having) == 1:
        return having[0], version
    if having:
        named = ", ".join(map(str, having))
        raise UnknownVersionError(f"{version!r} is a version of {named}: name the slot, too")
    known = "; ".join(f"{slot}: {', '.join(sorted(_at_hand(store, slot)))}" for slot in SLOTS)
    raise UnknownVersionError(f"no slot has a version {version!r}; there are: {known}")


@contextmanager
def as_command() -> Iterator[None]:
    """Turn what speaks against a change into the command's error."""
    try:
        yield
    except (StandingError, UnknownSlotError, UnknownVersionError, ArtefactError) as error:
        raise CommandError(str(error)) from error
    except DatabaseError as error:
        raise CommandError(f"the database does not answer: {error}") from error
    except OSError as error:
        raise CommandError(f"the links in {settings.VAR_DIR} cannot be set: {error}") from error


def _at_hand(store: VersionStore, slot: Slot) -> set[str]:
    shipped = unpromoted(slot)
    return {*store.versions(slot), *(() if shipped is None else (shipped.version,))}


def _person(name: str) -> str:
    if name.strip() in set(Automatic):
        raise ArgumentTypeError(f"{name!r} is a process, not a person")
    return name


def this_user() -> str:
    """Return who runs the command, as the system calls them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have a number and no name
        return f"uid {os.getuid()}"
