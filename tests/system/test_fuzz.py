"""Requests made up from the published OpenAPI documents: no 500, and no answer that is not documented (A5, F1).

They are the same few each time; with `FUZZ_EXAMPLES` so many for each route, and others each time (`make fuzz`).
"""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.contracts.test_contracts import GENERATOR
from tests.support.eventually import unique
from tests.support.platform import Platform
from tests.support.routes import DOCUMENTS

EXAMPLES = os.environ.get("FUZZ_EXAMPLES")
HOW = ["--max-examples", EXAMPLES] if EXAMPLES else ["--max-examples", "3", "--generation-deterministic"]
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.mark.parametrize("name", GENERATOR.SERVICES)
async def test_made_up_requests_get_documented_answers(platform: Platform, name: str, tmp_path: Path) -> None:
    """By somebody who has every permission there is, so that no route hides behind a 403."""
    apart = await platform.apart("fuzz")
    service = await apart.service(name)
    token = service.tokens.headers(unique("prt"))["Authorization"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", str(DOCUMENTS / f"{name}.json")),
        *("--url", str(service.http.base_url), "--header", f"Authorization: {token}", "--checks", CHECKS),
        *("--phases", "examples,coverage,fuzzing", *HOW, "--continue-on-failure", "--no-color", "--warnings", "off"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
