"""Fitted forecasters at rest: one file a fit, named by all that decides it.

The trainer writes them, the protocol and the search read them. Other rows or other options are
another key, so a stored fit is never one of something else.
"""

import hashlib
import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import torch

from market.hot.vector import HORIZON_MS
from training.candidates import Candidate, GraphCandidate, TreesCandidate
from training.decisions import Decisions
from training.networks import Forecaster, InputTransform

KEY_LENGTH = 40
HORIZON_SECONDS = HORIZON_MS / 1000


def fit_key(decisions: Decisions, name: str, options: Mapping[str, object]) -> str:
    """Return the digest of all that decides a fit, but for the code.

    options: those that this fit reads. Whoever changes how forecasters are fitted trains with
    --no-resume.
    """
    digest = hashlib.sha256(json.dumps([name, dict(options)], sort_keys=True).encode())
    for column in (
        decisions.recording,
        decisions.decided_ms,
        decisions.features,
        decisions.targets,
        decisions.classes,
    ):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()[:KEY_LENGTH]


def fit_path(folder: Path, key: str) -> Path:
    """Return where the fit with this key lies."""
    return folder / f"{key}.pt"


def write_fit(folder: Path, key: str, candidate: Candidate) -> None:
    """Write a candidate, not yet calibrated, in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    path = fit_path(folder, key)
    draft = path.with_suffix(".tmp")
    torch.save({"key": key, "name": candidate.name, **_content(candidate)}, draft)
    draft.replace(path)


def read_fit(folder: Path, key: str) -> Candidate | None:
    """Return the stored candidate, or None where there is none with this key, or it is torn."""
    try:
        content = torch.load(fit_path(folder, key), map_location="cpu", weights_only=True)
        return _candidate(content) if content["key"] == key else None
    except (
        OSError,
        RuntimeError,
        ValueError,
        KeyError,
        EOFError,
        pickle.UnpicklingError,
        lightgbm.basic.LightGBMError,
    ):
        return None


def _content(candidate: Candidate) -> dict[str, Any]:
    match candidate:
        case GraphCandidate():
            residual = candidate.graph.residual
            hidden = 0 if residual is None else residual[0].out_features
            return {"hidden": hidden, "weights": candidate.graph.state_dict()}
        case TreesCandidate():
            return {
                "transform": candidate.transform.state_dict(),
                "move": candidate.move.model_to_string(),
                "direction": candidate.direction.model_to_string(),
            }
    raise TypeError(f"{type(candidate).__name__} has no file of its own")


def _candidate(content: Mapping[str, Any]) -> Candidate:
    if "weights" in content:
        graph = Forecaster(horizon_seconds=HORIZON_SECONDS, hidden=content["hidden"])
        graph.load_state_dict(content["weights"])
        return GraphCandidate(content["name"], graph.eval())
    transform = InputTransform(horizon_seconds=HORIZON_SECONDS)
    transform.load_state_dict(content["transform"])
    boosters = (lightgbm.Booster(model_str=content[part]) for part in ("move", "direction"))
    return TreesCandidate(content["name"], transform, *boosters)
