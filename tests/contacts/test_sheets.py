"""Persons as files: import with a dry run, and export (bulk of A1)."""

import asyncio
import time
from typing import Any

from common.auth import Permission
from tests.support.eventually import unique
from tests.support.partners import announce_partner
from tests.support.platform import Platform, Service

HEADER = "first_name,last_name,email,phone,roles\r\n"


async def send(contacts: Service, partner: str, rows: str | bytes, **params: Any) -> Any:
    content = rows if isinstance(rows, bytes) else rows.encode()
    headers = contacts.tokens.headers(partner) | {"content-type": "text/csv"}
    return await contacts.http.post("/persons/import", content=content, params=params, headers=headers)


async def persons(contacts: Service, partner: str) -> list[dict[str, Any]]:
    return (await contacts.http.get("/persons", headers=contacts.tokens.headers(partner))).json()["items"]


async def test_good_rows_are_added_and_bad_ones_come_back_with_reasons(platform: Platform) -> None:
    """A1: the dry run says the same and adds nobody; a second time everybody is there already."""
    contacts, partner = await platform.service("contacts"), unique("prt")
    rows = (
        "Zofia,Nowak,zofia@x.example.com,+48 601 234 567,sales; manager\r\n"
        "Jan,,jan@x.example.com,,\r\n"
        "Ola,Kot,no address,,king\r\n"
        "Ewa,Sroka,ewa@x.example.com,12,\r\n"
        '"Ada, the first",Lis,ada@x.example.com,,\r\n'
        "zofia,NOWAK,Zofia@x.example.com,,\r\n"
    )
    dry = (await send(contacts, partner, HEADER + rows, dry_run=True)).json()
    assert await persons(contacts, partner) == []
    done = (await send(contacts, partner, HEADER + rows)).json()
    assert done == dry | {"dry_run": False}
    assert (done["added"], done["already_there"]) == (2, 1)
    reasons = {one["line"]: " ".join(one["reasons"]) for one in done["rejected"]}
    assert reasons.keys() == {3, 4, 5}
    assert "last_name" in reasons[3]
    assert "email" in reasons[4]
    assert "roles" in reasons[4]
    assert "phone" in reasons[5]
    assert "no address" not in str(reasons)
    names = sorted((one["first_name"], one["phone"], one["roles"]) for one in await persons(contacts, partner))
    assert names == [("Ada, the first", None, []), ("Zofia", "+48601234567", ["manager", "sales"])]
    again = (await send(contacts, partner, HEADER + rows)).json()
    assert (again["added"], again["already_there"]) == (0, 3)


async def test_a_row_of_somebody_added_by_hand_adds_nobody(platform: Platform) -> None:
    """A1."""
    contacts, partner = await platform.service("contacts"), unique("prt")
    person = {"first_name": "Ann", "last_name": "Bee", "email": "ann@x.example.com"}
    await contacts.http.post("/persons", json=person, headers=platform.tokens.headers(partner))
    done = (await send(contacts, partner, HEADER + "Ann,Bee,ann@x.example.com,,\r\n")).json()
    assert (done["added"], done["already_there"]) == (0, 1)


async def test_what_is_exported_is_imported_as_it_was(platform: Platform) -> None:
    """A1: also what a spreadsheet would take for a formula."""
    contacts = await platform.service("contacts")
    one, other = await announce_partner(platform.io), unique("prt")
    headers = platform.tokens.headers(one)
    for first_name, phone in (("=cmd()", "+48601234567"), ('Łucja, "Lu"', None), ("-x", None)):
        person = {"first_name": first_name, "last_name": "N", "email": "a@x.example.com", "phone": phone}
        await contacts.http.post("/persons", json=person | {"roles": ["tech", "rma"]}, headers=headers)
    exported = await contacts.http.get("/persons.csv", headers=headers)
    assert exported.headers["content-type"].startswith("text/csv")
    cells = [cell for line in exported.text.splitlines() for cell in line.split(",")]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert (await send(contacts, other, exported.content)).json()["added"] == 3

    def fields(found: list[dict[str, Any]]) -> list[Any]:
        return sorted([one["first_name"], one["phone"] or "", one["roles"]] for one in found)

    assert fields(await persons(contacts, other)) == fields(await persons(contacts, one))


async def test_a_file_that_is_none_is_refused_whole(platform: Platform) -> None:
    """A1: with what to change; nothing of it is kept."""
    contacts = await platform.service("contacts", instance="sheets", IMPORT_MAX_ROWS="2", IMPORT_MAX_BYTES="1000")
    partner, row = unique("prt"), "A,B,a@x.example.com,,\r\n"
    bad: list[tuple[str | bytes, int, str]] = [
        (b"\xff\xfe", 422, "UTF-8"),
        ("name;email\r\n", 422, "first_name"),
        (HEADER + row * 3, 422, "at most 2 rows"),
        (HEADER + "x" * 1000, 413, "at most 1000 bytes"),
    ]
    for content, status, words in bad:
        answer = await send(contacts, partner, content)
        assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text
    assert await persons(contacts, partner) == []


