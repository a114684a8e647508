"""The use cases of contact records, one function each."""

from common.errors import ChangedMeanwhile, NotFound
from crm.records.domain import ContactRecord
from crm.records.storage import RecordStore


async def get_record(store: RecordStore, partner_id: str, record_id: str) -> ContactRecord:
    """Raises NotFound."""
    record = await store.record(partner_id, record_id)
    if record is None:
        raise NotFound("There is no such record.")
    return record


async def replace_record(
    store: RecordStore, partner_id: str, record: ContactRecord, only_version: int | None
) -> ContactRecord:
    """Change a record (C13). Raises NotFound, and ChangedMeanwhile when it is not `only_version` any more."""
    changed = await store.replace(partner_id, record, only_version)
    if changed is None:
        raise await _changed_meanwhile(store, partner_id, record.id)
    return changed


async def remove_record(store: RecordStore, partner_id: str, record_id: str, only_version: int | None) -> None:
    """Delete a record (C13). Raises NotFound, and ChangedMeanwhile when it is not `only_version` any more."""
    if not await store.remove(partner_id, record_id, only_version):
        raise await _changed_meanwhile(store, partner_id, record_id)


async def _changed_meanwhile(store: RecordStore, partner_id: str, record_id: str) -> ChangedMeanwhile:
    """Raises NotFound."""
    current = await get_record(store, partner_id, record_id)
    return ChangedMeanwhile("Read it again and repeat your change.", current_version=current.version)
