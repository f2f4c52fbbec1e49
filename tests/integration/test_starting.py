"""What is settled before an instance's processes start."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth import authenticate, get_user_model

from cryptosite.processes.redis_layout import locate
from cryptosite.processes.starting import (
    Listener,
    StartError,
    choose_redis_url,
    require_free_ports,
    take_instance_lock,
)
from cryptosite.setting_up import create_first_admin
from tests.ports import free_port


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_ports_taken_are_named_with_the_setting_that_moves_them(taken_port: int) -> None:
    with pytest.raises(StartError) as refusal:
        require_free_ports([Listener("web", "127.0.0.1", taken_port, "WEB_PORT")])
    assert f"port {taken_port}" in str(refusal.value)
    assert "WEB_PORT" in str(refusal.value)


def test_ports_free_pass(taken_port: int) -> None:
    free = free_port()
    require_free_ports([Listener("web", "127.0.0.1", free, "WEB_PORT")])


def test_instance_lock_is_refused_to_a_second_instance(tmp_path: Path) -> None:
    handle = take_instance_lock(tmp_path)
    with pytest.raises(StartError, match=rf"already running .*process {os.getpid()}"):
        take_instance_lock(tmp_path)
    os.close(handle)
    os.close(take_instance_lock(tmp_path))


@pytest.mark.parametrize("name", ["REDIS_URL", "REDIS_URL_FILE", "REDIS_HOST", "REDIS_PORT"])
def test_redis_named_in_the_environment_is_used(name: str, tmp_path: Path) -> None:
    assert choose_redis_url({name: "x"}, tmp_path, "localhost") is None
    assert list(tmp_path.iterdir()) == []


def test_redis_of_another_machine_in_the_yaml_is_used(tmp_path: Path) -> None:
    assert choose_redis_url({}, tmp_path, "cache.example") is None


def test_redis_not_named_is_the_instances_own(tmp_path: Path) -> None:
    assert choose_redis_url({"REDIS_URL": ""}, tmp_path, "localhost") == locate(tmp_path).url


def test_redis_port_taken_by_a_stranger_is_given_up(tmp_path: Path, taken_port: int) -> None:
    var_dir = tmp_path / ("deep" * 25)
    instance = locate(var_dir)
    assert instance.socket is None
    (instance.directory / "port").write_text(str(taken_port))
    url = choose_redis_url({}, var_dir, "localhost")
    assert url is not None
    assert f":{taken_port}/" not in url
    assert url == locate(var_dir).url


@pytest.mark.django_db
def test_first_admin_is_made_once_with_the_password_that_is_said() -> None:
    said: list[str] = []
    assert create_first_admin(said.append)
    (line,) = said
    password = line.split("password ")[1].split("\n")[0]
    user = authenticate(username="admin", password=password)
    assert user is not None
    assert get_user_model().objects.get(username="admin").is_superuser
    assert not create_first_admin(said.append)
    assert len(said) == 1
