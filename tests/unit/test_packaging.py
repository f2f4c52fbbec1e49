"""What is shipped: Procfile, compose file, image, requirements, front-end packages, papers."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cryptosite.processes.container import provide_token

ROOT = Path(__file__).resolve().parents[2]
PINNED = re.compile(r"^[A-Za-z0-9_.\-]+(\[[a-z]+\])?==[^=<>~*,; ]+$")


def procfile() -> dict[str, str]:
    lines = (ROOT / "Procfile").read_text().splitlines()
    return dict((part.strip() for part in line.split(":", 1)) for line in lines if line)  # type: ignore[misc]


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return document


def requirements(name: str) -> list[str]:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def names(file: str) -> set[str]:
    return {re.split(r"[\[=]", line)[0].lower().replace("_", "-") for line in requirements(file)}


def test_procfile_names_the_processes_each_under_the_restarting_wrapper() -> None:
    assert list(procfile()) == [
        "redis",
        "market",
        "inference",
        "signals",
        "shadow",
        "recorder",
        "alerts",
        "mqtt",
        "retrain",
        "web",
    ]
    for command in procfile().values():
        assert command.startswith("python -m cryptosite.processes.supervise -- python ")


def test_compose_file_fits_the_compose_specification() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema"),
            *("--builtin-schema", "vendor.compose-spec", str(ROOT / "docker-compose.yml")),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "service", ["web", "market", "inference", "signals", "shadow", "recorder", "alerts", "mqtt"]
)
def test_compose_service_runs_the_procfile_command(service: str) -> None:
    assert compose()["services"][service]["command"] == procfile()[service]


def test_compose_file_has_every_service_with_a_health_check() -> None:
    services = compose()["services"]
    shown = {
        "web",
        "market",
        "inference",
        "signals",
        "shadow",
        "recorder",
        "alerts",
        "mqtt",
        "redis",
        "postgres",
    }
    assert set(services) == shown
    assert all("test" in service["healthcheck"] for service in services.values())


def test_compose_file_publishes_no_store_and_everything_else_on_loopback() -> None:
    services = compose()["services"]
    assert "ports" not in services["redis"]
    assert "ports" not in services["postgres"]
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_compose_file_demands_a_token_and_a_database_password() -> None:
    services = compose()["services"]
    for name in ("web", "market", "inference", "signals", "shadow", "recorder", "alerts", "mqtt"):
        assert services[name]["environment"]["API_TOKEN"].startswith("${API_TOKEN:?")
    assert services["postgres"]["environment"]["POSTGRES_PASSWORD"].startswith(
        "${POSTGRES_PASSWORD:?"
    )


def test_compose_images_are_pinned_and_redis_never_evicts() -> None:
    services = compose()["services"]
    for name in ("redis", "postgres"):
        assert re.search(r":\d+\.\d+", services[name]["image"])
    assert "--maxmemory-policy noeviction" in services["redis"]["command"]
    assert "--appendfsync everysec" in services["redis"]["command"]


def test_image_runs_the_forecast_loop_as_nobody_special() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert 'CMD ["python", "manage.py", "run_inference_loop"]' in lines
    assert "USER cryptosite" in lines
    assert any(line.startswith("EXPOSE 8083") for line in lines)


def test_image_takes_in_every_package_that_runs() -> None:
    taken = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines()}
    assert {"market", "inference", "predictions", "dashboard", "cryptosite", "models"} <= taken
    assert not {"var", ".git", ".venv", "tests"} & taken


def test_container_without_token_makes_one_and_keeps_it(tmp_path: Path) -> None:
    environ: dict[str, str] = {}
    token = provide_token(environ, tmp_path / "var")
    kept = tmp_path / "var" / "api_token"
    assert token is not None
    assert kept.read_text() == token
    assert kept.stat().st_mode & 0o777 == 0o600
    assert environ == {"API_TOKEN_FILE": str(kept)}
    again: dict[str, str] = {}
    assert provide_token(again, tmp_path / "var") is None
    assert again == environ


def test_container_given_a_token_makes_none(tmp_path: Path) -> None:
    environ = {"API_TOKEN": "given"}
    assert provide_token(environ, tmp_path) is None
    assert environ == {"API_TOKEN": "given"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", ["serve.txt", "training.txt", "dev.txt", "node.txt"])
def test_requirements_are_pinned_exactly(file: str) -> None:
    loose = [line for line in requirements(file) if not PINNED.match(line)]
    assert loose == []


def test_requirements_for_serving_hold_no_training_library() -> None:
    assert not names("serve.txt") & {"torch", "scikit-learn", "pandas", "lightgbm", "onnx"}
    assert {"torch", "scikit-learn"} <= names("training.txt")


def test_requirements_at_the_top_are_serving_and_training() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        "-r requirements/serve.txt",
        "-r requirements/training.txt",
    ]


def test_front_end_packages_are_pinned_and_locked_without_registry_addresses() -> None:
    package = json.loads((ROOT / "package.json").read_text())
    lock = json.loads((ROOT / "package-lock.json").read_text())
    for name, version in package["dependencies"].items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert lock["packages"][f"node_modules/{name}"]["version"] == version
    installed = [entry for path, entry in lock["packages"].items() if path]
    assert all("integrity" in entry and "resolved" not in entry for entry in installed)


def test_papers_are_there_and_name_the_chart_library() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert "TradingView" in (ROOT / "NOTICE").read_text()
    for name in ("SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        assert (ROOT / name).read_text().startswith("# ")
