"""The scaler's reader: real scalers come through, nothing in a file is ever run."""

import gzip
import os
import pickle
import resource
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from inference.artefacts.errors import ArtefactError, Refusal
from inference.artefacts.restricted_pickle import MAX_BYTES, read_stored_scaler
from inference.artefacts.scaler import read_scaler
from market.hot.vector import FEATURE_NAMES
from tests.unit.artefact_files import Floats, market_rows

SCALERS = [
    StandardScaler(),
    StandardScaler(with_mean=False),
    StandardScaler(with_std=False),
    MinMaxScaler(),
    MinMaxScaler(feature_range=(-1, 1), clip=True),
    RobustScaler(),
    RobustScaler(with_centering=False),
    RobustScaler(with_scaling=False),
]


def fitted() -> Any:
    return StandardScaler().fit(market_rows(200))


def refusal(path: Path) -> ArtefactError:
    with pytest.raises(ArtefactError) as caught:
        read_scaler(path)
    return caught.value


def scaled(path: Path, rows: Floats) -> Any:
    values = rows.astype(np.float32)
    read_scaler(path).transform(values)
    return values


@pytest.mark.parametrize("scaler", SCALERS, ids=str)
def test_read_scaler_of_each_kind_equals_scikit_learn(tmp_path: Path, scaler: Any) -> None:
    path = tmp_path / "scaler.pkl"
    joblib.dump(scaler.fit(market_rows(200)), path)
    rows = market_rows(50, seed=9) * 1.5
    expected = scaler.transform(rows.astype(np.float32))
    np.testing.assert_array_equal(scaled(path, rows), expected)


@pytest.mark.parametrize("compress", [0, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("lzma", 3), "xz"])
def test_read_scaler_compressed_equals_scikit_learn(tmp_path: Path, compress: Any) -> None:
    path = tmp_path / "scaler.pkl"
    joblib.dump(fitted(), path, compress=(compress, 3) if compress == "xz" else compress)
    rows = market_rows(5)
    np.testing.assert_array_equal(scaled(path, rows), fitted().transform(rows.astype(np.float32)))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("dump", ["pickle", "joblib"])
def test_read_scaler_of_each_protocol_equals_scikit_learn(
    tmp_path: Path, protocol: int, dump: str
) -> None:
    path = tmp_path / "scaler.pkl"
    if dump == "joblib":
        joblib.dump(fitted(), path, protocol=protocol)
    else:
        path.write_bytes(pickle.dumps(fitted(), protocol=protocol))
    rows = market_rows(5)
    np.testing.assert_array_equal(scaled(path, rows), fitted().transform(rows.astype(np.float32)))


def test_read_scaler_old_byte_order_equals_scikit_learn(tmp_path: Path) -> None:
    scaler = fitted()
    for name in ("mean_", "scale_", "var_"):
        setattr(scaler, name, getattr(scaler, name).astype(">f8"))
    path = tmp_path / "scaler.pkl"
    joblib.dump(scaler, path)
    rows = market_rows(5)
    np.testing.assert_array_equal(scaled(path, rows), fitted().transform(rows.astype(np.float32)))


