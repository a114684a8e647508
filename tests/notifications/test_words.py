"""The words of the messages: languages, escaping, and subjects that stay one line."""

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import pytest
from markupsafe import Markup

from common.events import Content, OrderCreated
from common.events.marketplace import OrderLine
from notifications import words
from notifications.kinds.domain import Kind
from notifications.kinds.schemas import KindFields
from tests.support.eventually import unique

SHIPPED = files("notifications.kinds") / "shipped"
PARTNER = {"id": "prt", "name": "Kettle & <Sons>"}
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


def kind_of(kind_id: str) -> Kind:
    return KindFields.model_validate_json((SHIPPED / f"{kind_id}.json").read_text()).to_domain(kind_id, 1)


def render(kind_id: str, data: Mapping[str, Any], language: str = "en") -> Content:
    """The mail about an event with these data, to a partner of this language."""
    kind = kind_of(kind_id)
    values = {"data": data, "partner": PARTNER, "recipient": RECIPIENT}
    return kind.render("email", kind.language_for(data, language), values)


def escalate(original: Content, reply: str, language: str = "en") -> Content:
    shown = {"subject": original.subject, "text": original.text, "html": Markup(original.html)}
    failed = {"address": "a@x.example", "reply": reply}
    return words.escalation(language).email({"failed": failed, "original": shown})


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("language", ["pl", "en", "cs", "hu"])
def test_every_shipped_kind_speaks_four_languages(kind: str, language: str) -> None:
    content = render(kind, DATA[kind], language)
    assert content.subject
    assert "Ann" in content.text
    assert "Ann" in content.html
    hello = {"pl": "Dzień dobry", "en": "Hello", "cs": "Dobrý den", "hu": "Jó napot"}
    assert [one for one in hello if hello[one] in content.text] == [language]


def test_what_comes_from_outside_is_no_markup() -> None:
    data = {"name": "<script>alert(1)</script>"}
    content = render("campaign.launched", data, "en")
    assert "<script>" not in content.html
    assert "&lt;script&gt;" in content.html
    assert "Kettle &amp; &lt;Sons&gt;" in content.html
    assert "<script>" in content.text, "plain text is not markup, and stays as it is"


def test_a_subject_is_one_line_whatever_is_in_it() -> None:
    data = {"name": "x\r\nBcc: evil@example.com\x0b\u2028y"}
    content = render("campaign.launched", data, "en")
    assert len(content.subject.splitlines()) == 1


def test_a_template_cannot_reach_into_the_program() -> None:
    """Values are data, even when they look like templates."""
    mark = unique("x")
    data = {"name": "{{ ''.__class__.__mro__ }}" + mark}
    content = render("campaign.launched", data, "en")
    assert "{{ ''.__class__.__mro__ }}" + mark in content.text


@pytest.mark.parametrize(("language", "rest"), [("pl", "… i jeszcze 3"), ("en", "… and 3 more")])
def test_of_a_long_order_the_first_hundred_lines_are_shown(language: str, rest: str) -> None:
    lines = [{"name": f"line-{i}.", "quantity": 1} for i in range(103)]
    data = {"order_number": "1", "lines": lines}
    content = render("order.created", data, language)
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
    original = render("order.created", data, language)
    assert escalate(original, "5" * 1_000, language).text.endswith(original.text)


def test_the_answer_of_a_mail_server_is_no_markup_and_no_header() -> None:
    """A8."""
    original = render("order.created", DATA["order.created"], "en")
    content = escalate(original, "550 <img src=x>\r\nBcc: evil@example.com")
    assert "<img" not in content.html
    assert len(content.subject.splitlines()) == 1
    assert original.html in content.html, "what is escaped already is not escaped again"
