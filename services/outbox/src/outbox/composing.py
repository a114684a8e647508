"""From a claimed message to its mail."""

from dataclasses import dataclass

from outbox.attachments.handlers import Attachments, enclosed
from outbox.domain import Account
from outbox.domains.handlers import Domains
from outbox.lanes import Item
from outbox.mime import Mail


@dataclass(frozen=True)
class Composing:
    """What mails are made with, besides the message and its account."""

    attachments: Attachments
    domains: Domains

    def mail(self, account: Account, item: Item) -> Mail:
        """The message of `item` as a mail of `account`."""
        message = item.message
        content, recipient = message["content"], message["recipient"]
        return Mail(
            message_id=message["_id"],
            from_address=account.from_address,
            from_name=account.from_name,
            to_address=account.via.addressed(recipient["address"]),
            to_name=recipient["name"],
            subject=content["subject"],
            text=content["text"],
            html=content["html"],
            unsubscribe_url=message.get("unsubscribe_url") or "",
            attachments=enclosed(self.attachments, message) if "attachments" in message else (),
            signer=self.domains.signers.get(account.id),
        )
