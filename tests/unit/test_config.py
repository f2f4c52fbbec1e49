"""The specification's YAML, and what `show_config` tells of all settings."""

from pathlib import Path

import pytest
import yaml

from cryptosite.configuration import MASK, collect, mask_url
from cryptosite.env import Origin
from inference.config import ConfigError, ServiceConfig, dotted, load_config, resolve_model_path

ROOT = Path(__file__).resolve().parents[2]

SPECIFICATION = """
service_name: "bitcoin-inference"

prediction:
  target_horizon_seconds: 10      # Predict 10 seconds ahead
  frequency_seconds: 2           # Generate predictions every 2 seconds
  max_feature_age_seconds: 5     # Maximum stale feature tolerance
  confidence_threshold: 0.1      # Minimum confidence for valid prediction

model:
  path: "/app/models/btc_predictor_v1.onnx"
  format: "onnx"                 # Support ONNX for optimized inference
  input_features: 18             # Number of input features
  batch_size: 1                  # Single prediction mode
  warm_up_iterations: 100        # Model warm-up for consistent latency

redis:
  host: "localhost"
  port: 6379
  cluster_mode: false
  connection_pool_size: 5        # Small pool for hot path
  socket_timeout_seconds: 0.1    # Fast timeout for hot path
  socket_connect_timeout_seconds: 0.5
  max_retries: 1                 # Minimal retries for latency

performance:
  max_inference_latency_ms: 100  # Hard latency limit
  feature_cache_size: 10         # Cache last N feature sets
  prediction_cache_ttl_seconds: 60
  memory_limit_mb: 512           # Lightweight service

health:
  port: 8083
  host: "0.0.0.0"

metrics:
  enable_prometheus: true
  prometheus_port: 9092
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "service.yaml"
    path.write_text(text)
    return path


def test_config_of_the_specification_loads_verbatim(tmp_path: Path) -> None:
    config, origins = load_config(written(tmp_path, SPECIFICATION), {}, ROOT)
    told = yaml.safe_load(SPECIFICATION)
    for key, value in dotted(config).items():
        section, _, name = key.partition(".")
        assert value == (told[section][name] if name else told[section]), key
        assert origins[key] == str(tmp_path / "service.yaml")


@pytest.mark.parametrize("name", ["inference.yaml", "local.yaml", "prod.yaml"])
def test_config_shipped_names_every_key_of_the_specification(name: str) -> None:
    shipped = yaml.safe_load((ROOT / "config" / name).read_text())
    told = yaml.safe_load(SPECIFICATION)
    assert shipped.keys() == told.keys()
    for section, keys in told.items():
        if isinstance(keys, dict):
            assert shipped[section].keys() == keys.keys()
    load_config(ROOT / "config" / name, {}, ROOT)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("redis: {hosts: localhost}", "hosts"),
        ("predictions: {}", "predictions"),
        ("redis: {port: 70000}", "redis.port"),
        ("redis: {port: abc}", "redis.port"),
        ("prediction: {confidence_threshold: 1.5}", "prediction.confidence_threshold"),
        ("model: {format: pickle}", "model.format"),
        ("prediction: {frequency_seconds: 0}", "prediction.frequency_seconds"),
        ("- a list", "sections"),
        ("redis: [", "not YAML"),
    ],
)
def test_config_with_unknown_key_or_bad_value_is_refused_by_name(
    text: str, named: str, tmp_path: Path
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as refusal:
        load_config(path, {}, ROOT)
    assert named in str(refusal.value)
    assert str(path) in str(refusal.value)


def test_config_file_that_is_absent_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"CONFIG_FILE: cannot read .*absent\.yaml"):
        load_config(tmp_path / "absent.yaml", {}, ROOT)


def test_config_empty_means_every_default(tmp_path: Path) -> None:
    config, origins = load_config(written(tmp_path, ""), {}, ROOT)
    assert config.prediction.tick_ms == 2_000
    assert config.prediction.horizon_ms == 10_000
    assert origins == {}


def test_config_takes_the_environment_names_of_the_specification(tmp_path: Path) -> None:
    environ = {"REDIS_HOST": "cache", "REDIS_PORT": "7000", "MODEL_PATH": "/m/x.onnx"}
    config, origins = load_config(written(tmp_path, SPECIFICATION), environ, ROOT)
    assert (config.redis.host, config.redis.port) == ("cache", 7000)
    assert config.model.path == "/m/x.onnx"
    assert origins["redis.port"] == "environment REDIS_PORT"


def test_config_with_bad_redis_port_in_environment_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="REDIS_PORT='six'"):
        load_config(written(tmp_path, SPECIFICATION), {"REDIS_PORT": "six"}, ROOT)


def test_model_path_of_the_container_means_the_shipped_file(tmp_path: Path) -> None:
    assert resolve_model_path("/app/models/a/b.onnx", tmp_path) == tmp_path / "models/a/b.onnx"
    assert resolve_model_path("models/b.onnx", tmp_path) == tmp_path / "models/b.onnx"
    assert resolve_model_path("/elsewhere/b.onnx", tmp_path) == Path("/elsewhere/b.onnx")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:pw@h:1/0", f"redis://:{MASK}@h:1/0"),
        ("postgres://u:p/w:d@x@h/n", f"postgres://u:{MASK}@h/n"),
        ("unix://:pw@/run/redis.sock?db=0", f"unix://:{MASK}@/run/redis.sock?db=0"),
        ("redis://h/0?password=pw&db=1", f"redis://h/0?password={MASK}&db=1"),
        ("sqlite:////var/x.sqlite3", "sqlite:////var/x.sqlite3"),
        ("redis://u@h/0", "redis://u@h/0"),
    ],
)
def test_mask_url_hides_passwords_and_nothing_else(url: str, shown: str) -> None:
    assert mask_url(url) == shown


def test_collect_names_every_source_and_masks_secrets(tmp_path: Path) -> None:
    config, origins = load_config(
        written(tmp_path, "redis: {port: 7000}"), {"REDIS_HOST": "cache"}, ROOT
    )
    found = {
        entry.name: entry
        for entry in collect(
            {
                "WEB_PORT": Origin("WEB_PORT", 8000, "default", False),
                "API_TOKEN": Origin("API_TOKEN", "hush-hush", "environment", True),
                "REDIS_URL": Origin("REDIS_URL", "redis://:hush-hush@h:1/0", "/run/url", True),
                "UNSET": Origin("UNSET", "", "default", True),
            },
            config,
            origins,
        )
    }
    assert "hush-hush" not in repr(found)
    assert (found["WEB_PORT"].value, found["WEB_PORT"].source) == (8000, "default")
    assert (found["API_TOKEN"].value, found["API_TOKEN"].source) == (MASK, "environment")
    assert found["REDIS_URL"].source == "/run/url"
    assert found["UNSET"].value == ""
    assert found["redis.host"].source == "environment REDIS_HOST"
    assert (found["redis.port"].value, found["redis.port"].source) == (
        7000,
        str(tmp_path / "service.yaml"),
    )
    assert found["metrics.prometheus_port"].source == "default"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        (
            "ALERT_URLS",
            "tgram://1:hush/2, slack://hush/B/C,ntfys://ntfy.sh/hush mailto://u:hush@h?to=hush",
            f"tgram://{MASK}, slack://{MASK}, ntfys://{MASK}, mailto://{MASK}",
        ),
        ("SIGNAL_ALERT_URLS", "discord://hush/hush", f"discord://{MASK}"),
        ("WEBHOOK_URLS", "https://h/hooks/hush?key=hush", f"https://{MASK}"),
        ("WEBHOOK_URLS", "https://h/?to=http://hush", f"https://{MASK}"),
        ("WEBHOOK_SECRET", "whsec_hush", MASK),
        ("MQTT_URL", "mqtts://u:hush@broker:8883", f"mqtts://u:{MASK}@broker:8883"),
        ("DATABASE_URL", "postgres://u:hush@h/n", f"postgres://u:{MASK}@h/n"),
    ],
)
def test_collect_shows_of_secret_addresses_their_kind_alone(
    name: str, value: str, shown: str
) -> None:
    origins = {name: Origin(name, value, "environment", True)}
    assert collect(origins, ServiceConfig(), {})[0].value == shown
