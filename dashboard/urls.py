"""URLs of the pages."""

from django.urls import URLPattern, path

from dashboard.views import icon, live, signals

app_name = "dashboard"
urlpatterns: list[URLPattern] = [
    path("", live, name="live"),
    path("signals", signals, name="signals"),
    # The admin's pages name no icon, so browsers ask for this one.
    path("favicon.ico", icon),
]
