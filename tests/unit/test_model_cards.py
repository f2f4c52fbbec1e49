"""Figures of a manifest beside their baselines, whatever a manifest holds."""

import json
from typing import Any

import pytest

from predictions.cards.criterion_meanings import criterion_meaning
from predictions.cards.figures import (
    BEATS,
    FORECAST_COLUMNS,
    NOT_SHOWN,
    SIGNAL_COLUMNS,
    WORSE,
    told_parts,
    verdicts,
)
from predictions.cards.gates import forecast_gate, signal_gate
from predictions.cards.glossary import GLOSSARY, Panel, words_of
from tests.processes import ROOT


def figure(lower: float | None, upper: float | None) -> dict[str, Any]:
    return {"value": 0.0, "lower": lower, "upper": upper, "n": 9}


def verdict(walked: dict[str, Any], tested: dict[str, Any] | None, name: str) -> str | None:
    metrics = {"walk_forward": {"models": {"net": {name: walked}}}}
    if tested is not None:
        metrics["final_test"] = {"models": {"net": {name: tested}}}
    parts = told_parts(metrics, FORECAST_COLUMNS, "net")
    found: str | None
    (found,) = (e["verdict"] for e in verdicts(parts, FORECAST_COLUMNS) if e["figure"] == name)
    return found


@pytest.mark.parametrize(
    ("walked", "tested", "told"),
    [
        (figure(0.1, 0.2), figure(0.1, 0.2), BEATS),
        (figure(0.1, 0.2), figure(-0.1, 0.2), NOT_SHOWN),
        (figure(0.1, 0.2), None, NOT_SHOWN),
        (figure(0.1, 0.2), figure(-0.2, -0.1), WORSE),
        (figure(None, None), figure(None, None), None),
    ],
)
def test_verdict_beats_only_where_every_part_does(
    walked: dict[str, Any], tested: dict[str, Any] | None, told: str | None
) -> None:
    assert verdict(walked, tested, "r2") == told


def test_verdict_of_an_error_ratio_is_better_below_one() -> None:
    assert verdict(figure(0.8, 0.9), figure(0.8, 0.9), "mae_ratio") == BEATS
    assert verdict(figure(1.1, 1.2), figure(0.8, 0.9), "mae_ratio") == WORSE


@pytest.mark.parametrize("held", [None, [], "x", {"models": 3}, {"models": {"net": 7}}])
def test_parts_of_garbage_have_no_rows(held: object) -> None:
    parts = told_parts({"walk_forward": held}, FORECAST_COLUMNS, "net")

    assert [part["rows"] for part in parts] == [[], []]


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 10**400, "0.5", True, [1], {"value": "x"}]
)
def test_figure_that_is_no_finite_number_is_unknown(value: object) -> None:
    metrics = {"walk_forward": {"net": {"r2": value, "n": value}}}
    (row,) = told_parts(metrics, FORECAST_COLUMNS, "net")[0]["rows"]

    assert row["figures"]["r2"]["value"] is None
    assert row["n"] is None


def test_forecast_gate_of_kept_criteria_tells_each_as_that_of_signals_does() -> None:
    asked = {"name": "R² gained on it", "figure": 0.001, "asked": ">= 0.002", "passed": False}
    metrics = {"gate": {"served": "ridge", "best_baseline": "ridge", "criteria": [asked]}}
    told = forecast_gate(metrics, "ridge")
    assert told == {**(signal_gate(metrics, "ridge") or {}), "network": "network"}
    (criterion,) = told["criteria"]
    assert criterion == asked | {"meaning": criterion["meaning"]}
    assert "explains than its rival" in criterion["meaning"]
    assert (told["passed"], told["objections"]) == (False, ["R² gained on it"])


def test_gates_of_garbage_are_unknown_or_not_passed() -> None:
    assert forecast_gate({}, "x") is None
    assert forecast_gate({"objections": []}, "net")["passed"] is True  # type: ignore[index]
    assert signal_gate({"gate": 7}, "x") is None
    assert signal_gate({"gate": {"criteria": []}}, "x")["passed"] is False  # type: ignore[index]
    odd = signal_gate({"gate": {"criteria": [{"name": 1, "figure": "a", "passed": "yes"}]}}, "x")
    assert odd is not None
    assert (odd["passed"], odd["criteria"][0]["figure"]) == (False, None)


def test_criterion_meaning_is_known_of_every_question_that_shipped_models_were_asked() -> None:
    manifests = [
        json.loads(path.read_text()) for path in sorted(ROOT.glob("models/**/*manifest.json"))
    ]
    asked = {
        criterion["name"]
        for manifest in manifests
        for criterion in (manifest.get("metrics", {}).get("gate") or {}).get("criteria", ())
    }
    asked |= {"SPA p of 20 trials against v1", "ECE, that of its rival unknown"}
    assert len(asked) > 10
    assert {name for name in asked if criterion_meaning(name) is None} == set()
    assert criterion_meaning("anything of somebody else's") is None


def test_glossary_explains_every_figure_of_the_cards() -> None:
    words = {word.term.lower() for word in words_of(Panel.CARDS)}
    titles = {column.title.lower() for column in (*FORECAST_COLUMNS, *SIGNAL_COLUMNS)}
    assert titles - {"90 % coverage"} <= words and "coverage" in words


def test_glossary_has_each_term_once_in_a_sentence_for_some_panel() -> None:
    terms = [word.term for word in GLOSSARY]
    assert len(set(terms)) == len(terms)
    for word in GLOSSARY:
        assert word.means.endswith(".") and len(word.means) < 200, word.term
        assert word.panels and "|" not in word.means, word.term
    assert all(words_of(panel) for panel in Panel)
