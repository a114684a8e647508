"""A mail that was accepted comes back: the report is handed in as the mail server of the bounce domain would do it."""

from typing import Any

from demo.people import until
from demo.story import Story, box_of, messages_of
from tests.support.returns import returned


async def come_back(story: Story) -> None:
    """The mail to finance turns out to have had no mailbox; the manager hears of it."""
    story.show.rule("[bold]6 · A mail comes back")
    to = story.address("fiona")
    [mail] = await until(lambda: _mails_to(story, to), f"the mail to {to}")
    sender = mail["envelope"]["from"]["address"]
    story.show.print(f"the mail to {to} was accepted, and is returned to {sender}")
    headers = {"Authorization": f"Bearer {story.owner.token}"}
    answer = await story.client.post(f"{story.at.outbox}/inbound/mail", content=returned(sender), headers=headers)
    answer.raise_for_status()

    async def told() -> list[dict[str, Any]]:
        messages = await messages_of(story)
        bounced = {one["recipient"]["address"] for one in messages if one["status"] == "BOUNCED"}
        passed_on = [one for one in messages if one["title"].startswith(f"Could not be delivered to {to}")]
        return messages if bounced == {to} and [one["status"] for one in passed_on] == ["SENT"] else []

    story.show.print(box_of(await until(told, "the manager being told of the mail that came back")))


async def _mails_to(story: Story, address: str) -> list[dict[str, Any]]:
    inbox = (await story.client.get(f"{story.at.inbox}/api/email")).json()
    return [mail for mail in inbox if address in [one["address"] for one in mail["to"]]]
