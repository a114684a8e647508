"""What contacts takes from its environment, besides what all services do."""

from pydantic import Field

from common.settings import ServiceSettings


class Settings(ServiceSettings):
    """See `ServiceSettings`."""

    service_name: str = "contacts"
    service_port: int = 8002
    history_kept: int = Field(default=200, ge=1, description="changes of a person or address that are remembered")
    persons_most: int = Field(default=20_000, ge=1, description="contact persons of a partner")
    import_max_rows: int = Field(default=10_000, ge=1, description="rows of an imported file")
    import_max_bytes: int = Field(default=5_000_000, ge=1_000, description="size of an imported file")
