"""Model inference: what the engine makes of a network's answer, in both contracts."""

import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from inference.artefacts.registry import Contract
from inference.forecasts.engine import Engine
from tests.unit.artefact_files import (
    NAME,
    Floats,
    Linear,
    linear,
    market_rows,
    registry,
    write_native,
    write_network,
)

BASE_DIR = Path(__file__).resolve().parents[2]


def native_engine(base: Path, rows: int | str = "batch", batch_size: int = 1) -> Engine:
    write_native(base / "models" / NAME, rows=rows)
    return Engine(registry(base).load(), batch_size)


def price_weights() -> Linear:
    # About 100,000 whatever the scaled features say, so that the answer is a price.
    weights = linear(1)
    return Linear(weights.weights * 100, weights.bias + np.float32(100_000), weights.mean)


def write_specification(
    base: Path, scaler: object, *, rows: int | str = "batch", flat: bool = False
) -> Linear:
    weights = price_weights()
    path = base / "models" / NAME
    write_network(path, weights, rows=rows, input_name="x", output_name="y", flat=flat)
    joblib.dump(scaler, path.with_name("scaler.pkl"))
    return weights


@pytest.mark.parametrize("count", [1, 3, 500])
def test_predict_native_network_returns_its_six_columns(tmp_path: Path, count: int) -> None:
    weights = write_native(tmp_path / "models" / NAME)
    engine = Engine(registry(tmp_path).load())
    rows = market_rows(count)
    output = engine.predict(rows)
    expected = weights(rows)
    answered = np.stack(
        [output.ret_bp, output.q05_bp, output.q95_bp, output.p_up, output.p_flat, output.p_down],
        axis=1,
    )
    assert answered.dtype == np.float64
    np.testing.assert_allclose(answered, expected, rtol=2e-5, atol=1e-3)
    assert output.valid.tolist() == [True] * count


def test_predict_void_feature_enters_as_the_graph_has_it(tmp_path: Path) -> None:
    weights = write_native(tmp_path / "models" / NAME)
    engine = Engine(registry(tmp_path).load())
    rows = market_rows(2)
    rows[0, 11] = np.nan
    output = engine.predict(rows)
    np.testing.assert_allclose(output.ret_bp, weights(rows)[:, 0], rtol=2e-5)
    assert output.valid.all()


def test_predict_nan_answer_is_no_forecast_and_spares_other_rows(tmp_path: Path) -> None:
    weights = linear(6)
    poisoned = Linear(weights.weights, weights.bias, weights.mean.copy())
    poisoned.mean[11] = np.nan
    write_native(tmp_path / "models" / NAME, weights=poisoned)
    engine = Engine(registry(tmp_path).load())
    rows = market_rows(3)
    rows[1, 11] = np.nan
    output = engine.predict(rows)
    assert output.valid.tolist() == [True, False, True]
    assert np.isnan(output.ret_bp).tolist() == [False, True, False]
    assert np.isnan(output.p_up).tolist() == [False, True, False]


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e39])
def test_predict_infinite_feature_is_no_forecast(tmp_path: Path, value: float) -> None:
    engine = native_engine(tmp_path)
    rows = market_rows(2)
    rows[0, 15] = value
    assert engine.predict(rows).valid.tolist() == [False, True]


def test_predict_absurd_return_is_no_forecast(tmp_path: Path) -> None:
    weights = linear(6)
    absurd = Linear(weights.weights, weights.bias + np.float32(2e5), weights.mean)
    write_native(tmp_path / "models" / NAME, weights=absurd)
    output = Engine(registry(tmp_path).load()).predict(market_rows(1))
    assert not output.valid[0]


def test_predict_again_leaves_the_first_answer_alone(tmp_path: Path) -> None:
    engine = native_engine(tmp_path)
    first = engine.predict(market_rows(4, seed=1))
    kept = first.ret_bp.copy()
    engine.predict(market_rows(4, seed=2))
    assert first.ret_bp.tolist() == kept.tolist()


def test_predict_wrong_shape_names_both(tmp_path: Path) -> None:
    engine = native_engine(tmp_path)
    with pytest.raises(ValueError, match=r"\(1, 18\).*20"):
        engine.predict(np.zeros((1, 18)))


def test_predict_no_rows_returns_no_rows(tmp_path: Path) -> None:
    output = native_engine(tmp_path).predict(np.zeros((0, 20)))
    assert len(output.ret_bp) == len(output.valid) == 0


