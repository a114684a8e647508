"""What identity takes from its environment, besides what all services do."""

from pydantic import Field, SecretStr

from common.settings import ServiceSettings


class Settings(ServiceSettings):
    """`IDENTITY_KEYRING` has no default: without it no signing key can be kept."""

    service_name: str = "identity"
    service_port: int = 8001
    identity_keyring: SecretStr = Field(description="id:base64 of 32 bytes, several with commas, the newest first")
    token_minutes: int = Field(default=10, ge=1, le=60)
    assertion_seconds: int = Field(default=300, ge=10, le=600, description="a machine's assertion is good so long")
    keys_per_machine: int = Field(default=5, ge=1, le=20)
    sign_in_tries: int = Field(
        default=10, ge=1, description="wrong passwords of an account at once, from unknown addresses or a known one"
    )
    sign_in_tries_per_address: int = Field(
        default=50, ge=1, description="wrong passwords from an address at once, of accounts never signed in from there"
    )
    sign_in_try_seconds: float = Field(default=60, gt=0, description="one more try each time")
    key_days: int = Field(default=30, ge=1, description="age at which a signing key is replaced")
    key_overlap_seconds: int = Field(default=60, ge=1, description="a new key is announced this long before it signs")
    hashes_at_once: int = Field(
        default=2, ge=1, description="passwords checked at the same time; each takes a core and 64 MB"
    )
    hashes_waiting: int = Field(default=100, ge=1, description="so many wait for their turn; more are refused (503)")
    hashes_wait_seconds: float = Field(default=10, gt=0, description="nobody waits longer for his turn (503)")
    session_days: float = Field(default=30, gt=0, description="a session ends so long after it began")
    session_idle_days: float = Field(default=7, gt=0, description="and so long after it was last continued")
    sessions_per_user: int = Field(default=50, ge=1, description="with one more, the one that began first ends")
    fresh_sign_in_minutes: float = Field(
        default=15, gt=0, description="so long after signing in somebody may end his other sessions"
    )
    refresh_grace_seconds: float = Field(
        default=10, ge=0, le=60, description="a refresh token may be repeated so long, with the same answer"
    )
    account_url: str = Field(
        default="https://identity.switchboard/account",
        pattern=r"^https?://[^\s#?]+$",
        description="links in mails lead to pages below it, and passkeys belong to its host",
    )
    platform_partner: str = Field(default="platform", description="whose sender account mails about accounts leave by")
    invitation_hours: float = Field(default=24, gt=0, le=168, description="an invitation is good so long")
    password_reset_minutes: float = Field(default=30, gt=0, le=1440, description="a link to a new password, too")
    email_confirmation_hours: float = Field(
        default=24, gt=0, le=168, description="a link that confirms an address, too"
    )
    challenge_seconds: float = Field(
        default=300, gt=0, le=600, description="the second step of signing in, and the use of a passkey, take so long"
    )
    passkeys_per_user: int = Field(default=20, ge=1, le=100)
    staff_second_factor: bool = Field(default=False, description="staff may do nothing without a second factor")
    mails_per_address: int = Field(default=3, ge=1, description="mails about accounts to an address at once")
    mail_seconds: float = Field(default=600, gt=0, description="one more each time")
    heartbeat_seconds: float = Field(
        default=1, gt=0, le=2, description="services hear so often that no revocation is missing"
    )
    entry_minutes: int = Field(
        default=15, ge=1, le=15, description="life of the token that a master user acts for a client with"
    )
    entry_code_seconds: float = Field(default=60, gt=0, le=600, description="a code that hands an entry to a browser")
    entry_confirmation_hours: float = Field(
        default=24, gt=0, description="an entry that was asked for waits so long, and as long once it is confirmed"
    )
    entry_check_seconds: float = Field(
        default=1, gt=0, le=2, description="so often each running entry is held against what it depends on"
    )
    entries_kept_days: float = Field(default=400, ge=1, description="an entry that ended is forgotten after this")
    access_days: int = Field(default=365, ge=1, description="a client gives access for so long at the most")
