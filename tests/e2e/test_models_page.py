"""The Models page in a browser: the map, figures beside baselines, a card's text, the states."""

import json
import re
import time
from typing import Any

import redis
from playwright.sync_api import Page, Route, ViewportSize, expect

from inference.vocabulary import FORECASTS
from market import keys
from tests.documents import ROOT
from tests.e2e.conftest import Heard
from tests.e2e.looking import sticking_out, violations
from tests.integration.retraining_rows import CHALLENGER
from tests.integration.web_socket import store_clock
from tests.shipped import SHIPPED
from tests.web_instance import WebInstance

MANIFEST = json.loads((ROOT / "models/btc_predictor_v1.manifest.json").read_text())
DIGEST = MANIFEST["files"]["btc_predictor_v1.onnx"]
FILL = """
import numpy as np
from tests.integration import retraining_rows as rows
from tests.integration.versions_ledger import say_forecasts
from tests.shipped import SHIPPED
rows.life()
newest = rows.life("signals/1h")
newest.version.version = "a-name-that-somebody-gave-it-" + 4 * "without-a-thought-"
newest.version.save()
rows.deed("forecasts", "freeze", "", by="operator", why="while I am away")
came = np.random.default_rng(1).normal(0, 2, size=(120, 2))
said = {SHIPPED: 0.1 * came, rows.CHALLENGER: 0.3 * came}
say_forecasts(said, came, ticks=range(0, 3_600, 30), champion=SHIPPED, venue="replay/models")
"""
VENUE = "replay/models"
"""Of this page's rows alone: they stay in the ledger that other pages are opened on."""
RENEW = 'document.dispatchEvent(new Event("visibilitychange"))'
PHONE: ViewportSize = {"width": 390, "height": 844}


