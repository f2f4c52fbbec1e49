"""URLs of the whole site."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from dashboard.pages.api_docs import ApiDocs

handler400 = "dashboard.pages.refused.refused"
handler404 = "dashboard.pages.missing.missing"
handler500 = "dashboard.pages.failure.failure"

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    # Before the API's own addresses, whose last answers for all that is not there.
    path("api/docs", ApiDocs.as_view(), name="docs"),
    path("", include("predictions.urls")),
    path("", include("dashboard.urls")),
]
