"""How the nine roles are called (A2, A6)."""

from common.events import Language, Role


def _names(pl: str, en: str, cs: str, hu: str) -> dict[Language, str]:
    return {"pl": pl, "en": en, "cs": cs, "hu": hu}


ROLE_NAMES: dict[Role, dict[Language, str]] = {
    "call_centre": _names("Centrum telefoniczne", "Call centre", "Call centrum", "Telefonos ügyfélszolgálat"),
    "finance": _names("Finanse", "Finance", "Finance", "Pénzügy"),
    "logistics": _names("Logistyka", "Logistics", "Logistika", "Logisztika"),
    "manager": _names("Menedżer", "Manager", "Manažer", "Vezető"),
    "marketing": _names("Marketing", "Marketing", "Marketing", "Marketing"),
    "rma": _names("RMA", "RMA", "RMA", "RMA"),
    "sales": _names("Sprzedaż", "Sales", "Prodej", "Értékesítés"),
    "tech": _names("Tech", "Tech", "Tech", "Technika"),
    "user": _names("Użytkownik", "User", "Uživatel", "Felhasználó"),
}
