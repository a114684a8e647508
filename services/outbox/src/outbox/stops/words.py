"""What the owner of a partner is told when a sender account of its is stopped (B9)."""

from common.events import Content, Language

_WORDS: dict[Language, tuple[str, str]] = {
    "pl": (
        "Konto pocztowe „{name}” zostało zatrzymane",
        """Dzień dobry,

serwer {host} kilka razy z rzędu odmówił logowania na konto nadawcy „{name}” ({from_address}). Ostatnio odpowiedział:

    {words}

Aby nie zablokował konta, nie próbujemy dalej. Nic nie przepada: wiadomości czekają, nowe także.

Co zrobić:
1. Sprawdź u dostawcy poczty nazwę użytkownika i hasło tego konta.
2. Wpisz prawidłowe hasło w ustawieniach konta nadawcy, a jeśli naprawiono je u dostawcy, przetestuj konto.

Gdy tylko konto zostanie zmienione lub test się powiedzie, wszystko, co czeka, zostanie od razu wysłane.
""",
    ),
    "en": (
        "The e-mail account “{name}” was stopped",
        """Hello,

the server {host} refused several times in a row to let us sign in to the sender account “{name}” ({from_address}). The
last time it answered:

    {words}

So that it does not lock the account, we do not try any more. Nothing is lost: your messages wait, new ones too.

What to do:
1. Check the user name and the password of this account at your mail provider.
2. Enter the right password in the settings of the sender account, or test the account if it was mended at the provider.

As soon as the account is changed, or a test works, everything that waits leaves at once.
""",
    ),
    "cs": (
        "E-mailový účet „{name}“ byl zastaven",
        """Dobrý den,

server {host} několikrát za sebou odmítl přihlášení k účtu odesílatele „{name}“ ({from_address}). Naposledy odpověděl:

    {words}

Aby účet nezablokoval, dál to nezkoušíme. Nic se neztratí: zprávy čekají, nové také.

Co udělat:
1. Ověřte u poskytovatele pošty uživatelské jméno a heslo tohoto účtu.
2. Zadejte správné heslo v nastavení účtu odesílatele, nebo účet otestujte, pokud byl opraven u poskytovatele.

Jakmile účet změníte nebo se test podaří, vše, co čeká, hned odejde.
""",
    ),
    "hu": (
        "A(z) „{name}” e-mail-fiók leállt",
        """Jó napot!

A(z) {host} kiszolgáló egymás után többször elutasította a bejelentkezést a(z) „{name}” ({from_address}) küldőfiókba.
Legutóbb ezt válaszolta:

    {words}

Hogy ne zárolja a fiókot, nem próbálkozunk tovább. Semmi sem vész el: az üzenetek várnak, az újak is.

Teendők:
1. Ellenőrizze a levelezési szolgáltatónál a fiók felhasználónevét és jelszavát.
2. Írja be a helyes jelszót a küldőfiók beállításaiban, vagy tesztelje a fiókot, ha a szolgáltatónál javították.

Amint a fiókot módosítják, vagy egy teszt sikerül, minden várakozó üzenet azonnal elindul.
""",
    ),
}


def content(language: Language, *, name: str, from_address: str, host: str, words: str) -> Content:
    """The mail in the owner's language; `words` are the provider's."""
    subject, text = _WORDS[language]
    values = {"name": name, "from_address": from_address, "host": host, "words": words}
    return Content(subject=subject.format(**values), text=text.format(**values))
