"""Finds the network to serve, checks everything about it, and falls back where it must.

Read by the forecast loop at its start and at a reload. An unreadable artefact is not fatal:
the backup locations come next, and without any the loop forecasts a linear trend.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from inference.artefacts.errors import (
    ArtefactError,
    HorizonMismatch,
    ModelUnavailable,
    Refusal,
    RefusedArtefact,
)
from inference.artefacts.manifest import (
    INPUT_NAME,
    OUTPUT_COLUMNS,
    OUTPUT_NAME,
    Manifest,
    read_manifest,
)
from inference.artefacts.manifest_files import SCALER_NAME
from inference.artefacts.network_files import read_network
from inference.artefacts.onnx_model import Network, open_network, try_network
from inference.artefacts.places import check_claims, network_places, settled, version_of
from inference.artefacts.scaler import Scaler, read_scaler
from inference.config import ServiceConfig, resolve_model_path
from inference.vocabulary import Role
from market.hot.vector import FEATURE_COUNT


class Contract(StrEnum):
    """What a network takes and gives."""

    NATIVE = "native"
    """A manifest beside it; raw features in, the six forecast columns out."""

    SPECIFICATION = "specification"
    """`scaler.pkl` beside it; scaled features in, an absolute price out."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A network that passed every check, ready for an Engine.

    digest is the SHA-256 of the ONNX file; warnings are for the log and health; refused lists
    what was tried before it.
    """

    path: Path
    digest: str
    version: str
    role: Role
    horizon_ms: int
    contract: Contract
    network: Network
    scaler: Scaler | None = None
    manifest: Manifest | None = None
    warnings: tuple[str, ...] = ()
    refused: tuple[RefusedArtefact, ...] = ()

    @property
    def base_version(self) -> str:
        return self.version


class Registry:
    """Knows the places where networks lie, in the order in which they are tried."""

    def __init__(
        self,
        *,
        configured: str,
        base_dir: Path,
        var_dir: Path,
        input_features: int = FEATURE_COUNT,
        horizon_ms: int = 10_000,
    ) -> None:
        self.input_features = input_features
        self.horizon_ms = horizon_ms
        self.places = network_places(resolve_model_path(configured, base_dir), base_dir, var_dir)

    @classmethod
    def from_config(cls, config: ServiceConfig, base_dir: Path, var_dir: Path) -> "Registry":
        return cls(
            configured=config.model.path,
            base_dir=base_dir,
            var_dir=var_dir,
            input_features=config.model.input_features,
            horizon_ms=config.prediction.horizon_ms,
        )

    def load_at(self, path: Path) -> LoadedModel:
        """Return the network of one file, wherever it lies, checked as any.

        Raises ArtefactError.
        """
        return self._load_from(path, ())

    def load(self) -> LoadedModel:
        """Return the first servable network of the places.

        Raises HorizonMismatch where the first network found looks ahead by another time
        than configured, ModelUnavailable (with every refusal) where none can be served.
        """
        refused: list[RefusedArtefact] = []
        for index, path in enumerate(self.places):
            try:
                return self._load_from(path, refused)
            except ArtefactError as error:
                # Of a promoted one that looks ahead by another time, the one before stands in.
                wrong_horizon = error.code is Refusal.HORIZON and not refused
                if wrong_horizon and not path.parent.is_symlink():
                    raise HorizonMismatch(str(error)) from error
                if error.code is not Refusal.MISSING or index == 0:
                    refused.append(error.as_refused())
        raise ModelUnavailable(tuple(refused))

    def _load_from(self, place: Path, refused: Sequence[RefusedArtefact]) -> LoadedModel:
        path = settled(place)
        content = read_network(path)
        digest = hashlib.sha256(content).hexdigest()
        manifest = read_manifest(path)
        if manifest is not None:
            check_claims(manifest, path, digest)
        network = open_network(content, path)
        _check_width(network, manifest, path)
        horizon_ms = self.horizon_ms if manifest is None else manifest.horizon_ms
        if horizon_ms != self.horizon_ms:
            raise ArtefactError(
                Refusal.HORIZON,
                path,
                f"looks {horizon_ms / 1000:g} s ahead, target_horizon_seconds is "
                f"{self.horizon_ms / 1000:g}; set it to {horizon_ms / 1000:g} or train anew",
            )
        if manifest is None:
            network = try_network(network, 1, path)
            scaler = read_scaler(path.with_name(SCALER_NAME))
        else:
            network = try_network(_with_named_tensors(network, path), len(OUTPUT_COLUMNS), path)
            scaler = None
        return LoadedModel(
            path=path,
            digest=digest,
            version=version_of(path) if manifest is None else manifest.version,
            role=Role.CHAMPION if manifest is None else manifest.role,
            horizon_ms=horizon_ms,
            contract=Contract.SPECIFICATION if manifest is None else Contract.NATIVE,
            network=network,
            scaler=scaler,
            manifest=manifest,
            warnings=self._warnings(place),
            refused=tuple(refused),
        )

    def _warnings(self, path: Path) -> tuple[str, ...]:
        warnings = []
        if self.input_features != FEATURE_COUNT:
            warnings.append(
                f"input_features is {self.input_features}, {path.name} takes {FEATURE_COUNT}; "
                f"{FEATURE_COUNT} is used"
            )
        if path != self.places[0]:
            warnings.append(f"{self.places[0]} could not be served; {path} stands in")
        return tuple(warnings)


def _check_width(network: Network, manifest: Manifest | None, path: Path) -> None:
    if manifest is not None and network.width not in (None, manifest.width):
        message = f"takes {network.width} features, its manifest says {manifest.width}"
        raise ArtefactError(Refusal.WIDTH, path, message)
    width = network.width or (FEATURE_COUNT if manifest is None else manifest.width)
    if width != FEATURE_COUNT:
        message = f"takes {width} features, the feed has {FEATURE_COUNT}"
        raise ArtefactError(Refusal.WIDTH, path, message)


def _with_named_tensors(network: Network, path: Path) -> Network:
    outputs = [tensor.name for tensor in network.session.get_outputs()]
    if network.input_name != INPUT_NAME or OUTPUT_NAME not in outputs:
        message = (
            f"has input {network.input_name!r} and outputs {outputs}; with a manifest they are "
            f"{INPUT_NAME!r} and {OUTPUT_NAME!r}"
        )
        raise ArtefactError(Refusal.REFUSED, path, message)
    return replace(network, output_name=OUTPUT_NAME)
