"""The image's commands, run on the host as they are written."""

import json
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import yaml

from market import keys
from tests.collected import give_static_files
from tests.ports import free_port
from tests.waiting import PATIENCE_SECONDS, eventually_sync

ROOT = Path(__file__).resolve().parents[2]
ENTRY_POINT = [sys.executable, "-m", "cryptosite.processes.container"]


def image_command() -> list[str]:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    (command,) = (line for line in lines if line.startswith("CMD ["))
    words: list[str] = json.loads(command.removeprefix("CMD "))
    return [sys.executable if word == "python" else word for word in words]


def status(url: str, token: str = "") -> int:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


@pytest.fixture
def service_port(tmp_path: Path) -> int:
    port = free_port()
    config = yaml.safe_load((ROOT / "config" / "prod.yaml").read_text())
    config["health"] = {"host": "127.0.0.1", "port": port}
    config["metrics"]["prometheus_port"] = free_port()
    (tmp_path / "prod.yaml").write_text(yaml.safe_dump(config))
    return port


@pytest.fixture
def loop(
    service_port: int,
    clean_redis: redis.Redis,
    redis_url: str,
    instance_env: dict[str, str],
    tmp_path: Path,
) -> Iterator["subprocess.Popen[str]"]:
    env = instance_env | {"CONFIG_FILE": str(tmp_path / "prod.yaml"), "REDIS_URL": redis_url}
    process = subprocess.Popen(
        [*ENTRY_POINT, *image_command()], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


def test_image_command_serves_health_and_asks_for_the_token_it_printed(
    loop: "subprocess.Popen[str]", service_port: int
) -> None:
    assert loop.stdout is not None
    token = loop.stdout.readline().strip().rpartition(": ")[2]
    assert len(token) >= 32
    # It answers before any market is there: 503 is an answer too.
    eventually_sync(lambda: status(f"http://127.0.0.1:{service_port}/health") in (200, 503))
    predict = f"http://127.0.0.1:{service_port}/predict"
    assert status(predict) == 401
    assert status(predict, "wrong") == 401
    assert status(predict, token) not in (0, 401)
    loop.terminate()
    assert loop.wait(PATIENCE_SECONDS) == 0


def test_container_told_to_set_up_prepares_the_instance_first(
    instance_env: dict[str, str], tmp_path: Path
) -> None:
    give_static_files(instance_env)
    done = subprocess.run(
        [*ENTRY_POINT, "python", "-c", "print('then the command')"],
        cwd=ROOT,
        env=instance_env | {"SETUP_INSTANCE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("API token of this instance")
    assert "admin account: name admin" in done.stdout
    assert lines[-1] == "then the command"
    assert (tmp_path / "var" / "cryptosite.sqlite3").is_file()


@pytest.mark.parametrize("service", ["market", "signals", "recorder"])
def test_compose_health_check_follows_the_heartbeat(
    service: str, clean_redis: redis.Redis, redis_url: str, instance_env: dict[str, str]
) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    kind, *words = compose["services"][service]["healthcheck"]["test"]
    assert kind == "CMD"
    command = [sys.executable if word == "python" else word for word in words]

    def check(url: str) -> "subprocess.CompletedProcess[str]":
        env = instance_env | {"REDIS_URL": url}
        return subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=30
        )

    assert check(redis_url).returncode == 1, shlex.join(command)
    clean_redis.hset(keys.health(service), "status", "ok")
    assert check(redis_url).returncode == 0
    nobody = check(f"redis://127.0.0.1:{free_port()}/0")
    assert nobody.returncode == 1
    assert "Redis does not answer" in nobody.stderr
