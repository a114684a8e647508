"""The local stack, where it could fail by chance."""

from local_stack.kafka import cluster_id


def test_the_id_of_a_cluster_is_never_taken_for_an_option() -> None:
    """One of 64 random ids would begin with a dash, and Kafka's tool refuse to format its storage."""
    ids = {cluster_id() for _ in range(2_000)}
    assert len(ids) == 2_000
    assert {len(one) for one in ids} == {22}
    assert not [one for one in ids if one.startswith("-")]
