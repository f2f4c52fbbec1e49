"""Versions, runs, verdicts and promotions in the admin: for looking only, and linked."""

import csv
import io
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext

from predictions.models import (
    DriftReading,
    GateVerdict,
    ModelVersion,
    Promotion,
    RollbackWatch,
    TrainingRun,
    TrainingTrial,
)
from tests.integration import retraining_rows as rows

pytestmark = pytest.mark.django_db

TABLES = (
    ModelVersion, TrainingRun, TrainingTrial, GateVerdict, Promotion, RollbackWatch, DriftReading
)  # fmt: skip


@pytest.fixture
def staff(client: Client) -> Client:
    """A superuser's browser over two slots' lives."""
    rows.life()
    rows.life("signals/1h")
    client.force_login(User.objects.create_superuser("operator", password="irrelevant"))
    return client


def address(model: type[Model]) -> str:
    return f"/admin/predictions/{model._meta.model_name}/"


def count(staff: Client, url: str) -> int:
    response = staff.get(url)
    assert response.status_code == 200
    found: Any = response.context["cl"]
    return int(found.result_count)


def test_admin_of_retraining_shows_and_changes_nothing(staff: Client) -> None:
    for model in TABLES:
        row = model._default_manager.earliest("pk")
        one = f"{address(model)}{row.pk}/"
        assert count(staff, address(model)) == model._default_manager.count()
        assert staff.get(f"{one}change/").status_code == 200
        assert staff.get(f"{address(model)}add/").status_code == 403
        assert staff.post(f"{one}change/", {"slot": "x"}).status_code == 403
        assert staff.post(f"{one}delete/", {"post": "yes"}).status_code == 403
        exported = staff.get(f"{address(model)}export/").content.decode()
        assert len(list(csv.DictReader(io.StringIO(exported)))) == model._default_manager.count()


@pytest.mark.parametrize(
    ("model", "query", "expected"),
    [
        (ModelVersion, "slot=forecasts", 2),
        (ModelVersion, "state__exact=shadow&venue=simulated", 2),
        (ModelVersion, "q=network-20261101", 2),
        (TrainingRun, "state__exact=rejected", 2),
        (TrainingRun, "trigger__exact=drift&slot=signals/1h", 1),
        (TrainingTrial, "chosen__exact=1&run__slot=forecasts", 2),
        (GateVerdict, "passed__exact=0", 2),
        (GateVerdict, "version__slot=signals/1h&stage=out_of_sample", 2),
        (Promotion, "action__exact=reject&by=retraining", 2),
        (RollbackWatch, "slot=signals/1h&venue=simulated", 1),
        (DriftReading, "drifted__exact=1&slot=forecasts", 2),
        (DriftReading, "q=ETH", 4),
    ],
)
def test_admin_of_retraining_filter_selects(
    staff: Client, model: type[Model], query: str, expected: int
) -> None:
    assert count(staff, f"{address(model)}?{query}") == expected


def test_admin_links_lead_from_a_version_to_its_runs_trials_and_verdicts(staff: Client) -> None:
    versions = staff.get(f"{address(ModelVersion)}?slot=forecasts&state__exact=shadow")

    for model, expected in ((TrainingRun, 1), (GateVerdict, 1), (Promotion, 1)):
        (link,) = hrefs(versions.content.decode(), f"{address(model)}?")
        assert count(staff, link) == expected
    (runs,) = hrefs(versions.content.decode(), f"{address(TrainingRun)}?")
    (tried,) = hrefs(staff.get(runs).content.decode(), f"{address(TrainingTrial)}?")
    assert count(staff, tried) == 3


def test_admin_shows_each_criterion_of_a_verdict_with_its_figure(staff: Client) -> None:
    failed = GateVerdict.objects.filter(passed=False).earliest("pk")

    page = staff.get(f"{address(GateVerdict)}{failed.pk}/change/").content.decode()
    listed = staff.get(address(GateVerdict)).content.decode()

    assert "R² gained on the champion: 0.0031, asked &gt;= 0.002" in page
    assert "coverage of the 90 % interval: unknown" in page
    assert "coverage of the 90 % interval" in listed


def test_admin_of_retraining_costs_as_many_queries_for_few_rows_as_for_many(
    staff: Client,
) -> None:
    few = queries(staff)
    for slot in ("signals/15m", "signals/4h", "signals/1d"):
        rows.life(slot)

    assert queries(staff) == few


def queries(staff: Client) -> list[int]:
    counts = []
    for model in TABLES:
        with CaptureQueriesContext(connection) as asked:
            staff.get(address(model))
        counts.append(len(asked))
    return counts


def hrefs(page: str, begin: str) -> list[str]:
    found = (each.replace("&amp;", "&") for each in re.findall(r'href="([^"]+)"', page))
    return [each for each in found if each.startswith(begin)]
