"""What notifications takes from its environment, besides what all services do."""

from pydantic import Field, SecretStr

from common.settings import ServiceSettings


class Settings(ServiceSettings):
    """See `ServiceSettings` for the rest."""

    service_name: str = "notifications"
    service_port: int = 8003
    wait_seconds: float = Field(default=600, gt=0, description="an event waits so long for a partner not known yet")
    wait_look_seconds: float = Field(default=1.0, gt=0, description="how often waiting events are looked at")
    campaign_partners_per_second: float = Field(
        default=500, gt=0, description="a replica takes campaigns to so many partners a second at the most"
    )
    campaign_partners_beside_urgent: float = Field(
        default=150, gt=0, description="and while urgent events come in, which would wait for it"
    )
    digest_look_seconds: float = Field(default=1.0, gt=0, description="how often digests that are due are looked for")
    public_url: str = Field(
        default="",
        max_length=300,
        pattern=r"^(https?://[!-~]+)?$",
        description="where the internet reaches `/unsubscribe/`; empty: mails carry no link to it",
    )
    unsubscribe_keyring: SecretStr = Field(
        default=SecretStr(""), description="signs these links; id:base64 of 32 bytes, several with commas, newest first"
    )
    events_kept_days: int = Field(
        default=400, ge=30, description="what became of an event is forgotten after this; topics keep events for 14"
    )
    campaigns_kept_days: int = Field(
        default=400, ge=30, description="how far a campaign came is forgotten so long after it was done"
    )
    campaign_look_seconds: float = Field(default=1.0, gt=0, description="how often campaigns are looked for")
