"""The admin, the login and the API's docs stand in the pages' frame, under the same policy."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

pytestmark = pytest.mark.django_db

PAGES = ("dashboard:live", "dashboard:signals", "dashboard:accuracy", "dashboard:models",
         "dashboard:system", "docs")  # fmt: skip
INLINE = re.compile(r"<style|<script(?![^>]*(?:\bsrc=|application/json))|\sstyle=|\son\w+=")


@pytest.mark.parametrize("path", ["/admin/", "/admin/predictions/forecast/"])
def test_admin_leads_back_to_the_pages_and_has_room_for_the_banner(
    admin_client: Client, path: str
) -> None:
    text = admin_client.get(path).content.decode()

    for name in PAGES:
        assert f'href="{reverse(name)}"' in text
    assert 'id="venue-banner"' in text
    assert "theme-toggle" not in text
    assert "dashboard/css/accounts" in text


def test_login_is_the_houses_and_holds_nothing_inline(client: Client) -> None:
    response = client.get("/admin/login/?next=/models")

    text = response.content.decode()
    assert '<h1 id="site-name">' in text
    assert 'name="next" value="/models"' in text
    assert 'id="venue-banner"' in text
    assert INLINE.findall(text) == []
    assert "default-src 'self'" in response["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/models", "/system", "/api/docs"])
def test_page_stands_in_the_frame_and_holds_nothing_inline(client: Client, path: str) -> None:
    response = client.get(path)

    text = response.content.decode()
    assert response.status_code == 200
    assert 'aria-current="page"' in text
    assert 'id="connection"' in text
    assert INLINE.findall(text) == []
    assert "default-src 'self'" in response["Content-Security-Policy"]


def test_docs_and_pages_lead_to_the_login_where_a_token_is_set(
    client: Client, settings: Settings
) -> None:
    settings.API_TOKEN = "a-token-of-the-instance"

    for path in ("/models", "/system", "/api/docs"):
        response = client.get(path)
        assert (response.status_code, response["Location"]) == (302, f"/admin/login/?next={path}")
    assert client.get("/api/models").status_code == 401
    bearer = {"Authorization": "Bearer wrong"}
    assert client.get("/api/docs", headers=bearer).status_code == 401
