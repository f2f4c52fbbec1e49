"""The network's fit: what it may look at, that it learns, that it can be repeated and resumed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from inference.artefacts.scaler import read_scaler
from inference.artefacts.signal_manifest import (
    NETWORK_NAME,
    OUTPUT_NAME,
    SCALER_NAME,
    SYMBOL_INPUT,
    TORCH_NAME,
    WINDOW_INPUT,
)
from inference.artefacts.torch_import import CnnLstm, Shape, load_network
from market.candles.indicators import ATR_RATIO, INDICATOR_NAMES, WINDOW
from market.candles.series import Floats, Integers
from tests.signal_datasets import made_up
from training.evaluation import log_losses
from training.recordings import TrainingDataError
from training.signals.datasets import SignalDataset
from training.signals.dropout import SwiftDropout
from training.signals.fitted import FittedNetwork
from training.signals.fitting import fit_network, inner_split
from training.signals.merging import merge
from training.signals.options import FitOptions, options_for
from training.signals.windows import ScaledWindows, Scaling

QUICK = FitOptions(
    members=2,
    epochs=3,
    least_epochs=2,
    stride=1,
    batch_size=256,
    channels=(8, 8),
    hidden=8,
    learning_rate=5e-3,
)


class _Killed(Exception):
    pass


def _weights(fitted: FittedNetwork) -> list[Floats]:
    return [tensor.numpy() for tensor in fitted.state_dict.values()]


def _same(one: FittedNetwork, other: FittedNetwork) -> bool:
    pairs = zip(_weights(one), _weights(other), strict=True)
    return all(np.array_equal(mine, theirs) for mine, theirs in pairs)


def _skill(fitted: FittedNetwork, dataset: SignalDataset, rows: Integers) -> float:
    logits = fitted.logits(dataset, rows)
    powers = np.exp(logits)
    losses = log_losses(dataset.label[rows], powers / powers.sum(axis=1, keepdims=True))
    return float(1 - losses.mean() / np.log(3))


@pytest.fixture(scope="module")
def dataset() -> SignalDataset:
    return made_up(candles=450, signal=0.7)


@pytest.fixture(scope="module")
def fit_rows(dataset: SignalDataset) -> Integers:
    return np.arange(len(dataset) * 2 // 3)


@pytest.fixture(scope="module")
def fitted(dataset: SignalDataset, fit_rows: Integers) -> FittedNetwork:
    return fit_network(dataset, fit_rows, options=QUICK)


def test_fit_same_seed_gives_the_same_weights(dataset, fit_rows, fitted) -> None:
    assert _same(fit_network(dataset, fit_rows, options=QUICK), fitted)


def test_fit_other_seed_gives_other_weights(dataset, fit_rows, fitted) -> None:
    other = fit_network(dataset, fit_rows, options=replace(QUICK, seed=2))
    assert not _same(other, fitted)


def test_fit_leaves_the_process_random_numbers_alone(dataset, fit_rows) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fit_network(dataset, fit_rows, options=replace(QUICK, epochs=1))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("killed_after", [1, 4, 6])
def test_fit_killed_and_started_again_ends_with_the_same_weights(
    dataset, fit_rows, fitted, tmp_path: Path, killed_after: int
) -> None:
    seen = []

    def kill(note: object) -> None:
        seen.append(note)
        if len(seen) == killed_after:
            raise _Killed

    checkpoint = tmp_path / "fit.pt"
    with pytest.raises(_Killed):
        fit_network(
            dataset,
            fit_rows,
            options=QUICK,
            checkpoint=checkpoint,
            checkpoint_seconds=0,
            watch=kill,
        )
    later: list[object] = []
    resumed = fit_network(
        dataset, fit_rows, options=QUICK, checkpoint=checkpoint, watch=later.append
    )
    assert _same(resumed, fitted)
    assert resumed.history == fitted.history
    assert len(later) == len(fitted.history) - killed_after


def test_fit_that_is_short_writes_no_checkpoint_and_ends_the_same(
    dataset, fit_rows, fitted, tmp_path: Path
) -> None:
    checkpoint, written = tmp_path / "fit.pt", set[str]()

    def watch(note: object) -> None:
        written.update(file.name for file in tmp_path.iterdir())

    whole = fit_network(
        dataset,
        fit_rows,
        options=QUICK,
        checkpoint=checkpoint,
        checkpoint_seconds=3_600,
        watch=watch,
    )
    assert not written
    assert _same(whole, fitted)


def test_fit_with_a_torn_checkpoint_begins_anew(dataset, fit_rows, fitted, tmp_path) -> None:
    (tmp_path / "fit-1.pt").write_bytes(b"PK\x03\x04 torn")
    again = fit_network(dataset, fit_rows, options=QUICK, checkpoint=tmp_path / "fit.pt")
    assert _same(again, fitted)


def test_fit_planted_rule_is_found_on_later_decisions(dataset, fit_rows) -> None:
    options = replace(QUICK, epochs=30, least_epochs=30, members=1)
    later = np.arange(len(fit_rows) + 40, len(dataset))
    assert _skill(fit_network(dataset, fit_rows, options=options), dataset, later) > 0.1


def test_fit_pure_noise_has_no_skill_on_later_decisions() -> None:
    noise = made_up(candles=1_000, signal=0.0, seed=3)
    rows = np.arange(len(noise) * 2 // 3)
    fitted = fit_network(noise, rows, options=QUICK)
    assert abs(_skill(fitted, noise, np.arange(len(rows) + 40, len(noise)))) < 0.01


def test_members_make_as_many_passes_as_the_trial_found_best(fitted) -> None:
    trial = [note for note in fitted.history if note.member == 0]
    best = max(note.epoch for note in trial if note.best)
    for member in (1, 2):
        passes = [note.epoch for note in fitted.history if note.member == member]
        assert passes == list(range(1, max(best, QUICK.least_epochs) + 1))


def test_members_make_no_more_passes_than_asked_for(dataset, fit_rows) -> None:
    fitted = fit_network(dataset, fit_rows, options=replace(QUICK, epochs=1, least_epochs=8))
    assert [(note.member, note.epoch) for note in fitted.history] == [(0, 1), (1, 1), (2, 1)]


def test_fit_never_looks_past_its_rows(dataset, fit_rows, fitted) -> None:
    changed = made_up(candles=450, signal=0.7)
    last = int(dataset.decided_ms[fit_rows].max())
    hidden = np.ones(len(changed.indicators), dtype=np.bool_)
    for end in changed.end_row[fit_rows]:
        hidden[end - WINDOW + 1 : end + 1] = False
    changed.indicators[hidden] = 1e6
    changed.label[changed.decided_ms > last] = 0
    assert hidden.any()
    assert _same(fit_network(changed, fit_rows, options=QUICK), fitted)


def test_scaling_is_of_the_training_candles_alone(dataset) -> None:
    rows = np.flatnonzero(dataset.symbol == 1)[:100]
    first, last = dataset.end_row[rows].min(), dataset.end_row[rows].max()
    seen = dataset.indicators[first - WINDOW + 1 : last + 1].astype(np.float64)
    scaling = Scaling.of(dataset, rows)
    np.testing.assert_allclose(scaling.mean, seen.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(scaling.scale, seen.std(axis=0), rtol=1e-6)
    assert scaling.candles == 159


def test_inner_split_purges_labels_that_reach_into_the_later_rows(dataset, fit_rows) -> None:
    rows = inner_split(dataset, fit_rows, 0.8)
    assert dataset.label_end_ms[rows.early].max() <= dataset.decided_ms[rows.late].min()
    assert 0.15 < len(rows.late) / len(fit_rows) < 0.25
    assert dataset.decided_ms[rows.late].max() == dataset.decided_ms[fit_rows].max()


def test_fit_too_few_rows_says_how_many_are_needed(dataset) -> None:
    with pytest.raises(TrainingDataError, match="at least 200"):
        fit_network(dataset, np.arange(50), options=QUICK)


def test_windows_gathered_are_the_scaled_windows_of_the_dataset(dataset) -> None:
    rows = np.array([0, 17, len(dataset) - 1])
    scaling = Scaling.of(dataset, rows)
    gathered = ScaledWindows(dataset, scaling, "cpu").gather(torch.from_numpy(rows)).numpy()
    expected = (dataset.windows(rows) - scaling.mean) / scaling.scale
    np.testing.assert_allclose(gathered, expected, atol=1e-5)


def test_mirrored_windows_are_those_of_the_falling_market(dataset) -> None:
    rows = np.arange(5)
    scaling = Scaling.of(dataset, np.arange(len(dataset)))
    windows = ScaledWindows(dataset, scaling, "cpu")
    gathered = windows.gather(torch.from_numpy(rows))
    mirrored = windows.mirrored(gathered).numpy() * scaling.scale + scaling.mean
    raw = dataset.windows(rows)
    rsi, macd, band = (
        INDICATOR_NAMES.index(name) for name in ("rsi_14", "macd_line_atr", "bollinger_b")
    )
    np.testing.assert_allclose(mirrored[..., rsi], 100 - raw[..., rsi], atol=1e-4)
    np.testing.assert_allclose(mirrored[..., macd], -raw[..., macd], atol=1e-5)
    np.testing.assert_allclose(mirrored[..., band], 1 - raw[..., band], atol=1e-5)
    np.testing.assert_allclose(mirrored[..., ATR_RATIO], raw[..., ATR_RATIO], atol=1e-6)
    assert torch.allclose(windows.mirrored(windows.mirrored(gathered)), gathered, atol=1e-5)


def test_turned_windows_are_mirrored_and_the_others_are_not(dataset) -> None:
    windows = ScaledWindows(dataset, Scaling.of(dataset, np.arange(len(dataset))), "cpu")
    rows, turned = torch.arange(6), torch.tensor([True, False] * 3)
    plain = windows.gather(rows)
    expected = torch.where(turned[:, None, None], windows.mirrored(plain), plain)
    assert torch.equal(windows.gather_turned(rows, turned), expected)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("turned", [False, True])
def test_swift_dropout_drops_what_torch_drops(share: float, turned: bool) -> None:
    steps = torch.randn(9, 5, 7)
    given = steps.transpose(1, 2) if turned else steps
    answers = []
    for layer in (torch.nn.Dropout(share), SwiftDropout(share)):
        torch.manual_seed(4)
        answers.append((layer(given), torch.rand(3)))
    assert all(torch.equal(one, other) for one, other in zip(*answers, strict=True))
    assert torch.equal(SwiftDropout(share).eval()(given), given)


@pytest.mark.parametrize("symbols", [0, 3])
def test_merged_network_answers_with_the_mean_of_its_members(symbols: int) -> None:
    torch.manual_seed(1)
    shape = Shape(channels=(5, 7), hidden=6, symbols=symbols, embedding=2 if symbols else 0)
    members = [CnnLstm(shape).eval() for _ in range(3)]
    state = merge([member.state_dict() for member in members])
    merged = CnnLstm(Shape.of(state)).eval()
    merged.load_state_dict(state)
    window, symbol = torch.randn(9, WINDOW, len(INDICATOR_NAMES)), torch.arange(9) % 3
    with torch.no_grad():
        expected = torch.stack([member(window, symbol) for member in members]).mean(dim=0)
        np.testing.assert_allclose(merged(window, symbol), expected, atol=1e-6)


def test_merge_of_several_layers_is_refused() -> None:
    state = CnnLstm(Shape(layers=2)).state_dict()
    with pytest.raises(ValueError, match="several LSTM layers"):
        merge([state, state])


def test_saved_network_is_read_back_with_the_same_answers(dataset, fitted, tmp_path: Path) -> None:
    calibrated = fitted.with_temperature(1.3)
    calibrated.save(tmp_path)
    network = load_network(tmp_path / TORCH_NAME)
    scaler = read_scaler(tmp_path / SCALER_NAME, INDICATOR_NAMES)
    assert float(network.temperature) == pytest.approx(1.3)
    np.testing.assert_array_equal(scaler.subtract, fitted.scaler_mean)
    np.testing.assert_array_equal(scaler.divide, fitted.scaler_scale)
    again = FittedNetwork(network.state_dict(), fitted.scaling)
    rows = np.arange(20)
    np.testing.assert_array_equal(again.logits(dataset, rows), fitted.logits(dataset, rows))


def test_exported_graph_answers_as_the_network(dataset, fitted, tmp_path: Path) -> None:
    calibrated = fitted.with_temperature(0.8)
    assert calibrated.export(tmp_path, dataset) <= 1e-5
    session = onnxruntime.InferenceSession(tmp_path / NETWORK_NAME)
    rows = np.arange(0, len(dataset), 7)
    asked = {WINDOW_INPUT: dataset.windows(rows), SYMBOL_INPUT: dataset.symbol[rows]}
    served = session.run([OUTPUT_NAME], asked)[0]
    scores = np.exp(calibrated.logits(dataset, rows) / 0.8)
    np.testing.assert_allclose(served, scores / scores.sum(axis=1, keepdims=True), atol=1e-5)


def test_options_of_every_timeframe_are_small_networks(dataset) -> None:
    options = options_for(dataset.timeframe)
    quick = replace(options, epochs=1)
    fitted = fit_network(dataset, np.arange(len(dataset)), options=quick)
    assert fitted.weight_count < 100_000
