"""What crm takes from its environment: only what all services do."""

from common.settings import ServiceSettings


class Settings(ServiceSettings):
    """See `ServiceSettings`."""

    service_name: str = "crm"
    service_port: int = 8005
