"""The files of an event go with its mails (B12)."""

import json
from typing import Any

import pytest

from common.errors import Poison
from common.events import AttachmentRef, InvoiceIssued, MessageRequested
from notifications.kinds.domain import Kind
from notifications.kinds.handlers import check
from notifications.kinds.schemas import KindFields
from tests.notifications.steps import knows, listed
from tests.support.eventually import unique
from tests.support.partners import announce_partner, announce_person
from tests.support.platform import Platform
from tests.system.test_every_route import SHIPPED

INVOICE = json.loads((SHIPPED / "invoice.issued.json").read_text())
PDF = AttachmentRef(id="a" * 64, name="FV 42.pdf")


def kind(**changes: Any) -> Kind:
    return KindFields.model_validate(INVOICE | changes).to_domain("invoice.issued", 1)


async def test_an_invoices_mail_carries_its_pdf_and_its_sms_does_not(platform: Platform) -> None:
    """A7, B12."""
    service, io = await platform.service("notifications"), platform.io
    partner = await announce_partner(io)
    mia = await announce_person(io, partner, "manager", phone="+48601000001")
    await listed(service, partner, "invoice.issued", {"role": "manager", "channels": ["email", "sms"]})
    await knows(service, partner, mia.email)
    invoice = InvoiceIssued(partner_id=partner, invoice_number="FV/42", attachments=[PDF])
    await io.publish(invoice, event_id=unique("e"))
    told = await io.follow(MessageRequested).wait_for(lambda e: e.data.partner_id == partner, count=2)
    assert {one.data.channel: one.data.attachments for one in told} == {"email": [PDF], "sms": []}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, []),
        ({"attachments": None}, []),
        ({"attachments": {"url": "https://files.example.com/1.pdf"}}, ["https://files.example.com/1.pdf"]),
        ({"attachments": [{"id": "a"}, {"id": "b", "name": "x"}]}, ["a", "b"]),
    ],
)
def test_an_event_may_have_no_file_or_one_or_many(data: dict[str, Any], expected: list[str]) -> None:
    """B12."""
    assert [one.id or one.url for one in kind().attachments_in(data)] == expected
    assert kind(attachments=None).attachments_in(data) == []


@pytest.mark.parametrize(
    "found",
    ["a", 1, [1], {}, {"id": "a", "url": "https://x.example"}, {"url": "file:///etc/passwd"}, [{"id": "a"}] * 51],
)
def test_what_names_no_file_is_a_dead_letter(found: Any) -> None:
    """B12, F6: the mail does not leave without what it should carry."""
    with pytest.raises(Poison):
        kind().attachments_in({"attachments": found})


def test_the_example_of_a_kind_keeps_to_its_pointer() -> None:
    """A6, B12."""
    check(kind(example=INVOICE["example"] | {"attachments": [{"id": "a"}]}))
    wrong = kind(topic="x", type="x", attachments="/invoice_number")
    with pytest.raises(Exception, match="bad-kind"):
        check(wrong)
