"""What the documents say exists: commands, settings, links, paths, metrics, reasons."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands
from django.urls import Resolver404, resolve
from prometheus_client import CollectorRegistry
from prometheus_client.samples import Sample

from dashboard.routing import websocket_urlpatterns
from inference.config import ENVIRONMENT, ServiceConfig, dotted
from inference.metrics import LoopMetrics
from inference.signals.metrics import SignalMetrics
from inference.vocabulary import Reason, SignalReason, Source
from market.hot.vector import FEATURE_NAMES
from predictions.accuracy.tradeable import Refusal
from predictions.api.alert_metrics import AlertMetrics
from predictions.api.drift_metrics import DRIFT_METRICS
from predictions.api.errors import not_found
from predictions.api.market_metrics import MarketMetrics
from predictions.api.mqtt_metrics import MqttMetrics
from predictions.api.quality_metrics import QUALITY_METRICS
from predictions.api.recorder_metrics import RecorderMetrics
from predictions.api.retraining_metrics import RetrainingMetrics
from predictions.api.rollback_metrics import ROLLBACK_METRICS
from predictions.api.schema.signal_shapes import SignalListSerializer
from predictions.api.shadow_metrics import ShadowMetrics
from predictions.cards.glossary import GLOSSARY
from tests.documents import (
    API,
    DOCUMENTS,
    OPERATIONS,
    README,
    REFERENCE,
    ROOT,
    anchors,
    blocks,
    json_blocks,
    links,
    names,
    rows,
    same_fields,
    section,
    table,
)

READERS = {"text", "integer", "number", "flag", "choice", "items", "server"}


def env_calls() -> list[ast.Call]:
    """Every call of a reader of `cryptosite.env`, from the source: none is run for it."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / "cryptosite").rglob("*.py")]
    return [
        node
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "env"
        and node.func.attr in READERS
    ]


def name_of(call: ast.Call) -> str:
    (name, *_) = call.args
    assert isinstance(name, ast.Constant)
    return str(name.value)


def literal_defaults() -> dict[str, object]:
    found: dict[str, object] = {}
    for call in env_calls():
        try:
            found[name_of(call)] = ast.literal_eval(call.args[1])
        except (ValueError, IndexError):
            continue
    return found


