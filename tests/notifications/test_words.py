"""The words of the messages: languages, escaping, and subjects that stay one line."""

from datetime import UTC, datetime

import pytest

from common.events import OrderCreated
from common.events.marketplace import OrderLine
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


@pytest.mark.parametrize(("language", "rest"), [("pl", "… i jeszcze 3"), ("en", "… and 3 more")])
def test_of_a_long_order_the_first_hundred_lines_are_shown(language: str, rest: str) -> None:
    lines = [{"name": f"line-{i}.", "quantity": 1} for i in range(103)]
    data = {"order_number": "1", "lines": lines}
    content = KINDS.get("order.created").render(language, data=data, partner=PARTNER, recipient=RECIPIENT)
    for shown in (content.text, content.html):
        assert "line-99." in shown
        assert "line-100." not in shown
        assert rest in shown


@pytest.mark.parametrize("language", ["pl", "en"])
def test_the_largest_order_of_the_contract_fits_into_a_message_and_into_its_escalation(language: str) -> None:
    """F6: what may be published can be sent, however much of it is escaped."""
    largest = OrderCreated(
        partner_id="p", order_number="<" * 64, total="-123456789012345.1234", currency="PLN",
        placed_at=datetime.now(UTC), lines=[OrderLine(name="'" * 500, quantity=1_000_000)] * 500,
    )  # fmt: skip
    data = largest.model_dump(mode="json")
    original = KINDS.get("order.created").render(language, data=data, partner=PARTNER, recipient=RECIPIENT)
    failure = {"address": "a@x.example", "reply": "5" * 1_000}
    assert KINDS.escalation(language).render(failed=failure, original=original).text.endswith(original.text)


def test_the_answer_of_a_mail_server_is_no_markup_and_no_header() -> None:
    """A8."""
    original = KINDS.get("order.created").render("en", data=DATA["order.created"], partner=PARTNER, recipient=RECIPIENT)
    failure = {"address": "a@x.example", "reply": "550 <img src=x>\r\nBcc: evil@example.com"}
    content = KINDS.escalation("en").render(failed=failure, original=original)
    assert "<img" not in content.html
    assert len(content.subject.splitlines()) == 1
    assert original.html in content.html, "what is escaped already is not escaped again"
