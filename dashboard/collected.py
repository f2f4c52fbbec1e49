"""Which static files are collected: those that pages use.

Named in INSTALLED_APPS in place of Django's own configuration of staticfiles. The chart
libraries' packages hold six and nine builds of themselves, REST framework brings a browsable API
that is switched off, and the API's documentation comes in two makes; to compress them would take
longer than all else.
"""

from django.contrib.staticfiles.apps import StaticFilesConfig


class CollectedStaticFiles(StaticFilesConfig):
    ignore_patterns = (
        *StaticFilesConfig.ignore_patterns,
        "lightweight-charts.production.mjs",
        "lightweight-charts.*development*",
        "lightweight-charts.standalone.production.js",
        "typings.d.ts",
        # Of ECharts pages load echarts.esm.min.mjs alone.
        "echarts.js",
        "echarts.min.js",
        "echarts.common.*",
        "echarts.simple.*",
        "echarts.esm.js",
        "echarts.esm.mjs",
        "echarts.esm.min.js",
        "echarts*.map",
        "extension",
        "package.json",
        "rest_framework",
        "redoc",
        "oauth2-redirect.*",
    )
