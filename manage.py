#!/usr/bin/env python
"""Django's command line."""

import os
import sys

EX_CONFIG = 78
"""Exit status where the configuration is refused: trying again cannot help."""


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cryptosite.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.stderr.write(f"configuration refused: {error}\n")
        sys.exit(EX_CONFIG)


if __name__ == "__main__":
    main()
