"""The scaling of the specification's layout, done as scikit-learn does it, without scikit-learn.

Read by the engine. The arithmetic is that of scikit-learn on float32 rows, in its order of
operations, so that results are the same to the last bit.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from inference.artefacts.errors import ArtefactError, Refusal
from inference.artefacts.manifest import features_difference
from market.hot.vector import FEATURE_NAMES

if TYPE_CHECKING:
    from inference.artefacts.restricted_pickle import StoredScaler

Vector = npt.NDArray[np.floating]
Rows = npt.NDArray[np.float32]

_VECTORS = ("mean_", "center_", "scale_", "min_", "data_min_", "data_max_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaler:
    """Subtract, divide, multiply, add, clip, in this order; None leaves a step out.

    `filling` ([1, features] float32, scaled) stands where a feature is void: the training mean.
    """

    kind: str
    subtract: Vector | None = None
    divide: Vector | None = None
    multiply: Vector | None = None
    add: Vector | None = None
    clip: tuple[float, float] | None = None
    filling: Rows | None = None

    def transform(self, rows: Rows) -> None:
        """Scale raw features ([n, features] float32, NaN = void) in place."""
        if self.subtract is not None:
            np.subtract(rows, self.subtract, out=rows, casting="same_kind")
        if self.divide is not None:
            np.divide(rows, self.divide, out=rows, casting="same_kind")
        if self.multiply is not None:
            np.multiply(rows, self.multiply, out=rows, casting="same_kind")
        if self.add is not None:
            np.add(rows, self.add, out=rows, casting="same_kind")
        if self.clip is not None:
            np.clip(rows, *self.clip, out=rows)
        if self.filling is not None:
            np.copyto(rows, self.filling, where=np.isnan(rows))


def read_scaler(path: Path, features: tuple[str, ...] = FEATURE_NAMES) -> Scaler:
    """Read a StandardScaler, MinMaxScaler or RobustScaler of `features`.

    Raises ArtefactError: scaler_missing, artefact_refused, width_mismatch (naming both
    numbers), features_mismatch where it was fitted on named columns in another order.
    """
    # joblib takes 0.1 s and 6 MB to import, which a network with a manifest never needs.
    from inference.artefacts.restricted_pickle import read_stored_scaler

    stored = read_stored_scaler(path)
    _check_names(stored.attributes, features, path)
    vectors = _vectors(stored.attributes, len(features), path)
    if stored.kind == "MinMaxScaler":
        return _range_scaler(stored.attributes, vectors, path)
    if stored.kind == "RobustScaler":
        return _centred_scaler(stored, vectors, ("center_", "with_centering", "with_scaling"), path)
    return _centred_scaler(stored, vectors, ("mean_", "with_mean", "with_std"), path)


def _centred_scaler(
    stored: "StoredScaler",
    vectors: dict[str, Vector | None],
    names: tuple[str, str, str],
    path: Path,
) -> Scaler:
    centre_name, with_centre, with_scale = names
    centre, scale = vectors[centre_name], vectors["scale_"]
    if centre is None and scale is None:
        raise ArtefactError(Refusal.REFUSED, path, f"the {stored.kind} is not fitted")
    if scale is not None and not np.all(scale):
        raise ArtefactError(Refusal.REFUSED, path, "scale_ holds a zero")
    if stored.kind == "StandardScaler":
        # scikit-learn takes these in float32 here, and in float64 for the other scalers.
        centre = None if centre is None else centre.astype(np.float32)
        scale = None if scale is None else scale.astype(np.float32)
    scaler = Scaler(
        kind=stored.kind,
        subtract=centre if stored.attributes.get(with_centre, True) else None,
        divide=scale if stored.attributes.get(with_scale, True) else None,
    )
    return _with_filling(scaler, centre)


def _range_scaler(
    attributes: dict[str, Any], vectors: dict[str, Vector | None], path: Path
) -> Scaler:
    scale, offset = vectors["scale_"], vectors["min_"]
    low, high = vectors["data_min_"], vectors["data_max_"]
    if scale is None or offset is None:
        raise ArtefactError(Refusal.REFUSED, path, "the MinMaxScaler is not fitted")
    scaler = Scaler(
        kind="MinMaxScaler", multiply=scale, add=offset, clip=_clip_range(attributes, path)
    )
    # A MinMaxScaler does not store the mean; the middle of the range is the nearest it knows.
    return _with_filling(scaler, None if low is None or high is None else (low + high) / 2)


def _clip_range(attributes: dict[str, Any], path: Path) -> tuple[float, float] | None:
    if not attributes.get("clip", False):
        return None
    try:
        least, most = attributes["feature_range"]
        return float(least), float(most)
    except (KeyError, TypeError, ValueError) as error:
        message = f"feature_range is not a pair of numbers: {error}"
        raise ArtefactError(Refusal.REFUSED, path, message) from error


def _with_filling(scaler: Scaler, centre: Vector | None) -> Scaler:
    if centre is None:
        return scaler
    filling = centre.astype(np.float32)[np.newaxis]
    scaler.transform(filling)
    return replace(scaler, filling=filling)


def _vectors(attributes: dict[str, Any], width: int, path: Path) -> dict[str, Vector | None]:
    return {name: _vector(attributes, name, width, path) for name in _VECTORS}


def _vector(attributes: dict[str, Any], name: str, width: int, path: Path) -> Vector | None:
    value = attributes.get(name)
    if value is None:
        return None
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or value.ndim != 1:
        raise ArtefactError(Refusal.REFUSED, path, f"{name} is not a row of numbers")
    if len(value) != width:
        raise ArtefactError(
            Refusal.WIDTH,
            path,
            f"the scaler was fitted on {len(value)} features, the feed has {width}",
        )
    if not np.all(np.isfinite(value)):
        raise ArtefactError(Refusal.REFUSED, path, f"{name} holds a value that is not finite")
    return value.astype(np.float64)


def _check_names(attributes: dict[str, Any], features: tuple[str, ...], path: Path) -> None:
    names = attributes.get("feature_names_in_")
    if names is None:
        return
    given = tuple(str(name) for name in np.ravel(names))
    if given != features:
        raise ArtefactError(Refusal.FEATURES, path, features_difference(given, features))
