"""Where a gateway that signs nothing reports to: the URL is the proof, so it is told to nobody else."""

from collections.abc import Sequence

from outbox.proofs import Proofs


class ReportUrls:
    """Makes and checks these URLs below `public_url`; where that is empty none is made."""

    def __init__(self, public_url: str, keys: Sequence[bytes]) -> None:
        self._public_url = public_url.rstrip("/")
        self._proofs = Proofs(keys, "report urls")

    def of(self, account_id: str) -> str:
        """Where the gateway of this account reports to; empty when it cannot."""
        if not self._public_url:
            return ""
        return f"{self._public_url}/accounts/{account_id}/reports/{self._proofs.of(account_id)}"

    def is_good(self, account_id: str, proof: str) -> bool:
        """True when `proof` is that of the account's URL."""
        return self._proofs.is_good(account_id, proof)
