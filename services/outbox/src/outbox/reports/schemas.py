"""Answers of the routes of reports."""

from pydantic import BaseModel, Field

from outbox.reports.domain import Ignored, Verdict


class MailTaken(BaseModel):
    """The mail need not be sent again, whatever it was."""

    was: Verdict | Ignored = Field(description="What it reports, or why nothing follows from it.")


class ReportsTaken(BaseModel):
    """The reports need not be sent again."""

    understood: int = Field(description="Those whose status the account knows.")
