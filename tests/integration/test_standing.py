"""Which version serves: links and rows change together, against real files and the database."""

import math
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from inference.artefacts.described import described
from inference.artefacts.errors import ArtefactError
from inference.artefacts.versions import FORECASTER_NAME, Slot, UnknownVersionError, VersionStore
from inference.vocabulary import FORECASTS, SIGNALS
from market.candles.timeframes import Timeframe
from predictions.models.retraining import Action, ModelVersion, Origin, Promotion, VersionState
from predictions.promotion import standing
from predictions.promotion.errors import FrozenError, NothingBeforeError, StandingError
from predictions.promotion.locking import Journal
from predictions.promotion.standing import Automatic
from tests.model_versions import add_version, with_model_path
from tests.shipped import SHIPPED as V1

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unopened")]

FORECASTER = Slot(FORECASTS)
HOUR = Slot(SIGNALS, Timeframe.H1)
SHIPPED = {FORECASTER: V1, HOUR: "v1.0.0-ea61952d"}
BY: dict[str, Any] = {"by": "ann", "why": "a test"}


@pytest.fixture
def store(tmp_path: Path, settings: Settings) -> VersionStore:
    settings.VAR_DIR = tmp_path
    return VersionStore(tmp_path)


def states(slot: Slot) -> dict[str, str]:
    rows = ModelVersion.objects.filter(slot=str(slot))
    return dict(rows.values_list("version", "state"))


def registered(store: VersionStore, slot: Slot, *versions: str) -> None:
    for version in versions:
        folder = add_version(store, slot, version)
        standing.register(slot, folder, origin=Origin.TRAINED, venue="binance")


@pytest.mark.parametrize("slot", [FORECASTER, HOUR], ids=str)
def test_champion_version_nothing_promoted_is_the_shipped_one(
    store: VersionStore, slot: Slot
) -> None:
    assert standing.champion_version(slot) == SHIPPED[slot]

    row = ModelVersion.objects.get(slot=str(slot))
    assert (row.version, row.state, row.origin) == (SHIPPED[slot], "champion", "shipped")
    assert row.span_from is not None and row.digest
    assert Promotion.objects.count() == 0


@pytest.mark.parametrize("slot", [FORECASTER, HOUR], ids=str)
def test_promote_challenger_serves_and_the_shipped_one_stays_on_trial(
    store: VersionStore, slot: Slot
) -> None:
    registered(store, slot, "v2")
    standing.put_on_trial(slot, "v2", **BY)
    assert states(slot) == {SHIPPED[slot]: "champion", "v2": "shadow"}

    done = standing.promote(
        slot, "v2", by="ann", why="it is better", figures={"skill": 0.1, "n": math.nan}
    )

    assert (done.before, done.version, done.by) == (SHIPPED[slot], "v2", "ann")
    assert Promotion.objects.get(pk=done.pk).figures == {"skill": 0.1, "n": None}
    assert (store.champion(slot), store.previous(slot)) == ("v2", SHIPPED[slot])
    assert set(store.shadows(slot)) == {SHIPPED[slot]}
    assert states(slot) == {SHIPPED[slot]: "previous", "v2": "champion"}
    assert standing.champion_version(slot) == "v2"


@pytest.mark.parametrize("slot", [FORECASTER, HOUR], ids=str)
def test_roll_back_to_the_shipped_one_serves_it_from_its_copy(
    store: VersionStore, slot: Slot
) -> None:
    registered(store, slot, "v2")
    standing.promote(slot, "v2", **BY)

    standing.roll_back(slot, by=Automatic.ROLLBACK_WATCH, why="it lost")

    assert store.champion(slot) == SHIPPED[slot]
    assert (store.previous(slot), store.shadows(slot)) == (None, {})
    assert states(slot) == {SHIPPED[slot]: "champion", "v2": "rejected"}


