"""What training needs on top of serving, named in a sentence where it is not installed.

Read by the training commands: `make run` installs requirements/serve.txt alone.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.management.base import CommandError

REQUIREMENTS = "requirements/training.txt"


@contextmanager
def training_packages() -> Iterator[None]:
    """Guard imports: a library that is not installed is a CommandError saying what to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if not missing or (settings.BASE_DIR / missing).exists():
            raise
        raise CommandError(
            f"{missing} is not installed here; training needs {REQUIREMENTS}:"
            f" {sys.executable} -m pip install -r {REQUIREMENTS}"
        ) from error
