"""The forecast service's configuration: the specification's YAML, every key of it checked.

An unknown key or a value out of range stops the start and is named with what is allowed.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import yaml
from msgspec import Meta

Port = Annotated[int, Meta(ge=1, le=65535)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Share = Annotated[float, Meta(ge=0, le=1)]


class ConfigError(ValueError):
    """The configuration contradicts itself or the schema: start-up stops, a person acts."""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A section of the YAML; a key that is not declared here is refused."""


class PredictionConfig(Section, frozen=True):
    target_horizon_seconds: Count = 10
    frequency_seconds: Annotated[float, Meta(ge=0.1, le=3600)] = 2
    max_feature_age_seconds: Seconds = 5
    confidence_threshold: Share = 0.1

    @property
    def tick_ms(self) -> int:
        return round(self.frequency_seconds * 1000)

    @property
    def horizon_ms(self) -> int:
        return self.target_horizon_seconds * 1000


class ModelConfig(Section, frozen=True):
    path: str = "models/btc_predictor_v1.onnx"
    format: Literal["onnx"] = "onnx"
    input_features: Count = 20
    batch_size: Count = 1
    warm_up_iterations: Annotated[int, Meta(ge=0, le=100_000)] = 100


class RedisConfig(Section, frozen=True):
    host: str = "localhost"
    port: Port = 6379
    cluster_mode: bool = False
    connection_pool_size: Annotated[int, Meta(ge=2, le=1000)] = 5
    socket_timeout_seconds: Seconds = 0.1
    socket_connect_timeout_seconds: Seconds = 0.5
    max_retries: Annotated[int, Meta(ge=0, le=100)] = 1


class PerformanceConfig(Section, frozen=True):
    max_inference_latency_ms: Annotated[float, Meta(gt=0, le=60_000)] = 100
    feature_cache_size: Annotated[int, Meta(ge=2, le=10_000)] = 10
    prediction_cache_ttl_seconds: Count = 60
    memory_limit_mb: Annotated[int, Meta(ge=64, le=1_000_000)] = 512


class HealthConfig(Section, frozen=True):
    port: Port = 8083
    host: str = "127.0.0.1"


class MetricsConfig(Section, frozen=True):
    enable_prometheus: bool = True
    prometheus_port: Port = 9092


class ServiceConfig(Section, frozen=True):
    """Everything `config/*.yaml` may say; see the README for each key."""

    service_name: Annotated[str, Meta(min_length=1, max_length=100)] = "bitcoin-inference"
    prediction: PredictionConfig = PredictionConfig()
    model: ModelConfig = ModelConfig()
    redis: RedisConfig = RedisConfig()
    performance: PerformanceConfig = PerformanceConfig()
    health: HealthConfig = HealthConfig()
    metrics: MetricsConfig = MetricsConfig()


ENVIRONMENT = {
    "REDIS_HOST": ("redis", "host"),
    "REDIS_PORT": ("redis", "port"),
    "MODEL_PATH": ("model", "path"),
}
"""The specification's environment names, and the keys that they override."""


def load_config(
    path: Path, environ: Mapping[str, str], base_dir: Path
) -> tuple[ServiceConfig, dict[str, str]]:
    """Read `path`, apply the environment, check everything.

    Returns the configuration and, for each dotted key, where its value comes from.
    Raises ConfigError naming the file and the key.
    """
    where = path if path.is_absolute() or path.exists() else base_dir / path
    try:
        document = yaml.safe_load(where.read_text())
    except OSError as error:
        raise ConfigError(f"CONFIG_FILE: cannot read {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {error}") from error
    if document is None:
        document = {}
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: must hold sections such as `prediction:`, not a single value")
    origins = _origins(document, str(path))
    for name, (section, key) in ENVIRONMENT.items():
        raw = environ.get(name, "").strip()
        if raw:
            overridden = document.get(section)
            document[section] = {**(overridden or {}), key: _typed(name, raw)}
            origins[f"{section}.{key}"] = f"environment {name}"
    try:
        return msgspec.convert(document, ServiceConfig), origins
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}{_allowed_keys(str(error))}") from error


def _allowed_keys(message: str) -> str:
    if "unknown field" not in message:
        return ""
    found = re.search(r"at `\$\.(\w+)`", message)
    section: type[msgspec.Struct] = ServiceConfig
    if found is not None:
        section = type(getattr(ServiceConfig(), found[1]))
    return "; allowed are " + ", ".join(section.__struct_fields__)


def dotted(config: ServiceConfig) -> dict[str, object]:
    """Return every key of the configuration as `section.key`, with its value."""
    flat: dict[str, object] = {}
    for name, value in msgspec.to_builtins(config).items():
        if isinstance(value, dict):
            flat.update({f"{name}.{key}": inner for key, inner in value.items()})
        else:
            flat[name] = value
    return flat


def resolve_model_path(configured: str, base_dir: Path) -> Path:
    """Return where the model lies: as configured, else the same file in `models/`.

    The specification's `/app/models/…` is the container's path; outside a container the
    shipped file is meant. The returned path need not exist.
    """
    path = Path(configured)
    if not path.is_absolute():
        path = base_dir / path
    if not path.exists() and path.is_absolute() and path.parts[:3] == ("/", "app", "models"):
        return base_dir.joinpath("models", *path.parts[3:])
    return path


def _origins(document: Mapping[str, object], source: str) -> dict[str, str]:
    origins: dict[str, str] = {}
    for section, values in document.items():
        if isinstance(values, dict):
            origins.update({f"{section}.{key}": source for key in values})
        else:
            origins[str(section)] = source
    return origins


def _typed(name: str, raw: str) -> str | int:
    if name != "REDIS_PORT":
        return raw
    try:
        return int(raw)
    except ValueError:
        raise ConfigError(f"REDIS_PORT={raw!r}: must be a whole number from 1 to 65535") from None