def test_roll_back_twice_goes_further_back_and_never_forth(store: VersionStore) -> None:
    registered(store, FORECASTER, "v2", "v3")
    standing.promote(FORECASTER, "v2", **BY)
    standing.promote(FORECASTER, "v3", **BY)
    assert states(FORECASTER) == {V1: "retired", "v2": "previous", "v3": "champion"}

    assert standing.roll_back(FORECASTER, **BY).version == "v2"
    assert store.previous(FORECASTER) == V1
    assert set(store.shadows(FORECASTER)) == {V1}
    assert standing.roll_back(FORECASTER, **BY).version == V1
    assert states(FORECASTER) == {
        V1: "champion",
        "v2": "rejected",
        "v3": "rejected",
    }
    with pytest.raises(NothingBeforeError, match=re.escape(f"before {V1}")):
        standing.roll_back(FORECASTER, **BY)


def test_roll_back_after_what_was_rolled_back_served_again_knows_the_way(
    store: VersionStore,
) -> None:
    registered(store, FORECASTER, "v2", "v3")
    for version in ("v2", "v3"):
        standing.promote(FORECASTER, version, **BY)
    standing.roll_back(FORECASTER, **BY)

    with pytest.raises(StandingError, match="v3 of forecasts was rejected"):
        standing.promote(FORECASTER, "v3", by=Automatic.RETRAINING, why="again")
    standing.promote(FORECASTER, "v3", **BY)

    assert standing.roll_back(FORECASTER, **BY).version == "v2"


def test_roll_back_past_a_damaged_version_goes_to_the_one_before(store: VersionStore) -> None:
    registered(store, FORECASTER, "v2", "v3")
    for version in ("v2", "v3"):
        standing.promote(FORECASTER, version, **BY)
    (store.folder(FORECASTER, "v2") / FORECASTER_NAME).write_bytes(b"damaged")

    assert standing.roll_back(FORECASTER, **BY).version == V1


def test_shipped_network_of_another_name_is_taken_into_the_store_under_the_one_name(
    store: VersionStore, settings: Settings, tmp_path: Path
) -> None:
    whole = add_version(VersionStore(tmp_path / "elsewhere"), FORECASTER, "mine")
    models = tmp_path / "base" / "models"
    shutil.copytree(whole, models)
    for path in models.iterdir():
        path.rename(path.with_name(path.name.replace("btc_predictor_v1", "other")))
    named = (models / "other.manifest.json").read_text().replace("btc_predictor_v1", "other")
    (models / "other.manifest.json").write_text(named)
    settings.BASE_DIR = tmp_path / "base"
    settings.INFERENCE = with_model_path(settings.INFERENCE, "models/other.onnx")
    registered(store, FORECASTER, "v2")

    assert standing.promote(FORECASTER, "v2", **BY).before == "mine"
    standing.roll_back(FORECASTER, **BY)

    assert store.champion(FORECASTER) == "mine"
    assert described(FORECASTER, store.folder(FORECASTER, "mine")).version == "mine"


def test_roll_back_nothing_promoted_says_so(store: VersionStore) -> None:
    with pytest.raises(
        NothingBeforeError, match=re.escape(f"nothing served forecasts before {V1}")
    ):
        standing.roll_back(FORECASTER, **BY)


def test_promote_unknown_version_names_those_that_are_known(store: VersionStore) -> None:
    registered(store, FORECASTER, "v2")

    with pytest.raises(
        UnknownVersionError, match=re.escape(f"no version 'v9'; there are: {V1}, v2")
    ):
        standing.promote(FORECASTER, "v9", **BY)


def test_promote_damaged_version_is_refused_and_nothing_changes(store: VersionStore) -> None:
    registered(store, FORECASTER, "v2")
    network = store.folder(FORECASTER, "v2") / FORECASTER_NAME
    network.write_bytes(network.read_bytes()[:-1])

    with pytest.raises(ArtefactError, match="SHA-256"):
        standing.promote(FORECASTER, "v2", **BY)

    assert store.champion(FORECASTER) is None
    assert states(FORECASTER) == {V1: "champion", "v2": "candidate"}


