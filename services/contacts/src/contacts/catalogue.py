"""The nine roles and the address types, with their names and descriptions for people (A2, A3)."""

from dataclasses import dataclass
from enum import StrEnum

from common.events import Language, Role


@dataclass(frozen=True, slots=True)
class Text:
    """How a role or an address type is shown in one language."""

    name: str
    description: str


def _texts(pl: tuple[str, str], en: tuple[str, str], cs: tuple[str, str], hu: tuple[str, str]) -> dict[Language, Text]:
    return {"pl": Text(*pl), "en": Text(*en), "cs": Text(*cs), "hu": Text(*hu)}


ROLES: dict[Role, dict[Language, Text]] = {
    "call_centre": _texts(
        ("Centrum telefoniczne", "pracownik odpowiedzialny za obsługę klienta i zamówienia"),
        ("Call centre", "responsible for customer service and orders"),
        ("Call centrum", "odpovídá za zákaznický servis a objednávky"),
        ("Telefonos ügyfélszolgálat", "az ügyfélszolgálatért és a rendelésekért felel"),
    ),
    "finance": _texts(
        ("Finanse", "pracownik odpowiedzialny za fakturowanie i rozliczenia"),
        ("Finance", "responsible for invoicing and settlements"),
        ("Finance", "odpovídá za fakturaci a vyúčtování"),
        ("Pénzügy", "a számlázásért és az elszámolásokért felel"),
    ),
    "logistics": _texts(
        ("Logistyka", "pracownik odpowiedzialny za procesy logistyczne"),
        ("Logistics", "responsible for logistics"),
        ("Logistika", "odpovídá za logistické procesy"),
        ("Logisztika", "a logisztikai folyamatokért felel"),
    ),
    "manager": _texts(
        ("Menedżer", "decydent (dyrektor wykonawczy / CEO / dyrektor)"),
        ("Manager", "decides (managing director, CEO, director)"),
        ("Manažer", "rozhoduje (výkonný ředitel, CEO, ředitel)"),
        ("Vezető", "döntéshozó (ügyvezető, vezérigazgató, igazgató)"),
    ),
    "marketing": _texts(
        ("Marketing", "pracownik odpowiedzialny za działania marketingowe i zarządzanie kampaniami"),
        ("Marketing", "responsible for marketing and campaigns"),
        ("Marketing", "odpovídá za marketing a řízení kampaní"),
        ("Marketing", "a marketingért és a kampányokért felel"),
    ),
    "rma": _texts(
        ("RMA", "pracownik odpowiedzialny za reklamacje i zwroty"),
        ("RMA", "responsible for complaints and returns"),
        ("RMA", "odpovídá za reklamace a vrácení zboží"),
        ("RMA", "a reklamációkért és a visszárukért felel"),
    ),
    "sales": _texts(
        ("Sprzedaż", "pracownik odpowiedzialny za sprzedaż, portfolio produktów i ceny"),
        ("Sales", "responsible for sales, the product range and prices"),
        ("Prodej", "odpovídá za prodej, sortiment a ceny"),
        ("Értékesítés", "az értékesítésért, a termékkínálatért és az árakért felel"),
    ),
    "tech": _texts(
        ("Tech", "osoba odpowiedzialna za wdrożenie i wsparcie techniczne"),
        ("Tech", "responsible for implementation and technical support"),
        ("Tech", "odpovídá za implementaci a technickou podporu"),
        ("Technika", "a bevezetésért és a műszaki támogatásért felel"),
    ),
    "user": _texts(
        ("Użytkownik", "administrator portalu produktowego i zamówień"),
        ("User", "administrator of the product and order portal"),
        ("Uživatel", "správce portálu produktů a objednávek"),
        ("Felhasználó", "a termék- és rendelésportál adminisztrátora"),
    ),
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
