"""Files that go with a mail: what they may be, what they are called, and who needs them (B12). No I/O."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import Invalid, NotFound, Problem

ENDINGS: Mapping[str, tuple[str, ...]] = {
    "application/json": ("json",),
    "application/pdf": ("pdf",),
    "application/vnd.oasis.opendocument.spreadsheet": ("ods",),
    "application/vnd.oasis.opendocument.text": ("odt",),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ("xlsx",),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ("docx",),
    "application/xml": ("xml",),
    "application/zip": ("zip",),
    "image/gif": ("gif",),
    "image/jpeg": ("jpg", "jpeg"),
    "image/png": ("png",),
    "text/calendar": ("ics",),
    "text/csv": ("csv",),
    "text/plain": ("txt",),
    "text/xml": ("xml",),
}
"""How names of files of a type end: what a mail program opens a file with follows from its name, not from its type."""
LONGEST_NAME = 100
NAMELESS = "attachment"
_OF_PATHS = str.maketrans("\\:", "//")


class AttachmentTooLarge(Problem):
    """413: more bytes than an attachment may have."""

    status, code, title = 413, "attachment-too-large", "The attachment is too large"


class AttachmentTypeRefused(Problem):
    """415: the operator does not let files of this type be sent."""

    status, code, title = 415, "attachment-type-refused", "Files of this type are not sent"


class UploadTooSlow(Problem):
    """408: the bytes did not arrive in time; nothing of them is kept."""

    status, code, title = 408, "upload-too-slow", "The upload took too long"


class NameNeeded(Invalid):
    """A file without a name."""

    code, title = "name-needed", "The attachment needs a name"


class AttachmentUnknown(NotFound):
    code, title = "attachment-unknown", "There is no such attachment"


@dataclass(frozen=True, slots=True)
class Limits:
    """What attachments may be: bytes of one, how many and how many bytes a message carries, types, and how many seconds
    one may take to arrive."""

    most_bytes: int
    most: int
    most_bytes_in_all: int
    types: frozenset[str]
    seconds: float

    def type_of(self, content_type: str) -> str:
        """The bare media type of a `Content-Type`. Raises AttachmentTypeRefused."""
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type not in self.types:
            raise AttachmentTypeRefused(f"Types that are sent: {', '.join(sorted(self.types))}.")
        return media_type

    def count_fault(self, wanted: Sequence[Mapping[str, Any]]) -> str | None:
        """The same of their number alone."""
        return f"it has {len(wanted)} attachments, and {self.most} are allowed" if len(wanted) > self.most else None

    def fault_of(self, wanted: Sequence[Mapping[str, Any]]) -> str | None:
        """Why a message with these attachments cannot be sent, in words; None: it can."""
        if fault := self.count_fault(wanted):
            return fault
        for one in wanted:
            if "size" not in one:
                return f"the attachment {one['id']} is not there: upload it before the message is requested"
        size = sum(one["size"] for one in wanted)
        if size > self.most_bytes_in_all:
            return f"its attachments have {size} bytes together, and {self.most_bytes_in_all} are allowed"
        return None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that is kept for a partner. `id` is the SHA-256 of its bytes in hexadecimal digits: the same bytes are one
    attachment."""

    id: str
    name: str
    type: str
    size: int


def file_name(name: str, media_type: str) -> str:
    """`name` as a file of this type may be called on any machine: no path, no control or invisible character, at most
    LONGEST_NAME characters, and an ending of its type."""
    name = unicodedata.normalize("NFC", name).translate(_OF_PATHS).rpartition("/")[2]
    name = "".join(" " if one.isspace() else one for one in name if _is_shown(one))
    name = " ".join(name.split()).strip(". ") or NAMELESS
    stem, dot, ending = name.rpartition(".")
    allowed = ENDINGS.get(media_type, ())
    if allowed and (not dot or ending.casefold() not in allowed):
        stem, ending = name, allowed[0]
    elif not dot or len(ending) > LONGEST_NAME // 2:
        return name[:LONGEST_NAME].rstrip(". ")
    return f"{stem[: LONGEST_NAME - len(ending) - 1].rstrip('. ') or NAMELESS}.{ending}"


def _is_shown(character: str) -> bool:
    """False for control characters (but white space), those that only steer others (such as from right to left), and
    what is no character."""
    return character.isspace() or unicodedata.category(character) not in ("Cc", "Cf", "Co", "Cs", "Cn")
