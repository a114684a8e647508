"""WebAuthn: what py_webauthn makes for browsers and checks of what they send back."""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    options_to_json_dict,
    parse_authentication_credential_json,
    parse_client_data_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from identity.passkeys.domain import Passkey, PasskeyInvalid, WrongPasskey

NAME = "Switchboard"
_REFUSED = (WebAuthnException, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
"""What the library raises for bytes that it did not expect."""
_DISCOVERABLE = AuthenticatorSelectionCriteria(
    resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
)

Json = dict[str, Any]


class Webauthn:
    """Passkeys of the host of `pages`; each use verifies the person (by finger, face or PIN)."""

    def __init__(self, pages: str, seconds: float) -> None:
        parts = urlsplit(pages)
        self._host = parts.hostname or ""
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._timeout = int(seconds * 1000)

    def to_register(self, challenge: str, user_id: str, email: str, known: list[str]) -> Json:
        """For `navigator.credentials.create`; none of the `known` ones is made again."""
        options = generate_registration_options(
            rp_id=self._host,
            rp_name=NAME,
            user_id=user_id.encode(),
            user_name=email,
            challenge=challenge.encode(),
            timeout=self._timeout,
            authenticator_selection=_DISCOVERABLE,
            exclude_credentials=[PublicKeyCredentialDescriptor(base64url_to_bytes(one)) for one in known],
        )
        return options_to_json_dict(options)

    def to_sign_in(self, challenge: str) -> Json:
        """For `navigator.credentials.get`: the browser knows which passkeys there are."""
        options = generate_authentication_options(
            rp_id=self._host,
            challenge=challenge.encode(),
            timeout=self._timeout,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return options_to_json_dict(options)

    def challenge_in(self, credential: Json) -> str:
        """The challenge that a browser answers. Raises WrongPasskey."""
        try:
            client_data = base64url_to_bytes(credential["response"]["clientDataJSON"])
            return parse_client_data_json(client_data).challenge.decode()
        except _REFUSED:
            raise WrongPasskey from None

    def registered(self, credential: Json, challenge: str, name: str, now: datetime) -> Passkey:
        """The passkey that a browser made. Raises PasskeyInvalid."""
        try:
            made = verify_registration_response(
                credential=credential,
                expected_challenge=challenge.encode(),
                expected_rp_id=self._host,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except _REFUSED:
            raise PasskeyInvalid("Begin again with a new challenge, on the page that passkeys are for.") from None
        return Passkey(
            id=bytes_to_base64url(made.credential_id),
            name=name,
            public_key=made.credential_public_key,
            sign_count=made.sign_count,
            is_synced=made.credential_backed_up,
            since=now,
        )

    def count_after(self, passkey: Passkey, user_id: str, credential: Json, challenge: str) -> int:
        """What the authenticator counts after it signed the challenge for this user.

        Raises WrongPasskey, also when it did not count on: then somebody has a copy of it.
        """
        try:
            shown = parse_authentication_credential_json(credential)
            if shown.response.user_handle != user_id.encode():
                raise WrongPasskey
            return verify_authentication_response(
                credential=shown,
                expected_challenge=challenge.encode(),
                expected_rp_id=self._host,
                expected_origin=self._origin,
                credential_public_key=passkey.public_key,
                credential_current_sign_count=passkey.sign_count,
                require_user_verification=True,
            ).new_sign_count
        except _REFUSED:
            raise WrongPasskey from None
