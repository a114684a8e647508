"""What could not be delivered is told to the next in the chain (A8)."""

from common.events import Event, InvoiceIssued, MessageRequested, OrderCreated, PartnerChanged, Received
from tests.notifications.steps import became_of, failed, has_partner, knows, listed
from tests.support.eventually import eventually, unique
from tests.support.partners import announce_partner, announce_person
from tests.support.platform import Platform


async def test_a_message_that_failed_is_told_once_to_the_manager_and_then_to_the_owner(platform: Platform) -> None:
    """A8, A9: with the provider's words and the original text; repeated failures change nothing, and there it ends."""
    service, io = await platform.service("notifications"), platform.io
    partner, event_id = await announce_partner(io, owner="olga@chain.example.com"), unique("e")
    sam, mia = await announce_person(io, partner, "sales"), await announce_person(io, partner, "manager")
    await listed(service, partner, "order.created", {"role": "sales"})
    await knows(service, partner, sam.email)
    await io.publish(OrderCreated(partner_id=partner, order_number="PL-9"), event_id=event_id)
    events = io.follow(MessageRequested)

    async def of_level(level: int, count: int = 1) -> list[MessageRequested]:
        def matches(e: Received[MessageRequested]) -> bool:
            return e.data.partner_id == partner and (e.data.escalation.level if e.data.escalation else 0) == level

        return [e.data for e in await events.wait_for(matches, count, again=True)]

    first, *_ = await of_level(0)
    for failure_id in ("f1", "f1", "f1-again"):
        await io.publish(failed(first), event_id=f"{partner}{failure_id}", source="/outbox")
    second = (await of_level(1, count=3))[0]
    assert second.recipient.address == mia.email
    assert second.escalation is not None
    assert second.escalation.of_message_id == first.message_id
    assert second.content.subject == f"Could not be delivered to {sam.email}: New order PL-9"
    assert "550 5.1.1 no such mailbox" in second.content.text
    assert first.content.text in second.content.text
    assert (second.order_number, second.event.source, second.event.id) == ("PL-9", "/test", event_id)
    await io.publish(failed(second), event_id=unique("f"), source="/outbox")
    third = (await of_level(2))[0]
    assert third.recipient.address == "olga@chain.example.com"
    await io.publish(failed(third), event_id=unique("f"), source="/outbox")
    await io.publish(failed(first), event_id=unique("f"), source="/outbox")
    await of_level(1, count=4)  # read after the failure of the third, so that one is handled too
    found = {e.data.message_id for e in events.events if e.data.partner_id == partner}
    assert found == {first.message_id, second.message_id, third.message_id}
    story = await became_of(service, partner, event_id)
    assert [one["message_id"] for one in story["recipients"]] == [first.message_id]
    assert [(one["of_message_id"], [to["message_id"] for to in one["to"]]) for one in story["escalations"]] == [
        (first.message_id, [second.message_id]),
        (second.message_id, [third.message_id]),
        (third.message_id, []),
    ]
    assert "escalated to the owner" in story["escalations"][1]["to"][0]["reasons"][0]


async def test_failures_of_several_partners_and_kinds_at_once_each_reach_their_own(platform: Platform) -> None:
    """A8, F6: those that cannot be escalated are dead letters, their neighbours go on."""
    service = await platform.service("notifications", instance="many-failures")
    io, events = service.io, service.io.follow(MessageRequested)
    partners = [await announce_partner(io) for _ in range(3)]
    people = {partner: await announce_person(io, partner, "sales") for partner in partners}
    managers = {partner: await announce_person(io, partner, "manager") for partner in partners}
    for number, partner in enumerate(partners):
        for kind in ("order.created", "invoice.issued"):
            await listed(service, partner, kind, {"role": "sales"})
        await knows(service, partner, people[partner].email)
        await io.publish(OrderCreated(partner_id=partner, order_number=f"o{number}"), event_id=f"o{number}")
        await io.publish(InvoiceIssued(partner_id=partner, invoice_number=f"i{number}"), event_id=f"i{number}")
    requested = await events.wait_for(lambda _: True, count=6)
    gone = partners.pop()
    await io.publish(PartnerChanged(partner_id=gone, version=2, deleted=True), event_id="gone", source="/identity")
    await has_partner(service, gone, version=2)
    never_ours = failed(requested[0].data)
    never_ours = never_ours.model_copy(update={"event": never_ours.event.model_copy(update={"id": "never"})})
    failures: list[tuple[str, Event]] = [(f"f{i}", failed(one.data)) for i, one in enumerate(requested)]
    await io.publish_many([*failures, ("never", never_ours)], source="/outbox")
    letters = await io.dead_letters("message.failed", "notifications", count=3)
    assert sorted(headers["dlq_reason"] for headers, _ in letters) == ["unknown_message"] + ["unknown_partner"] * 2

    def told() -> set[tuple[str, str, str]]:  # some more than once: halves of a batch that failed are tried again
        return {(e.data.partner_id, e.data.kind, e.data.recipient.address) for e in events.events if e.data.escalation}

    await eventually(lambda: len(told()) >= 4)
    assert told() == {
        (partner, kind, managers[partner].email) for partner in partners for kind in ("order.created", "invoice.issued")
    }


async def test_a_failure_of_a_message_that_is_not_ours_is_left_alone(platform: Platform) -> None:
    """A8: crm writes to contacts too; its kinds are not ours, and no dead letters either."""
    service = await platform.service("notifications", instance="foreign")
    io, partner = service.io, await announce_partner(service.io)
    await knows(service, partner, f"owner@{partner.replace('_', '-')}.example")
    await io.publish(OrderCreated(partner_id=partner, order_number="1"), event_id="e")
    events = io.follow(MessageRequested)
    [ours] = await events.wait_for(lambda _: True)
    mia = await announce_person(io, partner, "manager")
    await knows(service, partner, mia.email)
    foreign = failed(ours.data).model_copy(update={"kind": "crm.message", "message_id": unique("m")})
    await io.publish(foreign, event_id="foreign", source="/outbox")
    await io.publish(failed(ours.data), event_id="ours", source="/outbox")
    await events.wait_for(lambda e: e.data.escalation is not None)
    assert len(events.once()) == 2
    assert "dead_lettered_total{" not in (await service.http.get("/metrics")).text
