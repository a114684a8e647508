"""Where everything is: read from the environment that `deploy/local` gives to the story."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Addresses:
    """Addresses of the stack and the services, and the staff user that was made by a command."""

    identity: str
    contacts: str
    notifications: str
    outbox: str
    crm: str
    kafka: str
    smtp_port: int
    inbox: str
    traces: str
    staff_email: str
    staff_password: str

    @classmethod
    def from_environment(cls) -> "Addresses":
        """Raises KeyError that names the missing variable."""
        get = os.environ.__getitem__
        return cls(
            identity=get("IDENTITY_URL"),
            contacts=get("CONTACTS_URL"),
            notifications=get("NOTIFICATIONS_URL"),
            outbox=get("OUTBOX_URL"),
            crm=get("CRM_URL"),
            kafka=get("KAFKA_BOOTSTRAP"),
            smtp_port=int(get("SMTP_PORT")),
            inbox=get("INBOX_URL"),
            traces=get("ZIPKIN_URL"),
            staff_email=get("STAFF_EMAIL"),
            staff_password=get("STAFF_PASSWORD"),
        )

    @property
    def services(self) -> dict[str, str]:
        """Service name -> address."""
        return {
            "identity": self.identity,
            "contacts": self.contacts,
            "notifications": self.notifications,
            "outbox": self.outbox,
            "crm": self.crm,
        }
