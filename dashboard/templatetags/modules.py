"""A page's script, with all that it imports asked for at once.

Without that a browser learns of a module's imports when the module has come: a page of four
layers would wait four times for the server.
"""

import re
from functools import cache
from pathlib import Path, PurePosixPath
from posixpath import normpath

from django import template
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

_IMPORT = re.compile(r"""^(?:import|export)\b[^"';]*?["'](\.{1,2}/[^"']+)["'];""", re.MULTILINE)
"""A static import or re-export of a neighbour; `import(…)` loads later, so it stays out."""


@register.simple_tag
def page_module(path: str) -> SafeString:
    """Write the script element of a module, and before it a preload of each that it imports.

    path: as `{% static %}` takes it.
    """
    links = format_html_join(
        "\n  ",
        '<link rel="modulepreload" href="{}">',
        ((static(each),) for each in imported(path)),
    )
    return format_html('{}\n  <script type="module" src="{}"></script>', links, static(path))


@cache
def imported(path: str) -> tuple[str, ...]:
    """Return the static paths that a module imports, directly or not, without itself."""
    found: dict[str, None] = {}
    waiting = [path]
    while waiting:
        module = waiting.pop(0)
        for each in _imports(module):
            if each not in found and each != path:
                found[each] = None
                waiting.append(each)
    return tuple(found)


def _imports(module: str) -> list[str]:
    folder = PurePosixPath(module).parent
    return [normpath(str(folder / name)) for name in _IMPORT.findall(_text(module))]


def _text(module: str) -> str:
    # What is served is what was collected; where nothing was, it is found as it lies.
    if staticfiles_storage.exists(module):
        with staticfiles_storage.open(module) as file:
            return str(file.read().decode())
    found = finders.find(module)
    return "" if found is None else Path(found).read_text(encoding="utf-8")
