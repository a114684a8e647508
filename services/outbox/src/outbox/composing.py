"""From a claimed message to its mail."""

from dataclasses import dataclass

from common.mongo import Document
from outbox.attachments.handlers import Attachments, enclosed
from outbox.domain import Account
from outbox.domains.handlers import Domains
from outbox.items import Item
from outbox.mime import Mail
from outbox.return_paths import ReturnPaths
from outbox.via import Smtp


@dataclass(frozen=True)
class Composing:
    """What mails are made with, besides the message and its account."""

    attachments: Attachments
    domains: Domains
    return_paths: ReturnPaths

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
            key=_key(message),
            return_path=self._return_path(account, message),
            attachments=enclosed(self.attachments, message) if "attachments" in message else (),
            signer=self.domains.signers.get(account.id),
        )

    def _return_path(self, account: Account, message: Document) -> str:
        """Where this attempt is reported to, if the account says so."""
        domain = account.via.bounce_domain if isinstance(account.via, Smtp) else None
        return self.return_paths.of(message["_id"], len(message["attempts"]) + 1, domain) if domain else ""


def _key(message: Document) -> str:
    """By which a gateway knows a repeated message: another one once it reported that it could not deliver the last."""
    failed = sum(one.get("report", {}).get("verdict") == "failed" for one in message["attempts"])
    return f"{message['_id']}-{failed}" if failed else message["_id"]
