"""The OpenAPI document: complete, without warnings, and true of what the server answers."""

import io
import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import redis
from django.conf import settings as shipped
from django.core.management import call_command
from django.test import Client
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from inference.forecasts.publisher import symbol_values, tick_values
from inference.forecasts.scripts import SYMBOL_FIELDS, TICK_FIELDS
from inference.signals.entry import Said
from inference.vocabulary import Direction, SignalReason
from market import keys
from market.candles.timeframes import SIGNAL_TIMEFRAMES
from predictions.downloads.tables import FORECASTS, SIGNALS
from predictions.urls import urlpatterns
from tests.integration.ledger import drain, new_recorder, publish, tick_entry
from tests.integration.test_signal_recorder import batch, hand_over
from tests.integration.test_signal_recorder import drain as record_signals
from tests.integration.test_signal_recorder import recorder as signal_recorder
from tests.signal_loops import make_signal
from tests.signals import no_signal, signal, store_state

pytestmark = pytest.mark.django_db

SERVES_PAGES = {"api/schema"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    out = io.StringIO()
    call_command("spectacular", "--format", "openapi-json", stdout=out)
    parsed: dict[str, Any] = json.loads(out.getvalue())
    return parsed


@pytest.fixture
def filled(clean_redis: redis.Redis, redis_url: str) -> redis.Redis:
    """Signals of every kind, a forecast and a graded ledger."""
    at_ms = 1_766_928_300_000
    moment: Any = {"venue": "simulated", "live": 0, "market_ms": at_ms, "wall_ms": 0, "speed": 0}
    clean_redis.hset(keys.clock(), mapping=moment)
    kinds = list(Direction)
    for timeframe in SIGNAL_TIMEFRAMES:
        for index, symbol in enumerate(shipped.SIGNAL_SYMBOLS[:-2]):
            said = signal(symbol, timeframe, at_ms=at_ms, direction=kinds[index % 3])
            store_state(clean_redis, said)
        late = no_signal(shipped.SIGNAL_SYMBOLS[0], timeframe)
        store_state(clean_redis, signal(late.symbol, timeframe, at_ms=at_ms), late)
        store_state(
            clean_redis,
            error=no_signal(shipped.SIGNAL_SYMBOLS[-2], timeframe, SignalReason.MODEL_MISSING),
        )
    entry = tick_entry()
    [told] = symbol_values(entry, entry.numbers.T.tolist())
    pairs: Any = dict(
        zip((*TICK_FIELDS, *SYMBOL_FIELDS), (*tick_values(entry), *told), strict=True)
    )
    clean_redis.hset(keys.pred("BTCUSDT"), mapping=pairs)
    binary = redis.Redis.from_url(redis_url)
    publish(binary, *(tick_entry(index, {"BTCUSDT": 100.0}) for index in range(12)))
    drain(new_recorder(binary))
    idle: dict[str, Any] = {"direction": Direction.NO_TRADE, "reason": SignalReason.BELOW_THRESHOLD}
    idle |= {"stop_loss": None, "take_profits": (), "model_accuracy": None, "threshold": None}
    idle |= {"tp_eta_minutes": None, "tp_eta_low_minutes": None, "tp_eta_high_minutes": None}
    made = (make_signal("BTCUSDT"), make_signal("SOLUSDT", **idle))
    hand_over(binary, batch(*map(Said, made)))
    record_signals(signal_recorder(binary))
    binary.close()
    return clean_redis


def described(document: dict[str, Any], path: str, status: int) -> dict[str, Any]:
    answer: dict[str, Any] = document["paths"][path]["get"]["responses"][str(status)]
    return answer


def check(document: dict[str, Any], path: str, status: int, body: Any) -> None:
    """Hold a body against the document. Raises jsonschema.ValidationError."""
    content = described(document, path, status)["content"]
    media = content["application/json"] if len(content) > 1 else next(iter(content.values()))
    resource = Resource.from_contents(document, default_specification=DRAFT202012)
    registry = Registry().with_resource("urn:api", resource)
    schema = json.loads(json.dumps(media["schema"]).replace('"#/', '"urn:api#/'))
    validator = jsonschema.Draft202012Validator(
        schema,
        registry=registry,
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    )
    validator.validate(body)


def test_document_is_valid_and_gives_no_warning(tmp_path: Any) -> None:
    call_command(
        "spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml")
    )


def test_document_describes_every_address_of_the_api(document: dict[str, Any]) -> None:
    served = {str(each.pattern) for each in urlpatterns if each.name}
    told = {path.lstrip("/") for path in document["paths"]}
    plain = {_without_converters(path) for path in served - SERVES_PAGES}
    assert told == plain


def test_document_describes_every_field_of_a_signal(document: dict[str, Any]) -> None:
    item = signal(at_ms=0).item(0)
    shape = document["components"]["schemas"]["CurrentSignal"]
    assert set(shape["properties"]) == set(shape["required"]) == set(item)
    silent = {"symbol", "model_version", "probabilities"}  # names that say it, or a shape's own
    for name, field in shape["properties"].items():
        assert name in silent or field.get("description") or "$ref" in field, name


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/api/predictions", "/api/predictions"),
        ("/api/predictions", "/api/predictions?timeframe=1d&symbols=BTCUSDT,ETHUSDT"),
        ("/api/predictions/{symbol}", "/api/predictions/BTCUSDT"),
        ("/api/predictions/{symbol}", "/api/predictions/XRPUSDT?timeframe=4h"),
        ("/api/predictions/{symbol}/summary", "/api/predictions/BTCUSDT/summary"),
        ("/api/predictions/{symbol}/summary", "/api/predictions/XRPUSDT/summary"),
        ("/predict", "/predict"),
        ("/health", "/health"),
        ("/api/forecasts", "/api/forecasts?limit=3"),
        ("/api/forecasts", "/api/forecasts?symbol=SOLUSDT"),
        ("/api/signals", "/api/signals"),
        ("/api/candles", "/api/candles?symbol=BTCUSDT"),
    ],
)
def test_answer_is_as_the_document_says(
    client: Client, filled: redis.Redis, document: dict[str, Any], path: str, address: str
) -> None:
    response = client.get(address)

    assert response.status_code == 200
    check(document, path, 200, response.json())


