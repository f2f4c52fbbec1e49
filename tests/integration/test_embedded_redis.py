"""The instance's own Redis: how it is reached, what it keeps, what it refuses."""

import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import redis
import redis.asyncio
from channels_redis.pubsub import RedisPubSubChannelLayer

from cryptosite.processes.redis_layout import find_program, locate, wheel_program
from cryptosite.processes.redis_server import RedisServer
from market.redis_policy import EvictionPolicyError, require_noeviction
from tests.waiting import PATIENCE_SECONDS, eventually_sync

PROGRAMS = {"preferred": find_program, "wheel": wheel_program}


@pytest.fixture(params=sorted(PROGRAMS))
def program(request: pytest.FixtureRequest) -> Path:
    choose: Callable[[], Path] = PROGRAMS[request.param]
    return choose()


def serve(directory: Path, program: Path) -> RedisServer:
    return RedisServer(locate(directory), program, memory="64mb")


def test_server_on_socket_answers_sync_and_async_clients(short_dir: Path, program: Path) -> None:
    with serve(short_dir, program) as server:
        assert server.instance.url.startswith("unix://:")
        with redis.Redis.from_url(server.instance.url) as client:
            client.set("a", "1")
            assert client.get("a") == b"1"


async def test_channel_layer_on_socket_delivers_group_message(
    short_dir: Path, program: Path
) -> None:
    with serve(short_dir, program) as server:
        async with redis.asyncio.Redis.from_url(server.instance.url) as client:
            assert await client.ping()
        layer = RedisPubSubChannelLayer(hosts=[server.instance.url])
        channel = await layer.new_channel()
        await layer.group_add("predictions", channel)
        await layer.group_send("predictions", {"type": "frame", "seq": 7})
        assert await layer.receive(channel) == {"type": "frame", "seq": 7}
        await layer.flush()


def test_server_in_too_long_path_listens_on_loopback_port(tmp_path: Path, program: Path) -> None:
    directory = tmp_path / ("deep" * 25)
    with serve(directory, program) as server:
        assert server.instance.socket is None
        assert "@127.0.0.1:" in server.instance.url
        with redis.Redis.from_url(server.instance.url) as client:
            assert client.ping()


def test_server_without_password_refuses(short_dir: Path, program: Path) -> None:
    with serve(short_dir, program) as server:
        stranger = redis.Redis(unix_socket_path=str(server.instance.socket))
        with pytest.raises(redis.AuthenticationError):
            stranger.ping()


def test_directory_and_password_are_the_owners_alone(short_dir: Path) -> None:
    instance = locate(short_dir)
    assert stat.S_IMODE(instance.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((instance.directory / "password").stat().st_mode) == 0o600
    assert locate(short_dir) == instance


def test_server_restarted_keeps_what_was_written(short_dir: Path, program: Path) -> None:
    with (
        serve(short_dir, program) as server,
        redis.Redis.from_url(server.instance.url) as client,
    ):
        client.xadd("log:forecasts", {"entry": b"\x00\xff"})
        client.close()
    with (
        serve(short_dir, program) as server,
        redis.Redis.from_url(server.instance.url) as client,
    ):
        assert client.xlen("log:forecasts") == 1


def test_policy_of_own_server_is_noeviction_with_a_limit(short_dir: Path, program: Path) -> None:
    with (
        serve(short_dir, program) as server,
        redis.Redis.from_url(server.instance.url) as client,
    ):
        require_noeviction(client)
        assert client.config_get("maxmemory") == {"maxmemory": str(64 * 1024 * 1024)}
        assert client.config_get("appendfsync") == {"appendfsync": "everysec"}


def test_policy_other_than_noeviction_is_refused_by_name(short_dir: Path, program: Path) -> None:
    with (
        serve(short_dir, program) as server,
        redis.Redis.from_url(server.instance.url) as client,
    ):
        client.config_set("maxmemory-policy", "allkeys-lru")
        with pytest.raises(EvictionPolicyError, match=r"allkeys-lru.*noeviction"):
            require_noeviction(client)


def test_process_told_to_stop_ends_its_server(
    short_dir: Path, instance_env: dict[str, str]
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "cryptosite.processes.redis_server"],
        env=instance_env | {"VAR_DIR": str(short_dir)},
    )
    try:
        with redis.Redis.from_url(locate(short_dir).url) as client:
            eventually_sync(lambda: answers(client))
            server_pid = client.info("server")["process_id"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0
        eventually_sync(lambda: not exists(server_pid))
    finally:
        process.kill()


def test_process_killed_outright_takes_its_server_along(
    short_dir: Path, instance_env: dict[str, str]
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "cryptosite.processes.redis_server"],
        env=instance_env | {"VAR_DIR": str(short_dir)},
    )
    with redis.Redis.from_url(locate(short_dir).url) as client:
        eventually_sync(lambda: answers(client))
        server_pid = client.info("server")["process_id"]
    process.kill()
    process.wait(PATIENCE_SECONDS)
    eventually_sync(lambda: not exists(server_pid))


def test_process_with_another_redis_named_idles(
    short_dir: Path, instance_env: dict[str, str]
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "cryptosite.processes.redis_server"],
        env=instance_env | {"VAR_DIR": str(short_dir), "REDIS_URL": "redis://127.0.0.1:1/0"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert "REDIS_URL" in process.stdout.readline()
        assert process.poll() is None
        assert not (short_dir / "redis" / "redis.sock").exists()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0
    finally:
        process.kill()


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def exists(pid: int) -> bool:
    # A zombie whose parent has not collected it is dead all the same.
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
