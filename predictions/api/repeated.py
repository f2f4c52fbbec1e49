"""A parameter that takes one value and is given several: refused, not guessed at."""

from collections.abc import Sequence

from django.http import QueryDict

from predictions.api.errors import InvalidParameterError


def refuse_repeated(query: QueryDict, several: Sequence[str] = ()) -> None:
    """Raise InvalidParameterError for a parameter given twice that is not among `several`."""
    for name, values in query.lists():
        if len(values) > 1 and name not in several:
            raise InvalidParameterError(f"{name}: is given {len(values)} times; give it once")