class Foreign:
    """Pickles as a call of `function`, as an attacker would have it."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("compress", [0, 3])
@pytest.mark.parametrize("hidden", [False, True])
def test_read_scaler_with_foreign_code_names_it_and_runs_nothing(
    tmp_path: Path, compress: int, hidden: bool
) -> None:
    trap = tmp_path / "trap"
    foreign = Foreign(os.system, f"touch {trap}")
    content: Any = foreign
    if hidden:
        content = fitted()
        content.feature_names_in_ = np.array([foreign], dtype=object)
    path = tmp_path / "scaler.pkl"
    joblib.dump(content, path, compress=compress)
    error = refusal(path)
    assert error.code is Refusal.REFUSED
    assert f"{os.system.__module__}.system" in str(error)
    assert str(path) in str(error)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (eval, ("1",), "builtins.eval"),
        (getattr, (os, "system"), "builtins.getattr"),
        (np.load, ("/etc/passwd",), "numpy.load"),
        (np.frombuffer, (b"12345678",), "numpy.frombuffer"),
        (joblib.load, ("/etc/passwd",), "joblib.numpy_pickle.load"),
        (time.sleep, (60,), "time.sleep"),
    ],
)
def test_read_scaler_naming_any_other_callable_is_refused(
    tmp_path: Path, function: Any, arguments: tuple[Any, ...], name: str
) -> None:
    path = tmp_path / "scaler.pkl"
    if function is getattr:
        path.write_bytes(b"cbuiltins\ngetattr\n.")
    else:
        path.write_bytes(pickle.dumps(Foreign(function, *arguments), protocol=4))
    error = refusal(path)
    assert error.code is Refusal.REFUSED
    assert name in str(error)


def test_read_scaler_by_dotted_attribute_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scaler.pkl"
    # STACK_GLOBAL walks dots: an allowed class must not open the way to its attributes.
    name = b"StandardScaler.__init__.__globals__"
    module = b"sklearn.preprocessing._data"
    path.write_bytes(
        b"\x80\x04"
        + b"".join(b"\x8c" + bytes([len(text)]) + text for text in (module, name))
        + b"\x93."
    )
    assert "__globals__" in str(refusal(path))


def test_read_scaler_setting_state_of_a_class_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scaler.pkl"
    path.write_bytes(
        b"csklearn.preprocessing._data\nStandardScaler\n(dX\x04\x00\x00\x00kindK\x01sb."
    )
    before = fitted()
    assert "sets the state" in str(refusal(path))
    joblib.dump(before, path)
    assert read_scaler(path).kind == "StandardScaler"


def test_read_scaler_of_another_estimator_names_it(tmp_path: Path) -> None:
    path = tmp_path / "scaler.pkl"
    joblib.dump(LinearRegression().fit(market_rows(30), np.arange(30.0)), path)
    assert "sklearn.linear_model._base.LinearRegression" in str(refusal(path))


def test_read_scaler_that_is_no_scaler_names_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "scaler.pkl"
    joblib.dump({"mean": 1}, path)
    assert "dict" in str(refusal(path))


@pytest.mark.parametrize("compress", [0, 3])
def test_read_scaler_truncated_anywhere_is_refused(tmp_path: Path, compress: int) -> None:
    path = tmp_path / "scaler.pkl"
    joblib.dump(fitted(), path, compress=compress)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        assert refusal(path).code is Refusal.REFUSED


def test_read_scaler_of_garbage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scaler.pkl"
    rng = np.random.default_rng(5)
    whole = bytearray(pickle.dumps(fitted(), protocol=4))
    refused = 0
    for _ in range(300):
        broken = bytearray(whole)
        for index in rng.integers(0, len(whole), 5):
            broken[index] = rng.integers(0, 256)
        path.write_bytes(broken)
        try:
            read_stored_scaler(path)
        except ArtefactError as error:  # some broken bytes are harmless, the others named
            refused += 1
            assert error.path == path
    assert refused > 100


def test_read_scaler_missing_says_so(tmp_path: Path) -> None:
    assert refusal(tmp_path / "scaler.pkl").code is Refusal.SCALER_MISSING


def test_read_scaler_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scaler.pkl"
    path.write_bytes(b"\0" * (MAX_BYTES + 1))
    assert "larger than" in str(refusal(path))


def test_read_scaler_unpacking_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scaler.pkl"
    path.write_bytes(gzip.compress(b"\0" * (50 * MAX_BYTES)))
    assert path.stat().st_size < MAX_BYTES
    assert "larger than" in str(refusal(path))


def test_read_scaler_claiming_a_huge_array_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scaler.pkl"
    joblib.dump(fitted(), path)
    huge = path.read_bytes().replace(b"K\x14\x85", b"J\xff\xff\xff\x7f\x85")
    assert huge != path.read_bytes()
    path.write_bytes(huge)
    assert "larger than" in str(refusal(path))


def test_read_scaler_claiming_huge_bytes_is_refused_without_taking_memory(tmp_path: Path) -> None:
    path = tmp_path / "scaler.pkl"
    path.write_bytes(b"\x80\x05\x96" + (1 << 36).to_bytes(8, "little") + b"abc.")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refusal(path).code is Refusal.REFUSED
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_read_scaler_of_another_width_names_both(tmp_path: Path) -> None:
    path = tmp_path / "scaler.pkl"
    joblib.dump(StandardScaler().fit(market_rows(50)[:, :18]), path)
    error = refusal(path)
    assert error.code is Refusal.WIDTH
    assert "18" in str(error)
    assert "20" in str(error)


def test_read_scaler_fitted_on_named_columns_checks_their_order(tmp_path: Path) -> None:
    path = tmp_path / "scaler.pkl"
    scaler = fitted()
    scaler.feature_names_in_ = np.array(FEATURE_NAMES, dtype=object)
    joblib.dump(scaler, path)
    assert read_scaler(path).kind == "StandardScaler"
    scaler.feature_names_in_ = np.array(FEATURE_NAMES[::-1], dtype=object)
    joblib.dump(scaler, path)
    error = refusal(path)
    assert error.code is Refusal.FEATURES
    assert "'momentum'" in str(error)


@pytest.mark.parametrize(("name", "value"), [("mean_", np.nan), ("scale_", 0.0)])
def test_read_scaler_with_unusable_numbers_is_refused(
    tmp_path: Path, name: str, value: float
) -> None:
    path = tmp_path / "scaler.pkl"
    scaler = fitted()
    getattr(scaler, name)[3] = value
    joblib.dump(scaler, path)
    error = refusal(path)
    assert error.code is Refusal.REFUSED
    assert name in str(error)


def test_read_scaler_not_fitted_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scaler.pkl"
    joblib.dump(StandardScaler(), path)
    assert "not fitted" in str(refusal(path))
