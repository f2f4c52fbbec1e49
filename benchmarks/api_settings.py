"""The shipped settings with one address more: a view that returns constant bytes."""

from cryptosite.settings import *  # noqa: F403  (Django reads the merged namespace)

ROOT_URLCONF = "benchmarks.api_urls"
