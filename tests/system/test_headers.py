"""Every answer of every route says what browsers and caches may do with it: nothing."""

import re

import httpx
import pytest

from common.auth import Permission
from common.headers import PAGES, SAFE
from tests.support.eventually import unique
from tests.support.platform import Platform
from tests.support.routes import OPEN, SERVICES, paths

CACHED = {
    "/.well-known/jwks.json": "public, max-age=30",
    "/.well-known/oauth-authorization-server": "public, max-age=300",
}
UNDOCUMENTED = {path: ["get", "trace"] for path in ("/livez", "/readyz", "/metrics", "/openapi.json", "/not-there")}


def told(answer: httpx.Response) -> dict[str, str | None]:
    return {name: answer.headers.get(name) for name in SAFE}


@pytest.mark.parametrize("name", SERVICES)
async def test_every_answer_of_every_route_is_kept_by_nobody_and_shown_as_no_page(
    platform: Platform, name: str
) -> None:
    """E6: to whoever may do everything, to whoever has no token, and where there is nothing."""
    service, partner = await platform.service(name), unique("prt")
    tokens = {"Authorization": f"Bearer {service.tokens.sign(partner, *Permission)}"}
    for path, methods in (paths(name) | UNDOCUMENTED).items():
        url = path.replace("{version}", "1").replace("{number}", "1").replace("{", "").replace("}", "")
        for method in methods:
            for headers in (tokens, {}):
                answer = await service.http.request(method.upper(), url, headers=headers)
                expected = SAFE | ({"Cache-Control": CACHED[path]} if path in CACHED else {})
                assert told(answer) == expected, f"{method} {path}: {answer.status_code}"


@pytest.mark.parametrize("path", sorted(PAGES))
async def test_the_pages_of_the_documentation_may_load_what_they_are_made_of(platform: Platform, path: str) -> None:
    """F2: and are framed by nobody."""
    assert path in OPEN
    page = await (await platform.service("identity")).http.get(path)
    policy = page.headers["Content-Security-Policy"]
    assert page.status_code == 200
    assert {"frame-ancestors 'none'", "default-src 'none'"} <= set(policy.split("; "))
    assert "script-src 'unsafe-inline'" in policy
    loaded = re.findall(r'(?:src|href)="(https://[^/"]+)', page.text)
    assert [host for host in loaded if host not in policy] == []
