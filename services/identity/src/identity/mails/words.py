"""What mails about an account say. Subjects are fixed words: nothing that anybody chose stands in a header."""

from common.events import Content, Language
from identity.mails.domain import LetterKind

_LINKS: dict[Language, dict[LetterKind, tuple[str, str]]] = {
    "pl": {
        LetterKind.INVITATION: (
            "Zaproszenie do Switchboard",
            "firma „{company}” założyła Ci konto. Aby z niego korzystać, ustaw hasło:",
        ),
        LetterKind.PASSWORD_RESET: (
            "Nowe hasło do Switchboard",
            "ktoś, zapewne Ty, poprosił o nowe hasło do tego konta. Ustawisz je tutaj:",
        ),
        LetterKind.EMAIL: (
            "Potwierdź adres e-mail",
            "ten adres ma służyć do logowania się na konto w firmie „{company}”. Potwierdź, że jest Twój:",
        ),
    },
    "en": {
        LetterKind.INVITATION: (
            "Your invitation to Switchboard",
            "“{company}” made an account for you. To use it, set a password:",
        ),
        LetterKind.PASSWORD_RESET: (
            "A new password for Switchboard",
            "somebody, probably you, asked for a new password for this account. Set it here:",
        ),
        LetterKind.EMAIL: (
            "Confirm your e-mail address",
            "this address is to be used to sign in to an account of “{company}”. Confirm that it is yours:",
        ),
    },
    "cs": {
        LetterKind.INVITATION: (
            "Pozvánka do Switchboard",
            "firma „{company}“ vám založila účet. Abyste jej mohli používat, nastavte si heslo:",
        ),
        LetterKind.PASSWORD_RESET: (
            "Nové heslo do Switchboard",
            "někdo, patrně vy, požádal o nové heslo k tomuto účtu. Nastavíte je zde:",
        ),
        LetterKind.EMAIL: (
            "Potvrďte e-mailovou adresu",
            "tato adresa má sloužit k přihlášení k účtu ve firmě „{company}“. Potvrďte, že je vaše:",
        ),
    },
    "hu": {
        LetterKind.INVITATION: (
            "Meghívó a Switchboardba",
            "a(z) „{company}” fiókot hozott létre Önnek. A használatához állítson be jelszót:",
        ),
        LetterKind.PASSWORD_RESET: (
            "Új jelszó a Switchboardhoz",
            "valaki, valószínűleg Ön, új jelszót kért ehhez a fiókhoz. Itt állíthatja be:",
        ),
        LetterKind.EMAIL: (
            "Erősítse meg az e-mail-címét",
            "ezzel a címmel lehet majd bejelentkezni egy fiókba a(z) „{company}” cégnél. Erősítse meg, hogy az Öné:",
        ),
    },
}
_AROUND_LINKS: dict[Language, str] = {
    "pl": """Dzień dobry,

{about}

{link}

Link działa raz, do {until} UTC. Jeśli to nie Ty, nic nie rób: bez tego linku nic się nie zmieni.
""",
    "en": """Hello,

{about}

{link}

The link works once, until {until} UTC. If this was not you, do nothing: without the link nothing changes.
""",
    "cs": """Dobrý den,

{about}

{link}

Odkaz funguje jednou, do {until} UTC. Pokud jste to nebyli vy, nic nedělejte: bez odkazu se nic nezmění.
""",
    "hu": """Jó napot!

{about}

{link}

A hivatkozás egyszer használható, {until} UTC-ig. Ha nem Ön volt, ne tegyen semmit: nélküle nem változik semmi.
""",
}
_HAPPENED: dict[Language, dict[LetterKind, str]] = {
    "pl": {
        LetterKind.PASSWORD_CHANGED: "Ustawiono nowe hasło.",
        LetterKind.EMAIL_CHANGED: "Do logowania służy teraz inny adres e-mail; ten już nie.",
        LetterKind.SECOND_FACTOR_ON: "Logowanie wymaga teraz kodu z aplikacji.",
        LetterKind.SECOND_FACTOR_OFF: "Logowanie nie wymaga już kodu z aplikacji.",
        LetterKind.RECOVERY_CODES: "Utworzono nowe kody zapasowe; poprzednie nie działają.",
        LetterKind.PASSKEY_ADDED: "Dodano klucz dostępu.",
        LetterKind.PASSKEY_REMOVED: "Usunięto klucz dostępu.",
    },
    "en": {
        LetterKind.PASSWORD_CHANGED: "A new password was set.",
        LetterKind.EMAIL_CHANGED: "Another e-mail address is used to sign in now; this one is not any more.",
        LetterKind.SECOND_FACTOR_ON: "Signing in needs a code from an app now.",
        LetterKind.SECOND_FACTOR_OFF: "Signing in does not need a code from an app any more.",
        LetterKind.RECOVERY_CODES: "New recovery codes were made; the earlier ones do not work any more.",
        LetterKind.PASSKEY_ADDED: "A passkey was added.",
        LetterKind.PASSKEY_REMOVED: "A passkey was removed.",
    },
    "cs": {
        LetterKind.PASSWORD_CHANGED: "Bylo nastaveno nové heslo.",
        LetterKind.EMAIL_CHANGED: "K přihlášení nyní slouží jiná e-mailová adresa; tato už ne.",
        LetterKind.SECOND_FACTOR_ON: "Přihlášení nyní vyžaduje kód z aplikace.",
        LetterKind.SECOND_FACTOR_OFF: "Přihlášení už nevyžaduje kód z aplikace.",
        LetterKind.RECOVERY_CODES: "Byly vytvořeny nové záložní kódy; předchozí už neplatí.",
        LetterKind.PASSKEY_ADDED: "Byl přidán přístupový klíč.",
        LetterKind.PASSKEY_REMOVED: "Byl odebrán přístupový klíč.",
    },
    "hu": {
        LetterKind.PASSWORD_CHANGED: "Új jelszót állítottak be.",
        LetterKind.EMAIL_CHANGED: "A bejelentkezéshez mostantól másik e-mail-cím szolgál; ez már nem.",
        LetterKind.SECOND_FACTOR_ON: "A bejelentkezéshez mostantól egy alkalmazás kódja is kell.",
        LetterKind.SECOND_FACTOR_OFF: "A bejelentkezéshez már nem kell az alkalmazás kódja.",
        LetterKind.RECOVERY_CODES: "Új tartalék kódok készültek; a korábbiak már nem érvényesek.",
        LetterKind.PASSKEY_ADDED: "Hozzáadtak egy belépőkulcsot.",
        LetterKind.PASSKEY_REMOVED: "Eltávolítottak egy belépőkulcsot.",
    },
}
_AROUND_NEWS: dict[Language, tuple[str, str]] = {
    "pl": (
        "Zmiana na Twoim koncie Switchboard",
        """Dzień dobry,

na Twoim koncie w firmie „{company}” coś się zmieniło ({at} UTC). {happened}

Jeśli to nie Ty, ustaw zaraz nowe hasło i daj znać administratorowi swojej firmy.
""",
    ),
    "en": (
        "A change of your Switchboard account",
        """Hello,

something changed in your account of “{company}” ({at} UTC). {happened}

If this was not you, set a new password now, and tell the administrator of your company.
""",
    ),
    "cs": (
        "Změna na vašem účtu Switchboard",
        """Dobrý den,

na vašem účtu ve firmě „{company}“ se něco změnilo ({at} UTC). {happened}

Pokud jste to nebyli vy, nastavte si hned nové heslo a dejte vědět správci své firmy.
""",
    ),
    "hu": (
        "Változás a Switchboard-fiókjában",
        """Jó napot!

A(z) „{company}” cégnél lévő fiókjában változás történt ({at} UTC). {happened}

Ha nem Ön volt, állítson be azonnal új jelszót, és szóljon a cége adminisztrátorának.
""",
    ),
}


def with_link(language: Language, kind: LetterKind, *, company: str, link: str, until: str) -> Content:
    """A mail that somebody is to answer by following `link`."""
    subject, about = _LINKS[language][kind]
    text = _AROUND_LINKS[language].format(about=about.format(company=company), link=link, until=until)
    return Content(subject=subject, text=text)


def news(language: Language, kind: LetterKind, *, company: str, at: str) -> Content:
    """A mail about what happened."""
    subject, text = _AROUND_NEWS[language]
    return Content(subject=subject, text=text.format(company=company, at=at, happened=_HAPPENED[language][kind]))
