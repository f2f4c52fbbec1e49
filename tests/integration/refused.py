"""What every refusal of the REST API looks like, for the tests of its views."""

from typing import Any


def refusal(response: Any, status: int, code: str) -> str:
    """Hold an answer against the one shape; return its message."""
    assert response.status_code == status
    body = response.json()
    assert set(body) == {"status", "code", "message"}
    assert (body["status"], body["code"]) == ("error", code)
    message: str = body["message"]
    return message
