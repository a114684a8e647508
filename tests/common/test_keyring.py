"""Secrets at rest open only with their key and for their owner (B11)."""

import base64

import pytest
from pydantic import SecretStr

from common.keyring import Keyring, SecretUnreadable


def ring(*ids: str) -> Keyring:
    keys = [f"{one}:{base64.b64encode(one.encode().ljust(32, b'.')).decode()}" for one in ids]
    return Keyring.parse(SecretStr(",".join(keys)))


def test_a_secret_opens_for_its_owner() -> None:
    """B11."""
    sealed = ring("k1").seal("hunter2", "prt/acc")
    assert "hunter2" not in sealed
    assert ring("k1").open(sealed, "prt/acc") == "hunter2"


def test_it_does_not_open_for_another_owner() -> None:
    """B11: a secret copied into another partner's account is worthless."""
    with pytest.raises(SecretUnreadable):
        ring("k1").open(ring("k1").seal("hunter2", "prt/acc"), "other/acc")


def test_the_newest_key_seals_and_every_key_opens() -> None:
    """B11: keys can be replaced without reading everything anew at once."""
    old = ring("k1").seal("hunter2", "o")
    both = ring("k2", "k1")
    assert both.open(old, "o") == "hunter2"
    assert both.seal("x", "o").startswith("k2.")
    with pytest.raises(SecretUnreadable):
        ring("k2").open(old, "o")


def test_the_same_secret_never_looks_the_same() -> None:
    """B11: nobody sees that two accounts share a password."""
    assert ring("k1").seal("hunter2", "o") != ring("k1").seal("hunter2", "o")


@pytest.mark.parametrize("length", [0, 3, 6, 20, -8])
def test_what_is_not_whole_any_more_does_not_open(length: int) -> None:
    """B11."""
    with pytest.raises(SecretUnreadable):
        ring("k1").open(ring("k1").seal("hunter2", "o")[:length], "o")


@pytest.mark.parametrize("junk", ["!", "\n", " "])
def test_nothing_opens_that_is_spelt_otherwise(junk: str) -> None:
    """E6: a challenge that was answered is known again by its text."""
    sealed = ring("k1").seal("hunter2", "o")
    with pytest.raises(SecretUnreadable):
        ring("k1").open(f"{sealed[:9]}{junk}{sealed[9:]}", "o")


@pytest.mark.parametrize("text", ["", "k1", "k1:short", "k1:bm90IHRoaXJ0eSB0d28=", ":MDEy"])
def test_a_bad_keyring_is_refused_at_start(text: str) -> None:
    with pytest.raises(ValueError, match="a keyring is id:base64 with 32 bytes each"):
        Keyring.parse(SecretStr(text))