@pytest.mark.parametrize(
    ("rows", "batch_size", "rows_a_run"),
    [("batch", 1, None), ("batch", 3, 3), (1, 1, 1), (4, 1, 4), (4, 3, 4)],
)
def test_predict_in_runs_of_any_size_gives_the_same_numbers(
    tmp_path: Path, rows: int | str, batch_size: int, rows_a_run: int | None
) -> None:
    weights = write_native(tmp_path / "models" / NAME, rows=rows)
    engine = Engine(registry(tmp_path).load(), batch_size)
    assert engine.rows_a_run == rows_a_run
    features = market_rows(10)
    output = engine.predict(features)
    np.testing.assert_allclose(output.ret_bp, weights(features)[:, 0], rtol=2e-5)
    np.testing.assert_allclose(output.p_down, weights(features)[:, 5], rtol=2e-5)


def test_predict_as_the_count_changes_answers_each_row(tmp_path: Path) -> None:
    weights = write_native(tmp_path / "models" / NAME)
    engine = Engine(registry(tmp_path).load())
    for count in (10, 9, 6, 5, 4, 1, 2, 3, 40, 100, 1_000, 7, 300, 70, 10):
        rows = market_rows(count, seed=count)
        output = engine.predict(rows)
        np.testing.assert_allclose(output.ret_bp, weights(rows)[:, 0], rtol=2e-5)
        assert output.valid.tolist() == [True] * count


def test_warm_up_runs_as_often_as_asked(tmp_path: Path) -> None:
    engine = native_engine(tmp_path)
    before = engine.runs
    engine.warm_up(25, rows=3)
    assert engine.runs - before == 25


def specification_reference(scaler: object, weights: Linear, rows: Floats) -> Floats:
    # As the specification's document writes it, one row at a time.
    prices = []
    for row in rows:
        array = row.reshape(1, -1).astype(np.float32)
        prices.append(weights(scaler.transform(array))[0][0])  # type: ignore[attr-defined]
    return np.array(prices)


@pytest.mark.parametrize("scaler_type", [StandardScaler, MinMaxScaler, RobustScaler])
@pytest.mark.parametrize(("rows", "flat"), [("batch", False), ("batch", True), (1, False)])
def test_predict_specification_layout_equals_its_document(
    tmp_path: Path, scaler_type: type, rows: int | str, flat: bool
) -> None:
    scaler = scaler_type().fit(market_rows(200))
    weights = write_specification(tmp_path, scaler, rows=rows, flat=flat)
    model = registry(tmp_path).load()
    assert model.contract is Contract.SPECIFICATION
    features = market_rows(5, seed=3)
    output = Engine(model).predict(features)
    price = features[:, 1] * np.exp(output.ret_bp / 1e4)
    np.testing.assert_allclose(price, specification_reference(scaler, weights, features), rtol=1e-6)
    assert output.valid.all()
    assert all(
        np.isnan(column).all()
        for column in (output.q05_bp, output.q95_bp, output.p_up, output.p_flat, output.p_down)
    )


def test_predict_specification_layout_fills_void_with_the_mean(tmp_path: Path) -> None:
    scaler = StandardScaler().fit(market_rows(200))
    weights = write_specification(tmp_path, scaler)
    rows = market_rows(2)
    rows[0, 5] = np.nan
    filled = rows.copy()
    filled[0, 5] = scaler.mean_[5]
    output = Engine(registry(tmp_path).load()).predict(rows)
    price = rows[:, 1] * np.exp(output.ret_bp / 1e4)
    np.testing.assert_allclose(price, specification_reference(scaler, weights, filled), rtol=1e-6)


@pytest.mark.parametrize("price", [0.0, -5.0])
def test_predict_specification_layout_without_a_price_is_no_forecast(
    tmp_path: Path, price: float
) -> None:
    weights = linear(1)
    flat = Linear(weights.weights * 0, np.array([price], np.float32), weights.mean)
    path = write_network(tmp_path / "models" / NAME, flat)
    joblib.dump(StandardScaler().fit(market_rows(50)), path.with_name("scaler.pkl"))
    output = Engine(registry(tmp_path).load()).predict(market_rows(1))
    assert not output.valid[0]
    assert np.isnan(output.ret_bp[0])


@pytest.mark.parametrize("layout", ["native", "specification"])
def test_serving_process_imports_no_training_library(tmp_path: Path, layout: str) -> None:
    if layout == "native":
        write_native(tmp_path / "models" / NAME)
    else:
        write_specification(tmp_path, StandardScaler().fit(market_rows(50)))
    script = f"""
import sys
from pathlib import Path
from inference.artefacts.registry import Registry
from inference.forecasts.engine import Engine
base = Path({str(tmp_path)!r})
Engine(Registry(configured="models/{NAME}", base_dir=base, var_dir=base / "var").load()).warm_up(2)
roots = {{name.partition(".")[0] for name in sys.modules}}
print(sorted(roots & {{"torch", "sklearn", "pandas", "scipy", "onnx", "lightgbm"}}))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=BASE_DIR, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr
