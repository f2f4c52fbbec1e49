"""Training commands where only requirements/serve.txt is installed: a sentence, no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT
from training.packages import training_packages

# What `make run` does not install, hidden from the child's imports.
HIDDEN = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hidden())
sys.argv = ["manage.py", *{arguments}]
from manage import main
main()
"""
TRAINING = (
    "torch",
    "sklearn",
    "onnx",
    "lightgbm",
    "statsmodels",
    "distributed",
    "matplotlib",
    "river",
)


def _run(
    arguments: list[str], names: tuple[str, ...], var: Path
) -> subprocess.CompletedProcess[str]:
    code = HIDDEN.format(names=set(names), arguments=arguments)
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "VAR_DIR": str(var), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["train_signals"],
        ["evaluate_signals", "--timeframe", "1h"],
        ["train_forecaster"],
        ["measure_drift"],
        ["retrain", "--resume"],
    ],
)
def test_training_command_without_its_packages_names_what_to_install(
    arguments: list[str], tmp_path: Path
) -> None:
    done = _run(arguments, TRAINING, tmp_path)
    assert done.returncode == 1
    assert "CommandError" in done.stderr
    assert "is not installed here; training needs requirements/training.txt" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_training_command_without_its_packages_still_explains_itself(tmp_path: Path) -> None:
    done = _run(["train_signals", "--help"], TRAINING, tmp_path)
    assert done.returncode == 0
    assert "--timeframe" in done.stdout


def test_build_dataset_without_training_packages_asks_for_candles(tmp_path: Path) -> None:
    done = _run(["build_dataset", "--timeframe", "1h"], TRAINING, tmp_path)
    assert done.returncode == 1
    assert "no 1h decision can be labelled" in done.stderr
    assert "Traceback" not in done.stderr


def test_module_of_the_product_that_is_missing_is_no_matter_of_requirements() -> None:
    with pytest.raises(ModuleNotFoundError), training_packages():
        raise ModuleNotFoundError(name="training.signals.absent")