def test_models_page_shows_map_cards_baselines_and_the_record(
    web: WebInstance, clean_redis: redis.Redis, page: Page, heard: Heard
) -> None:
    store_clock(clean_redis, now_ms=time.time_ns() // 1_000_000, venue=VENUE)
    inference_says(clean_redis, DIGEST)
    record(clean_redis)
    page.goto(f"{web.url}/models")

    expect(page.get_by_test_id("panel-served")).to_have_attribute("data-panel", "ready")
    expect(page.get_by_test_id("coins")).to_contain_text("Signals of all 34 coins")
    expect(page.get_by_test_id("coins").locator("a.slot")).to_have_count(4)
    expect(page.locator("article.model")).to_have_count(5)
    page.get_by_test_id("each-coin").click()
    expect(page.get_by_test_id("map-body").locator("tr")).to_have_count(35)

    card = page.get_by_test_id(f"model-{DIGEST[:16]}")
    expect(card).to_contain_text("microprice-linear")
    expect(card.get_by_test_id("verdicts")).to_contain_text("R² not shown to beat no change")
    walked = MANIFEST["metrics"]["walk_forward"]["models"]["microprice-linear"]["r2"]["value"]
    expect(card.locator("tr.served-row")).to_contain_text(f"{walked:.3f}".replace("-", "−"))
    card.get_by_role("button", name="Final test").click()
    tested = MANIFEST["metrics"]["final_test"]["models"]["microprice-linear"]["r2"]["value"]
    expect(card.locator("tr.served-row")).to_contain_text(f"{tested:.3f}")
    expect(card.locator("tbody tr").first).to_contain_text("zero change")
    expect(card.get_by_test_id("gate")).to_contain_text("the network did not pass")
    expect(card.get_by_test_id("live-record")).to_contain_text("12")
    expect(card.get_by_test_id("live-record").locator("tbody td").nth(1)).to_have_text("–")
    heads = card.get_by_test_id("live-record").locator("thead th")
    expect(heads.nth(4)).to_have_text("Inside the 90 % interval")
    expect(card.get_by_text("loaded", exact=True)).to_be_visible()
    expect(card.get_by_role("link", name="Its graded predictions")).to_have_attribute(
        "href", f"/accuracy?engine=forecasts&model_version={MANIFEST['version']}"
    )

    text = card.get_by_test_id("card-text")
    text.locator("summary").click()
    expect(text.locator("pre")).to_contain_text(f"# Hot forecaster {SHIPPED}")

    nothing_was_retrained(page)
    web.manage("shell", "-v0", "-c", FILL)
    page.evaluate(RENEW)
    retraining_is_told(page)
    unfold(page)
    page.set_viewport_size(PHONE)
    assert sticking_out(page) == []
    assert violations(page) == []
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert violations(page, only="color-contrast") == []
    assert heard.strangers(web.url) == []
    assert heard.complaints == []


def unfold(page: Page) -> None:
    page.evaluate("for (const each of document.querySelectorAll('main details')) each.open = true")
    expect(page.get_by_test_id("words-cards").locator("dd").first).to_be_visible()


def nothing_was_retrained(page: Page) -> None:
    expect(page.get_by_test_id("slots").locator("tbody tr")).to_have_count(5)
    expect(page.get_by_test_id("story")).to_contain_text(
        f"{SHIPPED} serves, shipped with cryptosite."
    )
    expect(page.get_by_test_id("story")).to_contain_text("Nobody is on trial.")
    expect(page.get_by_test_id("verdict")).to_contain_text("No version has been before a gate yet")
    expect(page.get_by_test_id("ranking")).to_contain_text("there is nothing to rank")
    expect(page.get_by_test_id("runs")).to_contain_text("Nothing was retrained yet.")
    expect(page.get_by_test_id("deeds")).to_contain_text("Nothing was promoted")
    expect(page.get_by_test_id("watch")).to_contain_text("Nothing is watched")
    expect(page.get_by_test_id("drift")).to_contain_text("Not measured yet")


def retraining_is_told(page: Page) -> None:
    story, verdict = page.get_by_test_id("story"), page.get_by_test_id("verdict")
    expect(story).to_contain_text("Until then it is undecided, whatever its figures look like.")
    expect(story).to_contain_text("by operator: only a person changes what serves.")
    expect(verdict).to_contain_text(f"passed {CHALLENGER} against {SHIPPED}")
    expect(verdict.locator("tbody tr")).to_have_count(2)
    expect(verdict.locator("tbody tr").first).to_contain_text("at least 0.002✓ passed")
    expect(verdict.locator("tbody tr").first).to_contain_text("explains than its rival does")
    words = page.get_by_test_id("words-gate")
    words.locator("summary").press("Enter")
    expect(words.locator("dt", has_text="Diebold-Mariano p")).to_be_visible()
    verdict.get_by_role("combobox").select_option(index=1)
    expect(verdict.locator("tbody tr").last).to_contain_text("coverage of the 90 % interval")
    expect(verdict.locator("tbody tr").last).to_contain_text("unknown")
    run = page.get_by_test_id("runs").locator("details").first
    run.locator("summary").first.click()
    expect(run.locator(".tried tbody tr")).to_have_count(3)
    expect(run).to_contain_text("became the challenger")
    expect(run).to_contain_text("failed: diverged")
    expect(page.get_by_test_id("deeds").locator("li").last).to_contain_text("By retraining: cover")
    expect(page.get_by_test_id("drift").locator("tr").nth(3)).to_contain_text("drifted")
    page.get_by_role("button", name="Signals 1h").click()
    expect(page.get_by_test_id("ranking")).to_contain_text("there is nothing to rank")
    expect(story).to_contain_text("without-a-thought")
    page.get_by_role("button", name="Forecast, 10 seconds").click()
    ranked = page.get_by_test_id("ranking").locator('[aria-label="Ranking"] tbody tr')
    expect(ranked).to_have_count(3)
    expect(ranked.first).to_contain_text(f"1. {CHALLENGER}on trial39.51 %")
    expect(ranked.first).to_contain_text("▲ ahead240")
    expect(ranked.nth(1)).to_contain_text(f"2. {SHIPPED}serves")
    expect(ranked.last).to_contain_text("3. no changebaseline")
    expect(page.get_by_test_id("ranking")).to_contain_text(f"squared error of {SHIPPED}")
    page.get_by_role("button", name="Signals 1h").click()
    expect(page).to_have_url(re.compile(r"slot=signals%2F1h"))


def test_models_page_says_what_is_refused_not_loaded_denied_failed_and_unknown(
    web: WebInstance, clean_redis: redis.Redis, page: Page
) -> None:
    said = {"path": "/x/models/a.onnx", "code": "artefact_refused", "message": "<b>not</b> ONNX"}
    inference_says(clean_redis, "0" * 64, said)
    page.goto(f"{web.url}/models")

    expect(page.get_by_test_id("refused")).to_contain_text("<b>not</b> ONNX")
    expect(page.get_by_test_id("refused")).to_contain_text("Told by the forecast loop")
    card = page.get_by_test_id(f"model-{DIGEST[:16]}")
    expect(card.get_by_text("not loaded", exact=True)).to_be_visible()
    expect(card.get_by_test_id("live-record")).to_contain_text("has not measured of late")

    page.route("**/api/models", lambda route: route.fulfill(status=503, json={}))
    page.reload()
    served = page.get_by_test_id("panel-served")
    expect(served).to_have_attribute("data-panel", "error")
    page.unroute("**/api/models")
    served.get_by_role("button", name="Try again").click()
    expect(served).to_have_attribute("data-panel", "ready")

    refusal = {"status": "error", "code": "unauthorized", "message": "no"}
    page.route("**/api/models", lambda route: route.fulfill(status=401, json=refusal))
    page.reload()
    expect(served).to_have_attribute("data-panel", "denied")
    expect(served.get_by_role("button", name="Log in")).to_be_visible()
    expect(page.get_by_test_id("panel-retraining")).to_have_attribute("data-panel", "denied")
    parts_fail_by_themselves(page)


def without_redis(route: Route) -> None:
    """Answer as the server does while Redis is away and somebody is on trial."""
    told = route.fetch().json()
    trial = {"version": "v2", "state": "shadow", "run": 1, "market": "binance", "voice": None}
    told["slots"][0]["trials"] = [trial | {"until": None, "days_left": None, "prolonged": 0}]
    route.fulfill(json=told | {"redis": "unavailable"})


def parts_fail_by_themselves(page: Page) -> None:
    page.unroute("**/api/models")
    page.route("**/api/models", without_redis)
    page.reload()
    expect(page.get_by_test_id("panel-served")).to_have_attribute("data-panel", "stale")
    expect(page.get_by_test_id("story")).to_contain_text("While Redis does not answer, it is not")
    expect(page.get_by_test_id("story")).not_to_contain_text("It does not speak")
    expect(page.get_by_test_id("slots")).to_contain_text("v2 time left not known")
    page.unroute("**/api/models")
    page.route("**/api/models/ranking*", lambda route: route.fulfill(status=500, body="no JSON"))
    page.reload()
    ranking, history = page.get_by_test_id("ranking"), page.get_by_test_id("history")

    expect(ranking).to_have_attribute("data-panel", "error")
    expect(ranking).to_contain_text("The server answered 500.")
    expect(page.get_by_test_id("runs")).to_contain_text("nothing is retrained by itself")
    page.unroute("**/api/models/ranking*")
    ranking.get_by_role("button", name="Try again").click()
    expect(ranking).to_have_attribute("data-panel", "ready")

    page.route("**/api/models/history*", lambda route: None)  # never answered
    page.reload()
    expect(page.get_by_test_id("slots").locator("tbody tr")).to_have_count(5)
    expect(history).to_contain_text("Loading…")


def inference_says(client: redis.Redis, digest: str, *refused: dict[str, str]) -> None:
    model = {
        "status": "loaded",
        "version": SHIPPED,
        "digest": digest,
        "refused": list(refused),
    }
    fields: Any = {
        "status": "healthy",
        "pid": 7,
        "ts": time.time_ns() // 1_000_000,
        "detail": json.dumps({"components": {"model": model}}),
    }
    client.hset(keys.health("inference"), mapping=fields)


def record(client: redis.Redis) -> None:
    quality = {"n": 12, "hit_n": 11}
    model = {"role": "baseline", "hour": quality, "day": quality, "reference": quality}
    symbol = {"hour": quality, "day": quality, "models": {MANIFEST["version"]: model}}
    told = {
        "venue": "simulated",
        "live": False,
        "made_ms": time.time_ns() // 1_000_000,
        "symbols": {"BTCUSDT": symbol},
    }
    client.set(keys.quality(FORECASTS), json.dumps(told))