def test_promote_version_that_serves_is_refused(store: VersionStore) -> None:
    with pytest.raises(StandingError, match=re.escape(f"{V1} serves forecasts already")):
        standing.promote(FORECASTER, V1, **BY)


def test_frozen_slot_obeys_people_alone(store: VersionStore) -> None:
    registered(store, FORECASTER, "v2", "v3")
    standing.promote(FORECASTER, "v2", **BY)
    standing.freeze(FORECASTER, **BY)

    assert standing.is_frozen(FORECASTER) and not standing.is_frozen(HOUR)
    with pytest.raises(FrozenError, match="forecasts is frozen"):
        standing.promote(FORECASTER, "v3", by=Automatic.RETRAINING, why="it passed")
    with pytest.raises(FrozenError, match="forecasts is frozen"):
        standing.roll_back(FORECASTER, by=Automatic.ROLLBACK_WATCH, why="it lost")
    standing.put_on_trial(FORECASTER, "v3", by=Automatic.RETRAINING, why="beside it")
    standing.promote(FORECASTER, "v3", **BY)
    with pytest.raises(StandingError, match="forecasts is frozen already"):
        standing.freeze(FORECASTER, **BY)
    standing.unfreeze(FORECASTER, **BY)

    assert not standing.is_frozen(FORECASTER)
    standing.roll_back(FORECASTER, by=Automatic.ROLLBACK_WATCH, why="it lost")
    assert standing.champion_version(FORECASTER) == "v2"


def test_reject_version_on_trial_leaves_it(store: VersionStore) -> None:
    registered(store, FORECASTER, "v2", "v3")
    standing.put_on_trial(FORECASTER, "v2", **BY)
    standing.put_on_trial(FORECASTER, "v3", **BY)

    standing.reject(FORECASTER, "v2", by="retraining", why="gate 2", figures={"p": 0.4})

    assert set(store.shadows(FORECASTER)) == {"v3"}
    assert states(FORECASTER)["v2"] == "rejected"
    assert Promotion.objects.latest("id").figures == {"p": 0.4}
    with pytest.raises(StandingError, match="roll back, or promote another, first"):
        standing.retire(FORECASTER, V1, **BY)


def test_reject_previous_lets_the_one_before_be_what_one_goes_back_to(
    store: VersionStore,
) -> None:
    registered(store, FORECASTER, "v2", "v3")
    standing.promote(FORECASTER, "v2", **BY)
    standing.promote(FORECASTER, "v3", **BY)

    standing.reject(FORECASTER, "v2", **BY)

    assert store.previous(FORECASTER) == V1
    assert set(store.shadows(FORECASTER)) == {V1}
    assert standing.roll_back(FORECASTER, **BY).version == V1


def test_register_other_network_under_a_known_name_is_refused(store: VersionStore) -> None:
    registered(store, FORECASTER, "v2")
    ModelVersion.objects.filter(version="v2").update(digest="0" * 64)

    with pytest.raises(StandingError, match="a version never changes"):
        standing.register(FORECASTER, "v2", origin=Origin.TRAINED)


def test_change_without_a_reason_is_refused(store: VersionStore) -> None:
    with pytest.raises(StandingError, match="why, must be said"):
        standing.freeze(FORECASTER, by="ann", why=" ")


@pytest.mark.parametrize("broken_at", ["set_previous", "set_shadows"])
def test_promote_broken_off_after_the_first_link_is_finished_by_the_next_call(
    store: VersionStore, monkeypatch: pytest.MonkeyPatch, broken_at: str
) -> None:
    registered(store, FORECASTER, "v2")
    with monkeypatch.context() as patch:
        patch.setattr(VersionStore, broken_at, _break_off)
        with pytest.raises(OSError, match="pulled"):
            standing.promote(FORECASTER, "v2", by="ann", why="it is better")
    assert store.champion(FORECASTER) == "v2"
    assert states(FORECASTER)[V1] == "champion"  # torn: links say v2

    assert standing.champion_version(FORECASTER) == "v2"

    assert store.previous(FORECASTER) == V1
    assert set(store.shadows(FORECASTER)) == {V1}
    assert states(FORECASTER) == {V1: "previous", "v2": "champion"}
    (done,) = Promotion.objects.all()
    assert (done.by, done.why, done.before) == ("ann", "it is better", V1)


