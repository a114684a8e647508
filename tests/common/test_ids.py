"""Identifiers that are computed, so that an effect that is asked for twice is one effect."""

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from common.ids import computed_id


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_a_computed_id_is_the_uuid_of_its_parts(parts: list[str]) -> None:
    """F6: the same today as when what lies in databases was written, or all of it would be done once more."""
    namespace = UUID("6f1d2a34-9c57-4f0e-8b1a-5d2c7e9f4a10")
    assert computed_id(*parts) == str(uuid5(namespace, "\x1f".join(parts)))
