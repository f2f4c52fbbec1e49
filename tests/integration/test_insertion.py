"""Rows that go past the ORM."""

import pytest
from django.contrib.auth.models import Group

from predictions.rows.insertion import Batch, insert_new

pytestmark = pytest.mark.django_db


def insert(*names: str) -> int:
    return insert_new(Group, [Batch({}, {"name": names})])


def held() -> set[str]:
    return set(Group.objects.values_list("name", flat=True))


def test_insert_new_leaves_out_what_is_there() -> None:
    assert (insert("a", "b"), insert("b", "c")) == (2, 1)

    assert held() == {"a", "b", "c"}


def test_insert_new_twice_in_a_transaction_inserts_each_time_its_own_rows_alone() -> None:
    insert("a")
    Group.objects.all().delete()

    assert insert("b") == 1

    assert held() == {"b"}