def test_promote_broken_off_after_all_but_its_note_is_told_once(
    store: VersionStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    registered(store, FORECASTER, "v2")
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "clear", _break_off)
        with pytest.raises(OSError, match="pulled"):
            standing.promote(FORECASTER, "v2", **BY)

    assert standing.champion_version(FORECASTER) == "v2"

    assert Promotion.objects.count() == 1
    assert Journal(tmp_path, FORECASTER).read() is None


def test_promote_broken_off_before_the_first_link_is_forgotten(
    store: VersionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(store, FORECASTER, "v2")
    with monkeypatch.context() as patch:
        patch.setattr(VersionStore, "set_champion", _break_off)
        with pytest.raises(OSError, match="pulled"):
            standing.promote(FORECASTER, "v2", **BY)

    assert standing.champion_version(FORECASTER) == V1

    assert states(FORECASTER) == {V1: "champion", "v2": "candidate"}
    assert Promotion.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_promotions_at_once_leave_one_champion_and_whole_links(store: VersionStore) -> None:
    versions = [f"v{number}" for number in range(2, 6)]
    registered(store, FORECASTER, *versions)

    def promote_one(version: str) -> None:
        try:
            standing.promote(FORECASTER, version, **BY)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(versions)) as pool:
        list(pool.map(promote_one, versions))

    *_, before, last = Promotion.objects.order_by("id").values_list("version", flat=True)
    assert Promotion.objects.count() == len(versions)
    assert (store.champion(FORECASTER), store.previous(FORECASTER)) == (last, before)
    assert set(store.shadows(FORECASTER)) == {before}
    stand = {version: state for version, state in states(FORECASTER).items() if state != "retired"}
    assert stand == {last: "champion", before: "previous"}


def test_champion_link_moved_by_hand_is_what_rows_follow(store: VersionStore) -> None:
    registered(store, FORECASTER, "v2")
    assert standing.champion_version(FORECASTER) == V1
    store.set_champion(FORECASTER, "v2")

    assert standing.champion_version(FORECASTER) == "v2"

    assert states(FORECASTER) == {V1: "retired", "v2": "champion"}
    (found,) = Promotion.objects.all()
    assert (found.action, found.by, found.before) == (Action.PROMOTE, "links", V1)


def test_file_put_into_var_models_is_the_champion_and_can_be_gone_back_to(
    store: VersionStore, tmp_path: Path
) -> None:
    put = tmp_path / "models" / FORECASTER_NAME
    put.parent.mkdir()
    put.write_bytes((add_version(store, FORECASTER, "aside") / FORECASTER_NAME).read_bytes())
    registered(store, FORECASTER, "v2")

    assert standing.champion_version(FORECASTER) == "btc_predictor_v1"
    standing.promote(FORECASTER, "v2", **BY)
    standing.roll_back(FORECASTER, **BY)

    assert store.champion(FORECASTER) == "btc_predictor_v1"
    row = ModelVersion.objects.get(version="btc_predictor_v1")
    assert (row.state, row.origin) == (VersionState.CHAMPION, Origin.IMPORTED)


def test_old_ended_versions_lose_their_files_and_keep_their_rows(
    store: VersionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("predictions.promotion.pruning.KEPT_ENDED", 1)
    versions = [f"v{number}" for number in range(2, 6)]
    registered(store, FORECASTER, *versions)
    for version in versions[:-1]:
        standing.reject(FORECASTER, version, **BY)

    assert store.versions(FORECASTER) == ["v4", "v5"]
    assert set(states(FORECASTER)) == {V1, *versions}


def _break_off(*_: Any) -> None:
    raise OSError("the plug was pulled")
