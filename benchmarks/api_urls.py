"""The site's addresses, and `/bare/<size>`: as little as a view on the same server can do."""

from functools import lru_cache

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path

from cryptosite.urls import urlpatterns as shipped


@lru_cache(maxsize=4)
def constant(size: int) -> bytes:
    return b"x" * size


async def bare(request: HttpRequest, size: int) -> HttpResponse:
    return HttpResponse(constant(size), content_type="application/json")


urlpatterns: list[URLPattern | URLResolver] = [path("bare/<int:size>", bare), *shipped]
