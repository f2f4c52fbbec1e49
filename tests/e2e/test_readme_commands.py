"""What the documents show is run: curl examples, a bot's script, a feed's, the backup."""

import json
import os
import queue
import shlex
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from market.candles.timeframes import SIGNAL_TIMEFRAMES
from market.hot.vector import FEATURE_COUNT
from tests.documents import (
    API,
    OPERATIONS,
    README,
    Example,
    blocks,
    curls,
    examples,
    json_blocks,
    same_fields,
)
from tests.processes import Instance, running_instance
from tests.unit.signal_artefacts import write_pooled
from tests.waiting import PATIENCE_SECONDS, eventually_sync

COMMANDS = (
    "run_market_feed",
    "run_inference_loop",
    "run_signal_loop",
    "run_recorder",
    "run_web",
)
ANSWER_SECONDS = 30.0


def asked(instance: Instance, example: Example) -> Any:
    """Return the answer to an example's request, whatever its status."""
    url = example.url.replace(":8000", f":{instance.web_port}")
    url = url.replace(":8083", f":{instance.health_port}")
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refusal:
        return json.load(refusal)


def answers(instance: Instance, path: str) -> Any:
    """Return the answer of the web process, None while it does not serve."""
    try:
        return asked(instance, Example(f"http://127.0.0.1:8000{path}", None))
    except OSError:
        return None


def shell(document: Path, holding: str) -> str:
    (found,) = (
        block.text for block in blocks(document) if block.language == "sh" and holding in block.text
    )
    return found


def script(document: Path, holding: str) -> str:
    (found,) = (
        block.text
        for block in blocks(document)
        if block.language == "python" and holding in block.text
    )
    return found


@contextmanager
def running(text: str, env: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", text], env=env, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE_SECONDS)
        if process.stdout is not None:
            process.stdout.close()


def first_line(process: "subprocess.Popen[str]") -> str:
    """Return the first line that a process prints. Raises queue.Empty where none comes."""
    lines: queue.Queue[str] = queue.Queue()
    stream = process.stdout
    assert stream is not None
    threading.Thread(target=lambda: lines.put(stream.readline()), daemon=True).start()
    return lines.get(timeout=ANSWER_SECONDS)


def test_examples_of_the_documents_have_the_fields_of_a_running_server(
    short_dir: Path, instance_env: dict[str, str]
) -> None:
    settings = {"MARKET_SOURCE": "simulated", "MARKET_SPEED": "4"}
    with running_instance(short_dir, instance_env, **settings) as instance:
        instance.configure(max_feature_age_seconds=60)  # of the market, which runs fast
        for timeframe in SIGNAL_TIMEFRAMES:
            write_pooled(instance.directory / "models", timeframe)
        for command in COMMANDS:
            instance.start(command)
        graded = "/api/forecasts?limit=1000"
        eventually_sync(
            lambda: any(
                row["outcome"] for row in (answers(instance, graded) or {}).get("results", ())
            ),
            90,
        )
        eventually_sync(lambda: signals_made(instance) == len(SIGNAL_TIMEFRAMES))
        for url in curls(README):
            assert asked(instance, Example(url, None)).get("status") != "error", url
        shown = [*examples(README), *examples(API)]
        assert len(shown) >= 6
        for example in shown:
            same_fields(example.answer, asked(instance, example), example.url)
        check_outcome(answers(instance, graded)["results"])
        check_bot_script(instance)


def signals_made(instance: Instance) -> int:
    return int((answers(instance, "/api/predictions/BTCUSDT/summary") or {}).get("count", 0))


def check_outcome(results: list[dict[str, Any]]) -> None:
    (shown,) = (each["results"][0]["outcome"] for each in json_blocks(README) if "results" in each)
    graded = [row["outcome"] for row in results if row["outcome"]]
    same_fields(shown, graded[0], "outcome")


def check_bot_script(instance: Instance) -> None:
    text = script(README, "ws_connect").replace(":8000", f":{instance.web_port}")
    (shown,) = (each for each in json_blocks(README) if "seq" in each)
    with running(text, dict(os.environ)) as bot:
        same_fields(shown, json.loads(first_line(bot)), "prediction")


def test_feed_of_the_readme_becomes_model_forecasts_under_its_own_venue(
    short_dir: Path, instance_env: dict[str, str]
) -> None:
    with running_instance(short_dir, instance_env) as instance:
        feed = script(README, "hset")
        with running(feed, dict(os.environ) | {"REDIS_URL": instance.url}):
            instance.start("run_inference_loop")
            eventually_sync(lambda: instance.entries())
        (newest, *_) = reversed(instance.entries())
        assert newest.sources == ["redis"]
        assert newest.reasons == [""]
        assert (newest.venue, newest.live) == ("external", True)
        assert newest.column("completeness").tolist() == [1.0]
        assert newest.features.shape == (1, FEATURE_COUNT)


def test_backup_of_the_operations_page_copies_the_database(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    with closing(sqlite3.connect(tmp_path / "var" / "cryptosite.sqlite3")) as database:
        database.execute("CREATE TABLE said (price REAL)")
        database.execute("INSERT INTO said VALUES (61661.5)")
        database.commit()
        words = shlex.split(shell(OPERATIONS, ".backup("))
        subprocess.run([sys.executable, *words[1:]], cwd=tmp_path, check=True)
    with closing(sqlite3.connect(tmp_path / "backup.sqlite3")) as copy:
        assert copy.execute("SELECT price FROM said").fetchall() == [(61661.5,)]
