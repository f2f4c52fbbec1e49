"""URLs of the pages."""

from django.urls import URLPattern, path

from dashboard.views import live

app_name = "dashboard"
urlpatterns: list[URLPattern] = [path("", live, name="live")]
