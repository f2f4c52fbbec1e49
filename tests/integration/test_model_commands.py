"""`manage.py models`, `promote`, `rollback`, `trial`, `freeze`, `unfreeze`, as people type them."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from django.core.management import CommandError, call_command
from pytest_django import Settings

from inference.artefacts.versions import FORECASTER_NAME, Slot, VersionStore
from inference.vocabulary import FORECASTS, SIGNALS
from market.candles.timeframes import Timeframe
from predictions.accuracy.rollups import store_hour
from predictions.cards.rankings import told_ranking
from predictions.models.retraining import Promotion
from predictions.promotion import standing
from predictions.promotion.standing import Automatic
from tests.integration.ledger import FIRST_TICK_MS
from tests.integration.versions_ledger import VENUE, say_forecasts
from tests.integration.web_socket import store_clock
from tests.model_versions import add_version, with_model_path
from tests.shipped import SHIPPED

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unopened")]

FORECASTER = Slot(FORECASTS)
HOUR = Slot(SIGNALS, Timeframe.H1)


@pytest.fixture
def store(tmp_path: Path, settings: Settings) -> VersionStore:
    settings.VAR_DIR = tmp_path
    return VersionStore(tmp_path)


def typed(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def refusal(*words: str) -> str:
    with pytest.raises(CommandError) as caught:
        typed(*words)
    return str(caught.value)


def test_models_lists_every_slot_with_what_is_shipped(store: VersionStore) -> None:
    slots: list[dict[str, Any]] = json.loads(typed("models", "--json"))

    assert [slot["slot"] for slot in slots] == [
        "forecasts", "signals/15m", "signals/1h", "signals/4h", "signals/1d",
    ]  # fmt: skip
    (shipped,) = slots[0]["versions"]
    assert (slots[0]["champion"], slots[0]["previous"], slots[0]["frozen"]) == (
        SHIPPED,
        None,
        False,
    )
    assert (shipped["state"], shipped["origin"], shipped["files"]) == ("champion", "shipped", True)
    assert shipped["span_from"] < shipped["span_to"]


def test_models_prints_what_serves_first_and_what_was_rejected_last(store: VersionStore) -> None:
    for version in ("bad", "v2"):
        add_version(store, FORECASTER, version)
    standing.reject(FORECASTER, "bad", by="ann", why="it lost")
    typed("promote", "v2", "--why", "better", "--by", "ann")
    typed("freeze", "forecasts", "--why", "an audit")
    add_version(store, FORECASTER, "stray")

    lines = typed("models").splitlines()[:5]

    assert lines[0] == "forecasts: v2  frozen: only a person changes what serves"
    assert [line.split()[0] for line in lines[1:]] == ["v2", SHIPPED, "bad", "stray"]
    assert "learned from 2024-07-18 to 2024-08-09" in lines[1]
    assert "was never registered" in lines[4]


def test_promote_version_alone_serves_the_one_slot_that_has_it(store: VersionStore) -> None:
    add_version(store, HOUR, "h2")

    said = typed("promote", "h2", "--why", "a better hour", "--by", "ann")

    assert said == "signals/1h: h2 serves; before it: v1.0.0-ea61952d\n"
    done = Promotion.objects.get()
    assert (done.by, done.why, done.slot) == ("ann", "a better hour", "signals/1h")


def test_promote_version_of_two_slots_asks_for_the_slot(store: VersionStore) -> None:
    for slot in (FORECASTER, HOUR):
        add_version(store, slot, "v2")

    assert "version of forecasts, signals/1h: name the slot" in refusal(
        "promote", "v2", "--why", "better"
    )
    assert typed("promote", "signals/1h", "v2", "--why", "better").startswith("signals/1h: v2")


def test_promote_unknown_names_what_there_is(store: VersionStore) -> None:
    assert f"no slot has a version 'v9'; there are: forecasts: {SHIPPED};" in refusal(
        "promote", "v9", "--why", "better"
    )
    assert "allowed are forecasts, signals/15m" in refusal("promote", "hot", "v9", "--why", "x")
    assert "one slot and one version" in refusal("promote", "a", "b", "c", "--why", "x")


def test_promote_rejected_version_serves_and_says_that_it_was(store: VersionStore) -> None:
    add_version(store, FORECASTER, "v2")
    standing.reject(FORECASTER, "v2", by="ann", why="it lost")

    said = typed("promote", "forecasts", "v2", "--why", "it won elsewhere")

    assert said.startswith("v2 was rejected on ")
    assert store.champion(FORECASTER) == "v2"


def test_promote_where_the_configuration_names_a_file_of_its_own_is_refused(
    store: VersionStore, settings: Settings, tmp_path: Path
) -> None:
    add_version(store, FORECASTER, "v2")
    own = add_version(VersionStore(tmp_path / "own"), FORECASTER, "mine") / FORECASTER_NAME
    settings.INFERENCE = with_model_path(settings.INFERENCE, str(own))

    assert f"names {own}, which serves forecasts whatever is promoted" in refusal(
        "promote", "v2", "--why", "better"
    )
    assert standing.champion_version(FORECASTER) == "mine"


def test_rollback_says_what_serves_again(store: VersionStore) -> None:
    add_version(store, FORECASTER, "v2")
    typed("promote", "v2", "--why", "better")

    assert typed("rollback", "forecasts", "--why", "worse") == (
        f"forecasts: {SHIPPED} serves again; v2 is rejected\n"
    )
    assert f"nothing served forecasts before {SHIPPED}" in refusal(
        "rollback", "forecasts", "--why", "worse"
    )


def test_models_dates_nothing_that_serves_as_shipped(store: VersionStore) -> None:
    (told, *_) = json.loads(typed("models", "--json"))
    assert [each["since"] for each in told["versions"] if each["version"] == SHIPPED] == [None]
    (line,) = [each for each in typed("models").splitlines() if each.startswith(f"  {SHIPPED}")]
    assert "since" not in line

    add_version(store, FORECASTER, "v2")
    typed("promote", "v2", "--why", "better")
    typed("rollback", "forecasts", "--why", "worse")
    (line,) = [each for each in typed("models").splitlines() if each.startswith(f"  {SHIPPED}")]
    assert "since 20" in line


def test_trial_begins_and_ends_at_a_persons_word(store: VersionStore) -> None:
    add_version(store, FORECASTER, "v2")
    standing.reject(FORECASTER, "v2", by=Automatic.RETRAINING, why="it lost")

    assert (
        typed("trial", "v2", "--why", "once more")
        == f"forecasts: v2 is on trial; {SHIPPED} serves\n"
    )
    assert list(store.shadows(FORECASTER)) == ["v2"]
    assert typed("trial", "forecasts", "v2", "--end", "--why", "too slow", "--by", "bob") == (
        f"forecasts: v2 is not on trial any more; {SHIPPED} serves\n"
    )
    assert not store.shadows(FORECASTER)
    assert refusal("trial", "forecasts", "v2", "--end", "--why", "again") == (
        "v2 is not on trial for forecasts; on trial are none"
    )
    assert "the champion is not on trial" in refusal("trial", SHIPPED, "--why", "x")
    assert "roll back, or promote another, first" in refusal(
        "trial", SHIPPED, "--end", "--why", "x"
    )
    done = Promotion.objects.order_by("id").values_list("action", "version", "by", "why").last()
    assert done == ("retire", "v2", "bob", "too slow")


def test_freeze_and_unfreeze_keep_who_and_why(store: VersionStore) -> None:
    assert "forecasts is frozen" in typed("freeze", "forecasts", "--why", "an audit", "--by", "bob")
    assert "forecasts is frozen already" in refusal("freeze", "forecasts", "--why", "again")
    assert "decide again" in typed("unfreeze", "forecasts", "--why", "done", "--by", "bob")
    assert refusal("unfreeze", "forecasts", "--why", "x") == "forecasts is not frozen"
    assert list(Promotion.objects.order_by("id").values_list("action", "by", "why")) == [
        ("freeze", "bob", "an audit"),
        ("unfreeze", "bob", "done"),
    ]


def test_commands_take_no_process_for_a_person_and_no_silence_for_a_reason(
    store: VersionStore,
) -> None:
    assert "is a process, not a person" in refusal(
        "freeze", "forecasts", "--why", "x", "--by", Automatic.RETRAINING
    )
    assert "--why" in refusal("freeze", "forecasts")


def say_some(venue: str = VENUE) -> None:
    came = np.random.default_rng(1).normal(0, 2, size=(120, 2))
    said = {SHIPPED: 0.1 * came, "better": 0.3 * came}
    say_forecasts(said, came, ticks=range(0, 3_600, 30), champion=SHIPPED, venue=venue)
    hint = "a-version-whose-name-is-longer-than-its-column"
    say_forecasts({hint: came[:9]}, came[:9], ticks=range(0, 270, 30), venue=venue)
    store_hour(venue, FIRST_TICK_MS)


def test_models_ranks_versions_that_several_predictions_of_the_current_market_tell_of(
    store: VersionStore, clean_redis: redis.Redis
) -> None:
    add_version(store, FORECASTER, "better")
    standing.put_on_trial(FORECASTER, "better", by="ann", why="a try")
    say_some()
    store_clock(clean_redis, now_ms=0, venue=VENUE)

    printed = typed("models")
    slots: list[dict[str, Any]] = json.loads(typed("models", "--json"))

    head, *lines = printed.partition("forecasts on the ledger of ")[2].splitlines()
    assert head.startswith(f"{VENUE}, 202")
    assert max(map(len, lines)) <= 100
    ranked = {line.split()[0]: line.split()[1:] for line in lines[1:4]}
    assert ranked["1."][:6] == ["better", "on", "trial", "+39.51", "%", "+39.51"]
    assert ranked["1."][-1] == "240"
    assert ranked["2."] == [SHIPPED, "serves", "0", "%"]
    assert ranked["3."][:4] == ["no", "change", "baseline", "-23.46"]
    assert "    a-version-whose-name-is-longer-than-its-column: too early to rank, 18 " in lines[4]
    told = " ".join(" ".join(lines[5:]).split())
    assert told.startswith(f"Share of the squared error of {SHIPPED}, which serves, that a version")

    assert [slot["ranking"] is None for slot in slots] == [False, True, True, True, True]
    assert slots[0]["ranking"] == told_ranking(FORECASTER, VENUE, SHIPPED)


def test_models_ranks_nothing_where_one_version_alone_has_predictions(
    store: VersionStore, clean_redis: redis.Redis
) -> None:
    say_some()
    store_clock(clean_redis, now_ms=0, venue="elsewhere")
    assert "on the ledger" not in typed("models")
    came = np.ones((20, 2))
    say_forecasts({SHIPPED: came}, came, champion=SHIPPED, venue="elsewhere")
    assert "on the ledger" not in typed("models")


def test_models_without_redis_ranks_on_the_newest_market_of_the_ledger(
    store: VersionStore, settings: Settings, tmp_path: Path
) -> None:
    settings.REDIS_URL = f"unix://{tmp_path / 'nobody.sock'}"
    say_some("before")
    say_some()
    assert f"forecasts on the ledger of {VENUE}, " in typed("models")
