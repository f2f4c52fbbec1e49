"""The browser of the end-to-end tests: a Chromium that the machine has."""

import shutil
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class BrowserMissingError(Exception):
    """No Chromium on this machine; a person installs one."""


def find_chromium() -> str:
    """Return the path of the first browser of NAMES on PATH. Raises BrowserMissingError."""
    for name in NAMES:
        found = shutil.which(name)
        if found is not None:
            return found
    raise BrowserMissingError(
        f"the end-to-end tests need a Chromium on PATH ({', '.join(NAMES)}): "
        "install one, on Debian with `apt-get install chromium`"
    )


if __name__ == "__main__":
    try:
        find_chromium()
    except BrowserMissingError as error:
        sys.exit(str(error))
