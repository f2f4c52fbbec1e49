"""What a page asks for before its script runs."""

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from dashboard.templatetags.modules import imported


@pytest.fixture
def scripts(tmp_path: Path, settings: Settings) -> Path:
    settings.STATICFILES_DIRS = [("made", tmp_path)]
    imported.cache_clear()
    return tmp_path


def test_imported_follows_static_imports_and_names_each_once(scripts: Path) -> None:
    (scripts / "js").mkdir()
    (scripts / "js" / "page.js").write_text(
        'import { a } from "./a.js";\nimport {\n  b,\n} from "../b.mjs";\nimport "./c.js";\n'
    )
    (scripts / "js" / "a.js").write_text('export { b } from "../b.mjs";\nimport "./page.js";\n')
    (scripts / "b.mjs").write_text("export const b = 1;\n")
    (scripts / "js" / "c.js").write_text(
        'const late = () => import("./late.js");\n// import "./words.js";\n'
    )

    assert imported("made/js/page.js") == ("made/js/a.js", "made/b.mjs", "made/js/c.js")


def test_imported_script_that_is_missing_imports_nothing(scripts: Path) -> None:
    assert imported("made/js/missing.js") == ()
