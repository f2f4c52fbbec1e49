"""The Django project: settings, URLs, ASGI."""
