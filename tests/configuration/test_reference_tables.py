"""The reference is what the code reads by."""

from __future__ import annotations

import pytest

from tests.configuration.reference_tables import BEGIN, REFERENCE, TABLES


@pytest.mark.parametrize("name", TABLES)
def test_a_page_of_the_reference_is_the_table_of_the_code(name: str) -> None:
    head, mark, body = (REFERENCE / name).read_text("utf-8").partition(BEGIN)
    assert mark, "write it anew: python -m tests.configuration.reference_tables"
    assert head.startswith("# ")
    assert body == TABLES[name](), "write it anew: python -m tests.configuration.reference_tables"