async def test_no_row_is_lost_behind_an_unfinished_quotation_mark(platform: Platform) -> None:
    """A1: in a column that is of no interest it would swallow all rows that follow, and nobody would hear of them."""
    contacts, partner = await platform.service("contacts"), unique("prt")
    rows = 'note,first_name,last_name,email\r\n,Ann,Bee,ann@x.example.com\r\n"5 inch,Jan,Kot,jan@x.example.com\r\n'
    answer = await send(contacts, partner, rows + ",Ewa,Lis,ewa@x.example.com\r\n")
    assert (answer.status_code, "unfinished" in answer.json()["detail"]) == (422, True), answer.text
    rows = 'first_name,last_name,email,note\r\nAnn,Bee,ann@x.example.com,"5 inch\r\nJan,Kot,jan@x.example.com,\r\n'
    assert (await send(contacts, partner, rows)).status_code == 422
    assert await persons(contacts, partner) == []


async def test_a_column_may_be_called_anything(platform: Platform) -> None:
    """A1."""
    contacts, partner = await platform.service("contacts"), unique("prt")
    done = (await send(contacts, partner, "first_name,last_name,email,more\r\nA,B,a@x.example.com,x\r\n")).json()
    assert (done["added"], done["rejected"]) == (1, [])
    [row] = (await send(contacts, partner, HEADER + "A,B,a@x.example.com,,,x\r\n")).json()["rejected"]
    assert row["reasons"] == ["has more fields than there are columns"]


async def test_a_long_list_is_exported_whole(platform: Platform) -> None:
    """A1: more than a page of it."""
    contacts, partner = await platform.service("contacts"), unique("prt")
    rows = "".join(f"P{number},X,p{number}@x.example.com,,\r\n" for number in range(1_100))
    assert (await send(contacts, partner, HEADER + rows)).json()["added"] == 1_100
    exported = await contacts.http.get("/persons.csv", headers=platform.tokens.headers(partner))
    assert len({line.split(",")[2] for line in exported.text.splitlines()[1:]}) == 1_100


async def test_a_file_that_takes_long_holds_up_nobody(platform: Platform) -> None:
    """A1: domains of other scripts take milliseconds each; everybody else is answered meanwhile."""
    contacts, partner = await platform.service("contacts"), unique("prt")
    domain = ".".join(["żółćąęśźńżółćąęśźńżółćąęśźń"] * 5)
    rows = "".join(f"P{number},X,p{number}@{domain}.example,+48 601 234 567,\r\n" for number in range(1_000))
    importing = asyncio.create_task(send(contacts, partner, HEADER + rows, dry_run=True))
    slowest = 0.0
    while not importing.done():
        began = time.monotonic()
        assert (await contacts.http.get("/livez")).status_code == 200
        slowest = max(slowest, time.monotonic() - began)
    assert len((await importing).json()["rejected"]) == 1_000, "these are too long"
    assert slowest < 1


async def test_a_file_of_very_many_columns_holds_up_nobody(platform: Platform) -> None:
    """A1: each row would cost as many steps as there are columns, in each of ten thousand rows."""
    contacts, partner = await platform.service("contacts"), unique("prt")
    header = "first_name,last_name,email" + "," * 1_000_000
    refused = await send(contacts, partner, f"{header}\r\n" + "P,X,p@x.example.com\r\n" * 2_000, dry_run=True)
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (422, "bad-sheet")


async def test_only_whoever_may_imports(platform: Platform) -> None:
    """A5."""
    contacts = await platform.service("contacts")
    headers = platform.tokens.headers("prt_x", Permission.CONTACTS_READ) | {"content-type": "text/csv"}
    answer = await contacts.http.post("/persons/import", content=HEADER.encode(), headers=headers)
    assert (answer.status_code, answer.json()["permission"]) == (403, "contacts:write")


async def test_a_partner_has_a_limited_number_of_persons(platform: Platform) -> None:
    """A1: a file that would be too much adds nobody; what was answered once is answered again."""
    contacts, partner = await platform.service("contacts", instance="few", PERSONS_MOST="3"), unique("prt")
    headers = contacts.tokens.headers(partner)
    rows = "".join(f"Ann,Bee,ann{number}@x.example.com,,\r\n" for number in range(3))
    assert (await send(contacts, partner, HEADER + rows)).json()["added"] == 3
    assert (await send(contacts, partner, HEADER + rows)).json()["already_there"] == 3
    person = {"first_name": "Ann", "last_name": "Bee", "email": "last@x.example.com"}
    one = (await persons(contacts, partner))[0]
    deleted = await contacts.http.delete(f"/persons/{one['id']}", headers=headers)
    keyed = headers | {"Idempotency-Key": unique("key")}
    added = await contacts.http.post("/persons", json=person, headers=keyed)
    again = await contacts.http.post("/persons", json=person, headers=keyed)
    assert (deleted.status_code, added.status_code, again.json()) == (200, 201, added.json())
    refused = await contacts.http.post("/persons", json=person | {"email": "more@x.example.com"}, headers=headers)
    assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[1]) == (409, "too-many-persons")
    sheet = await send(contacts, partner, f"{HEADER}{rows}Ola,Kot,more@x.example.com,,\r\n", dry_run=True)
    assert sheet.status_code == 409
    assert len(await persons(contacts, partner)) == 3