def test_ledger_rows_are_as_the_document_says(
    client: Client, filled: redis.Redis, document: dict[str, Any]
) -> None:
    for ledger in ("/api/forecasts", "/api/signals"):
        rows = client.get(ledger).json()["results"]
        assert len(rows) >= 2
        for row in rows:
            told = client.get(f"{ledger}/{row['id']}").json()
            check(document, f"{ledger}/{{id}}", 200, told)


@pytest.mark.parametrize(
    ("path", "address", "status"),
    [
        ("/api/predictions", "/api/predictions?timeframe=2h", 400),
        ("/api/predictions", "/api/predictions?symbols=NONE", 404),
        ("/api/predictions/{symbol}", "/api/predictions/NONE", 404),
        ("/api/predictions/{symbol}/summary", "/api/predictions/BTCUSDT/summary?a=b", 400),
        ("/predict", "/predict?symbol=NONE", 404),
        ("/predict", "/predict?symbol=", 404),
        ("/predict", "/predict?sym=BTCUSDT", 400),
        ("/api/forecasts", "/api/forecasts?limit=0", 400),
        ("/api/forecasts/{id}", "/api/forecasts/999999", 404),
        ("/api/signals", "/api/signals?timeframe=2h", 400),
        ("/api/candles", "/api/candles", 400),
        ("/api/candles", "/api/candles?symbol=PAXGUSDT", 404),
        ("/api/signals/{id}", "/api/signals/999999", 404),
    ],
)
def test_refusal_is_as_the_document_says(
    client: Client,
    clean_redis: redis.Redis,
    document: dict[str, Any],
    path: str,
    address: str,
    status: int,
) -> None:
    response = client.get(address)

    assert response.status_code == status
    check(document, path, status, response.json())


def test_examples_of_the_document_are_what_it_describes(document: dict[str, Any]) -> None:
    checked = 0
    for path, operations in document["paths"].items():
        for status, answer in operations["get"]["responses"].items():
            for media in answer.get("content", {}).values():
                for example in media.get("examples", {}).values():
                    check(document, path, int(status), example["value"])
                    checked += 1
    assert checked >= 10


def test_answer_that_lacks_a_field_is_refused_by_the_document(
    client: Client, filled: redis.Redis, document: dict[str, Any]
) -> None:
    body = client.get("/api/predictions").json()
    del body["predictions"][0]["expired"]

    with pytest.raises(jsonschema.ValidationError, match="expired"):
        check(document, "/api/predictions", 200, body)


def test_schema_address_serves_json_and_yaml(client: Client, document: dict[str, Any]) -> None:
    assert client.get("/api/schema").json() == document
    assert client.get("/api/schema?format=yaml").content.startswith(b"openapi: 3.1.0")


def test_docs_page_runs_no_inline_script_or_style(client: Client) -> None:
    page = client.get("/api/docs")
    script = client.get("/api/docs?script=")

    text = page.content.decode()
    assert page.status_code == script.status_code == 200
    assert "<style" not in text
    inline = re.findall(r"<script(?![^>]*(?: src=|application/json))", text)
    assert (inline, text.count("<script src=")) == ([], 2)
    assert "style-src" not in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert script.headers["Content-Type"].startswith("application/javascript")
    assert b"SwaggerUIBundle" in script.content


def _without_converters(path: str) -> str:
    return re.sub(r"<\w+:(\w+)>", r"{\1}", path).replace("{pk}", "{id}")


OF_NO_MARKET = {
    "/api/ledger/consistency", "/api/models/history", "/api/models/runs/{id}", "/api/models/words",
}  # fmt: skip
"""What is of the log as a whole, whatever markets its entries are of; the history of models,
whose rows each name the venue that they are of; and what words mean."""


def test_every_answer_says_of_which_market_it_is_and_whether_that_is_live(
    document: dict[str, Any],
) -> None:
    silent = {
        path
        for path, operations in document["paths"].items()
        for shape in _answers(document, operations["get"])
        if not {"venue", "live"} <= set(shape.get("required", shape["properties"]))
    }
    assert silent == OF_NO_MARKET


def _answers(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    content = operation["responses"]["200"].get("content", {})
    if "application/json" not in content:
        return  # bytes, text and tables: a table's rows have the columns of the JSON
    schema = _resolved(document, content["application/json"]["schema"])
    for each in schema.get("oneOf", [schema]):
        shape = _resolved(document, each)
        rows = shape["properties"].get("results")
        yield _resolved(document, rows["items"]) if rows else shape


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def test_tables_to_download_say_of_which_market_each_row_is() -> None:
    for table in (FORECASTS, SIGNALS):
        assert {"venue", "live"} <= {each.name for each in table.columns}
