"""The words of the messages: languages, escaping, and subjects that stay one line."""

import pytest

from notifications.domain import Partner
from notifications.kinds import Kinds
from tests.support.eventually import unique

KINDS = Kinds()
PARTNER = Partner("prt", "Kettle & <Sons>", "en", None)
DATA = {
    "order.created": {
        "order_number": "A-1",
        "total": "9.90",
        "currency": "PLN",
        "lines": [{"name": "x", "quantity": 2}],
    },
    "invoice.issued": {"invoice_number": "FV/1", "order_number": None, "due_on": "2026-12-01"},
    "campaign.launched": {"name": "Black Friday", "starts_on": "2026-11-27"},
}
RECIPIENT = {"name": "Ann"}


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("language", ["pl", "en"])
def test_every_kind_speaks_polish_and_english(kind: str, language: str) -> None:
    content = KINDS.get(kind).render(language, data=DATA[kind], partner=PARTNER, recipient=RECIPIENT)
    assert content.subject
    assert "Ann" in content.text
    assert "Ann" in content.html
    assert ("Dzień dobry" in content.text) == (language == "pl")


def test_another_language_is_told_in_english() -> None:
    content = KINDS.get("order.created").render("hu", data=DATA["order.created"], partner=PARTNER, recipient=RECIPIENT)
    assert content.subject == "New order A-1"


def test_what_comes_from_outside_is_no_markup() -> None:
    data = {"name": "<script>alert(1)</script>"}
    content = KINDS.get("campaign.launched").render("en", data=data, partner=PARTNER, recipient=RECIPIENT)
    assert "<script>" not in content.html
    assert "&lt;script&gt;" in content.html
    assert "Kettle &amp; &lt;Sons&gt;" in content.html
    assert "<script>" in content.text, "plain text is not markup, and stays as it is"


def test_a_subject_is_one_line_whatever_is_in_it() -> None:
    data = {"name": "x\r\nBcc: evil@example.com\x0b\u2028y"}
    content = KINDS.get("campaign.launched").render("en", data=data, partner=PARTNER, recipient=RECIPIENT)
    assert len(content.subject.splitlines()) == 1


def test_a_template_cannot_reach_into_the_program() -> None:
    """Values are data, even when they look like templates."""
    mark = unique("x")
    data = {"name": "{{ ''.__class__.__mro__ }}" + mark}
    content = KINDS.get("campaign.launched").render("en", data=data, partner=PARTNER, recipient=RECIPIENT)
    assert "{{ ''.__class__.__mro__ }}" + mark in content.text
