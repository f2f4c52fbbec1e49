"""The card beside a network: what it is, what it was trained on, what it may claim.

`models/btc_predictor_v1.onnx` has `models/btc_predictor_v1.manifest.json`. Training writes it,
the registry checks it before it serves, the model page shows it.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from inference.artefacts.errors import ArtefactError, Refusal
from inference.artefacts.manifest_files import file_digest, read_bounded, write_card
from inference.vocabulary import Role
from market.hot.vector import FEATURE_COUNT, FEATURE_NAMES

OUTPUT_COLUMNS: tuple[str, ...] = ("ret_bp", "q05_bp", "q95_bp", "p_up", "p_flat", "p_down")
"""Columns of a network's output: expected log mid return over the horizon and its 5 % and 95 %
quantiles in bp, then the probabilities of up, flat and down."""

INPUT_NAME = "features"
OUTPUT_NAME = "forecast"
"""Names of the tensors that a network with a manifest must have."""

VERSION_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,79}$"
"""Versions stand in the ledger with suffixes such as `-fallback`."""

Version = Annotated[str, Meta(pattern=VERSION_PATTERN)]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
FileName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$", max_length=200)]


class Training(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a network learned from; `code` holds facts such as library versions and the seed.

    symbols: the markets it has seen; empty where that is not known.
    """

    span: tuple[datetime, datetime]
    recordings: tuple[str, ...]
    rows: Annotated[int, Meta(ge=0)]
    data_digest: str
    symbols: tuple[str, ...] = ()
    code: dict[str, Any] = {}


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that must be known about a network before it is served.

    `metrics` stands each figure beside those of the baselines; `conclusion` says in one honest
    sentence what they show. `files` maps file names beside the manifest to their SHA-256.
    """

    version: Version
    engine: Literal["forecasts"] = "forecasts"
    role: Role
    architecture: Annotated[str, Meta(min_length=1)]
    features: tuple[str, ...] = FEATURE_NAMES
    input_shape: tuple[int | str | None, ...] = ("batch", FEATURE_COUNT)
    outputs: tuple[str, ...] = OUTPUT_COLUMNS
    label: Annotated[str, Meta(min_length=1)]
    horizon_seconds: Annotated[float, Meta(gt=0, le=86_400)]
    training: Training
    metrics: dict[str, Any]
    calibration: dict[str, Any]
    conclusion: Annotated[str, Meta(min_length=1)]
    files: dict[FileName, Digest]
    created_at: datetime

    def __post_init__(self) -> None:
        if self.role not in (Role.CHAMPION, Role.BASELINE):
            raise ValueError(f"role must be champion or baseline, not {self.role}")
        if not self.input_shape or not isinstance(self.input_shape[-1], int):
            raise ValueError("input_shape must end in the number of features")
        if self.outputs != OUTPUT_COLUMNS:
            raise ValueError(f"outputs must be {', '.join(OUTPUT_COLUMNS)}")
        if self.created_at.tzinfo is None or any(t.tzinfo is None for t in self.training.span):
            raise ValueError("created_at and training.span must carry a UTC offset")

    @property
    def width(self) -> int:
        width = self.input_shape[-1]
        return width if isinstance(width, int) else 0

    @property
    def horizon_ms(self) -> int:
        return round(self.horizon_seconds * 1000)


def manifest_path(network: Path) -> Path:
    """Return where the manifest of `network` lies: `<stem>.manifest.json` beside it."""
    return network.with_name(f"{network.stem}.manifest.json")


def read_manifest(network: Path) -> Manifest | None:
    """Read the manifest beside `network`; None where there is none.

    Raises ArtefactError (manifest_invalid) naming the field and what is wrong with it.
    """
    path = manifest_path(network)
    content = read_bounded(path)
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArtefactError(Refusal.MANIFEST, path, f"is not a manifest: {error}") from error


def write_manifest(manifest: Manifest, network: Path) -> Path:
    """Write `manifest` beside `network`, with the digests of its files computed anew.

    `files` of the written manifest names the network itself and each file that
    `manifest.files` names beside it. The file is replaced in one step.
    Returns its path. Raises OSError where a named file is missing, ValueError where the
    manifest would be refused on reading.
    """
    names = {network.name} | {n for n in manifest.files if not n.endswith(".onnx")}
    digests = {name: file_digest(network.with_name(name)) for name in sorted(names)}
    path = manifest_path(network)
    write_card(msgspec.structs.replace(manifest, files=digests), path)
    return path


def features_difference(given: tuple[str, ...], known: tuple[str, ...] = FEATURE_NAMES) -> str:
    """Say in one line how `given` differs from the feed's features."""
    for index, (theirs, ours) in enumerate(zip(given, known, strict=False)):
        if theirs != ours:
            return f"feature {index} is {theirs!r}, the feed's is {ours!r}"
    return f"has {len(given)} features, the feed has {len(known)}"
