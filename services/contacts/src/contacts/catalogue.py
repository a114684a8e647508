"""The nine roles, with their names and descriptions for people (A2)."""

from dataclasses import dataclass

from common.events import Language, Role


@dataclass(frozen=True, slots=True)
class RoleText:
    """How a role is shown in one language."""

    name: str
    description: str


def _texts(
    pl: tuple[str, str], en: tuple[str, str], cs: tuple[str, str], hu: tuple[str, str]
) -> dict[Language, RoleText]:
    return {"pl": RoleText(*pl), "en": RoleText(*en), "cs": RoleText(*cs), "hu": RoleText(*hu)}


ROLES: dict[Role, dict[Language, RoleText]] = {
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
