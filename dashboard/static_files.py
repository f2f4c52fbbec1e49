"""Static files under names with a digest, ES module imports included.

Read by Django's settings. Without the rewriting, a module would import its neighbour under a
name that carries no digest, and browsers would keep an old one.
"""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ModuleStaticFilesStorage(
    CompressedManifestStaticFilesStorage  # type: ignore[misc]  # whitenoise is untyped
):
    support_js_module_import_aggregation = True
