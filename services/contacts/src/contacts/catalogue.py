"""The nine roles and the address types, with their names and descriptions for people (A2, A3)."""

from dataclasses import dataclass
from enum import StrEnum

from common.events import Language, Role
from common.roles import ROLE_NAMES

LANGUAGES: tuple[Language, ...] = ("pl", "en", "cs", "hu")


@dataclass(frozen=True, slots=True)
class Text:
    """How a role or an address type is shown in one language."""

    name: str
    description: str


def _texts(pl: tuple[str, str], en: tuple[str, str], cs: tuple[str, str], hu: tuple[str, str]) -> dict[Language, Text]:
    return {"pl": Text(*pl), "en": Text(*en), "cs": Text(*cs), "hu": Text(*hu)}


_DESCRIPTIONS: dict[Role, tuple[str, str, str, str]] = {
    "call_centre": (
        "pracownik odpowiedzialny za obsługę klienta i zamówienia",
        "responsible for customer service and orders",
        "odpovídá za zákaznický servis a objednávky",
        "az ügyfélszolgálatért és a rendelésekért felel",
    ),
    "finance": (
        "pracownik odpowiedzialny za fakturowanie i rozliczenia",
        "responsible for invoicing and settlements",
        "odpovídá za fakturaci a vyúčtování",
        "a számlázásért és az elszámolásokért felel",
    ),
    "logistics": (
        "pracownik odpowiedzialny za procesy logistyczne",
        "responsible for logistics",
        "odpovídá za logistické procesy",
        "a logisztikai folyamatokért felel",
    ),
    "manager": (
        "decydent (dyrektor wykonawczy / CEO / dyrektor)",
        "decides (managing director, CEO, director)",
        "rozhoduje (výkonný ředitel, CEO, ředitel)",
        "döntéshozó (ügyvezető, vezérigazgató, igazgató)",
    ),
    "marketing": (
        "pracownik odpowiedzialny za działania marketingowe i zarządzanie kampaniami",
        "responsible for marketing and campaigns",
        "odpovídá za marketing a řízení kampaní",
        "a marketingért és a kampányokért felel",
    ),
    "rma": (
        "pracownik odpowiedzialny za reklamacje i zwroty",
        "responsible for complaints and returns",
        "odpovídá za reklamace a vrácení zboží",
        "a reklamációkért és a visszárukért felel",
    ),
    "sales": (
        "pracownik odpowiedzialny za sprzedaż, portfolio produktów i ceny",
        "responsible for sales, the product range and prices",
        "odpovídá za prodej, sortiment a ceny",
        "az értékesítésért, a termékkínálatért és az árakért felel",
    ),
    "tech": (
        "osoba odpowiedzialna za wdrożenie i wsparcie techniczne",
        "responsible for implementation and technical support",
        "odpovídá za implementaci a technickou podporu",
        "a bevezetésért és a műszaki támogatásért felel",
    ),
    "user": (
        "administrator portalu produktowego i zamówień",
        "administrator of the product and order portal",
        "správce portálu produktů a objednávek",
        "a termék- és rendelésportál adminisztrátora",
    ),
}
"""In pl, en, cs, hu."""

ROLES: dict[Role, dict[Language, Text]] = {
    role: {language: Text(ROLE_NAMES[role][language], words) for language, words in zip(LANGUAGES, texts, strict=True)}
    for role, texts in _DESCRIPTIONS.items()
}


class AddressType(StrEnum):
    """What an address is for."""

    BILLING = "billing"
    MAIN_WAREHOUSE = "main_warehouse"
    """Where complaints go."""
    CORRESPONDENCE = "correspondence"
    WAREHOUSE = "warehouse"
    """A further one; the only type that may occur many times."""
    REGISTERED_OFFICE = "registered_office"


REPEATABLE = frozenset({AddressType.WAREHOUSE})
NEEDED = tuple(one for one in AddressType if one not in REPEATABLE)
"""Each of these a partner must have (A4)."""


ADDRESS_TYPES: dict[AddressType, dict[Language, Text]] = {
    AddressType.BILLING: _texts(
        ("Fakturowanie", "adres do wysyłania dokumentów rozliczeniowych"),
        ("Billing", "where billing documents are sent"),
        ("Fakturace", "adresa pro zasílání účetních dokladů"),
        ("Számlázás", "a számlázási dokumentumok címe"),
    ),
    AddressType.MAIN_WAREHOUSE: _texts(
        ("Magazyn główny", "adres magazynu głównego, do którego kierowane są reklamacje"),
        ("Main warehouse", "the main warehouse, where complaints go"),
        ("Hlavní sklad", "adresa hlavního skladu, kam se posílají reklamace"),
        ("Fő raktár", "a fő raktár címe, ahová a reklamációk érkeznek"),
    ),
    AddressType.CORRESPONDENCE: _texts(
        ("Korespondencja", "adres kontaktowy, jeżeli jest inny niż siedziba firmy"),
        ("Correspondence", "where letters go, if not to the registered office"),
        ("Korespondence", "kontaktní adresa, pokud se liší od sídla firmy"),
        ("Levelezés", "levelezési cím, ha eltér a székhelytől"),
    ),
    AddressType.WAREHOUSE: _texts(
        ("Magazyn", "kolejny magazyn; takich adresów może być wiele"),
        ("Warehouse", "a further warehouse; there may be many"),
        ("Sklad", "další sklad; těchto adres může být více"),
        ("Raktár", "további raktár; ilyen címből több is lehet"),
    ),
    AddressType.REGISTERED_OFFICE: _texts(
        ("Podstawowa", "siedziba firmy"),
        ("Registered office", "the seat of the company"),
        ("Sídlo", "sídlo firmy"),
        ("Székhely", "a cég székhelye"),
    ),
}