def written(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        value = ",".join(value)
    return f"`{value}`" if value != "" else "empty"


def spans(document: Path) -> list[str]:
    text = document.read_text()
    return re.findall(r"`([^`\n]+)`", text) + [block.text for block in blocks(document)]


def test_environment_table_has_every_name_that_is_read_and_no_other() -> None:
    read = {name_of(call) for call in env_calls()} | set(ENVIRONMENT)
    assert set(table(README, "### Environment")) == read


def test_environment_table_has_the_defaults_of_the_readers() -> None:
    shown = table(README, "### Environment")
    # Names that several places read are described; what one place reads as a literal is shown.
    checked = {name: value for name, value in literal_defaults().items() if name != "REDIS_URL"}
    assert len(checked) >= 10
    assert {name: shown[name] for name in checked} == {
        name: written(value) for name, value in checked.items()
    }


def test_environment_names_of_every_secret_file_are_documented() -> None:
    secrets = {
        name_of(call)
        for call in env_calls()
        if any(keyword.arg == "secret" for keyword in call.keywords)
    }
    told = set(re.findall(r"`([A-Z_]+)_FILE`", README.read_text()))
    assert told - {"CONFIG", "LEDGER_KEY"} == secrets


def test_yaml_table_has_every_key_with_its_default_and_no_other() -> None:
    keys = dotted(ServiceConfig())
    shown = table(README, "### The YAML")
    expected = {
        key: f"`{str(value).lower() if isinstance(value, bool) else f'{value:g}'}`"
        if isinstance(value, int | float)
        else f"`{value}`"
        for key, value in keys.items()
    }
    assert shown == expected


def test_words_of_retraining_in_the_reference_are_those_of_the_glossary() -> None:
    told = table(REFERENCE, "## The words of retraining")
    assert told == {word.term: word.means for word in GLOSSARY}


def test_commands_named_in_any_document_exist() -> None:
    known = get_commands()
    for document in (*DOCUMENTS, ROOT / "CHANGELOG.md"):
        named = re.findall(r"manage\.py ([a-z_]+)", document.read_text())
        assert {name for name in named if name not in known} == set(), document.name


def test_commands_table_has_every_command_of_the_product() -> None:
    ours = {
        name
        for name, app in get_commands().items()
        if isinstance(app, str)
        and app in {"market", "inference", "predictions", "dashboard", "training"}
    }
    told = {name.split()[1] for name in names(README, "## Commands") if "manage.py" in name}
    assert ours <= told


def test_make_targets_and_variables_named_in_any_document_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for document in DOCUMENTS:
        for span in spans(document):
            for target in re.findall(r"(?:^|[\s=])make ([a-z-]+)", span):
                assert target in targets, f"{document.name}: make {target}"
    for name in table(README, "## Start"):
        assert re.search(rf"^{name} \?=|\$\({name}\)", makefile, re.MULTILINE), name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_images_of_each_document_lead_somewhere(document: Path) -> None:
    found = [link for link in links(document) if "://" not in link]
    assert found
    for link in found:
        file, _, anchor = link.partition("#")
        target = (document.parent / file).resolve() if file else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_paths_shown_in_each_document_resolve(document: Path) -> None:
    text = document.read_text()
    shown = set(re.findall(r"[`:0-9](/(?:api/[a-z]|predict|health|metrics)[^`\"\s?]*)", text))
    for path in shown:
        assert resolve(path.replace("ID", "1")).func is not not_found, path


@pytest.mark.parametrize("document", (README, API), ids=lambda path: path.name)
def test_websocket_paths_shown_in_each_document_resolve(document: Path) -> None:
    shown = set(re.findall(r"/(ws/[^`\"\s?]*)", document.read_text()))
    assert shown
    named = [pattern for pattern in websocket_urlpatterns if str(pattern.pattern)]
    for path in shown:
        assert any(pattern.pattern.match(path) for pattern in named), path


def test_paths_that_do_not_exist_are_told_apart() -> None:
    assert resolve("/api/nothing").func is not_found
    with pytest.raises(Resolver404):
        resolve("/nothing")


@pytest.mark.parametrize("document", (README, API), ids=lambda path: path.name)
def test_json_examples_of_each_document_parse(document: Path) -> None:
    assert len(json_blocks(document)) >= 3


def test_reasons_of_signals_are_all_explained() -> None:
    explained = names(REFERENCE, "## Signals that are missing")
    assert {reason.value for reason in SignalReason if reason} == explained


def test_reasons_and_sources_are_all_explained() -> None:
    explained = names(REFERENCE, "## When something is wrong")
    assert {reason.value for reason in Reason if reason} == explained
    text = section(REFERENCE, "## When something is wrong")
    assert [source.value for source in Source if f"`{source.value}`" not in text] == []
    allowed = table(API, "## GET /api/forecasts")["source"]
    assert re.findall(r"`([^`]+)`", allowed) == [source.value for source in Source]


def test_features_table_has_all_twenty_in_their_order() -> None:
    told = [row[0].strip("`") for row in rows(section(REFERENCE, "## Features"))]
    assert tuple(told) == FEATURE_NAMES


def test_metrics_table_has_every_metric_of_the_loop_and_no_other() -> None:
    others = (
        _kinds(SignalMetrics().registry).keys()
        | _kinds(RecorderMetrics({}).registry).keys()
        | _kinds(ShadowMetrics({}).registry).keys()
        | _kinds(MarketMetrics({}).registry).keys()
        | _kinds(AlertMetrics({}).registry).keys()
        | _kinds(MqttMetrics({}).registry).keys()
        | _kinds(RetrainingMetrics({}).registry).keys()
        | {*QUALITY_METRICS, *ROLLBACK_METRICS, *DRIFT_METRICS}
    )
    shown = table(OPERATIONS, "## Metrics")
    forecasts = {name: kind for name, kind in shown.items() if name not in others}
    assert forecasts == _kinds(LoopMetrics().registry)


def test_signal_metrics_table_has_every_metric_of_the_loop_and_no_other() -> None:
    assert table(OPERATIONS, "### Metrics of signals") == _kinds(SignalMetrics().registry)


def test_recorder_metrics_table_has_every_metric_and_no_other() -> None:
    shown = table(OPERATIONS, "### Metrics of the recorder")
    assert shown == _kinds(RecorderMetrics({}).registry)


def test_shadow_metrics_table_has_every_metric_and_no_other() -> None:
    shown = table(OPERATIONS, "### Metrics of shadows")
    assert shown == _kinds(ShadowMetrics({}).registry)


def test_market_metrics_table_has_every_metric_and_no_other() -> None:
    shown = table(OPERATIONS, "### Metrics of the market")
    assert shown == _kinds(MarketMetrics({}).registry)


def test_alert_metrics_table_has_every_metric_and_no_other() -> None:
    shown = table(OPERATIONS, "### Metrics of alerts")
    assert shown == _kinds(AlertMetrics({}).registry)


def test_mqtt_metrics_table_has_every_metric_and_no_other() -> None:
    shown = table(OPERATIONS, "### Metrics of MQTT")
    assert shown == _kinds(MqttMetrics({}).registry)


def test_retraining_metrics_table_has_every_metric_and_no_other() -> None:
    shown = table(OPERATIONS, "### Metrics of retraining")
    assert shown == _kinds(RetrainingMetrics({}).registry)


def test_quality_metrics_table_has_every_metric_and_no_other() -> None:
    shown = table(OPERATIONS, "### Metrics of quality")
    assert set(shown) == set(QUALITY_METRICS)
    assert set(shown.values()) == {"gauge"}


def test_rollback_metrics_table_has_every_metric_and_no_other() -> None:
    shown = table(OPERATIONS, "### Metrics of rollbacks")
    assert set(shown) == set(ROLLBACK_METRICS)
    assert set(shown.values()) == {"gauge"}


def test_drift_metrics_table_has_every_metric_and_no_other() -> None:
    shown = table(OPERATIONS, "### Metrics of drift")
    assert set(shown) == set(DRIFT_METRICS)
    assert set(shown.values()) == {"gauge"}


def test_reasons_against_trading_are_all_explained() -> None:
    shown = names(API, "## GET /api/tradeable/SYMBOL")
    assert {reason.value for reason in Refusal} == shown


def test_alerts_are_all_explained() -> None:
    watching = (ROOT / "predictions" / "watching").glob("*.py")
    source = "".join(path.read_text() for path in watching)
    told = set(re.findall(r"Alert\(\s*\"(\w+)\"", source))
    assert len(told) > 20
    assert told <= names(OPERATIONS, "## Alerts")


def test_alerts_read_metrics_that_exist() -> None:
    samples: set[str] = {
        sample.name for sample in _samples() if not sample.name.endswith("_created")
    }
    families = {name.removesuffix("_count").removesuffix("_sum") for name in samples}
    known = samples | families | names(OPERATIONS, "## Metrics")
    (rules,) = (block for block in blocks(OPERATIONS) if block.language == "yaml")
    read = set(re.findall(r"(?:inference|signals|recorder|redis)_\w+", rules.text))
    assert read
    assert read <= known


def test_compose_variables_are_documented() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    told = README.read_text() + OPERATIONS.read_text()
    for name in set(re.findall(r"\$\{([A-Z_]+)", compose)) | {"SETUP_INSTANCE"}:
        assert re.search(rf"\b{name}\b", told), name


def test_error_codes_of_the_api_are_documented() -> None:
    source = "".join(path.read_text() for path in (ROOT / "predictions" / "api").glob("*.py"))
    source += (ROOT / "predictions" / "downloads" / "slots.py").read_text()
    source += (ROOT / "cryptosite" / "access.py").read_text()
    source += (ROOT / "dashboard" / "long_requests.py").read_text()
    for page in ("failure", "refused"):
        source += (ROOT / "dashboard" / "pages" / f"{page}.py").read_text()
    spoken = r"(?:error_response\(\d+, |error_body\(|_refuse\(exc, |default_code = |\"code\": )"
    used = set(re.findall(rf'{spoken}"(\w+)"', re.sub(r"\(\s+", "(", source)))
    assert used == names(API, "## Errors")


def test_signals_answer_is_explained_field_by_field_and_code_by_code() -> None:
    answer: Any = SignalListSerializer().fields
    item, failure = (answer[name].child.fields for name in ("predictions", "errors"))
    told = names(API, "## GET /api/predictions")
    assert told - {"symbols"} == set(answer) | set(item) | set(failure["code"].choices)


def test_same_fields_where_a_field_is_missing_names_it() -> None:
    shown: Any = {"a": [{"b": 1, "c": None}]}
    same_fields(shown, {"a": [{"b": 2, "c": "x"}]})
    with pytest.raises(ValueError, match=r"answer\.a\[0\]"):
        same_fields(shown, {"a": [{"b": 2}]})
    with pytest.raises(ValueError, match=r"answer\.a\[0\]\.b"):
        same_fields(shown, {"a": [{"b": "2", "c": 1}]})


def _kinds(registry: CollectorRegistry) -> dict[str, str]:
    return {
        metric.name + ("_total" if metric.type == "counter" else ""): metric.type
        for metric in registry.collect()
        if not metric.name.endswith("_created")
    }


def _samples() -> list[Sample]:
    return [sample for metric in LoopMetrics().registry.collect() for sample in metric.samples]
