"""A partner as it is made by staff, with its owner signed in to every service."""

from typing import Any

from tests.support.eventually import eventually, unique
from tests.support.mail import MailServer
from tests.support.platform import Platform, Service

PASSWORD = "correct horse battery"


class Company:
    """A partner on the platform, with its owner signed in to every service."""

    def __init__(self, services: dict[str, Service], partner_id: str, headers: dict[str, str]) -> None:
        self.services = services
        self.partner_id = partner_id
        self.headers = headers

    async def call(self, service: str, method: str, url: str, json: Any = None, **params: Any) -> Any:
        answer = await self.services[service].http.request(
            method, url, json=json, params=params or None, headers=self.headers
        )
        assert not answer.is_error, f"{url}: {answer.text}"
        return answer.json() if answer.content else None

    async def adds(self, name: str, *roles: str) -> str:
        """A contact person; returns the address."""
        address = f"{unique(name).replace('_', '-')}@company.example.com"
        person = {"first_name": name, "last_name": "X", "email": address, "roles": list(roles)}
        await self.call("contacts", "POST", "/persons", person)
        return address

    async def would_tell(self, kind: str, sample: dict[str, Any], *addresses: str) -> None:
        """Wait until these would be told."""

        async def told() -> bool:
            answer = await self.call("notifications", "POST", f"/kinds/{kind}/dry-run", sample)
            return {one["address"] for one in answer["recipients"]} == set(addresses)

        await eventually(told)

    async def box(self) -> list[dict[str, Any]]:
        return (await self.call("outbox", "GET", "/messages"))["items"]


async def found_company(platform: Platform, mail: MailServer, **account: Any) -> Company:
    """Staff make a partner; its owner signs in and adds a sender account, of which `account` says more."""
    names = ("identity", "contacts", "notifications", "outbox", "crm")
    services = {name: await platform.service(name) for name in names}
    email = f"{unique('owner').replace('_', '-')}@company.example.com"
    owner = {"email": email, "name": "Olga", "password": PASSWORD}
    staff = platform.tokens.headers("platform")
    identity = services["identity"].http
    partner = (await identity.post("/partners", json={"name": "Company", "owner": owner}, headers=staff)).json()
    token = (await identity.post("/sign-in", json={"email": email, "password": PASSWORD})).json()["access_token"]
    company = Company(services, partner["partner_id"], {"Authorization": f"Bearer {token}"})

    async def accepted() -> bool:
        answers = [await one.http.get("/docs", headers=company.headers) for one in services.values()]
        listed = await services["outbox"].http.get("/accounts", headers=company.headers)
        return all(answer.status_code == 200 for answer in answers) and listed.status_code == 200

    await eventually(accepted)
    shop = {"name": "Shop", "from_address": "shop@company.example.com", "host": "127.0.0.1", "port": mail.port}
    await company.call("outbox", "POST", "/accounts", shop | {"tls": "none", "is_default": True} | account)
    return company
