"""The two pages that the reader of a mail sees, in the language that the kind is told to the partner in."""

from notifications import words
from notifications.kinds.templates import compile_template, render
from notifications.unsubscribing.handlers import Meant

_MOST = 10_000
_PAGE = """<!doctype html>
<html lang="{{ language }}">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<title>{{ title }}</title>
<style>body{font:16px/1.5 Arial,Helvetica,sans-serif;color:#222;max-width:36em;margin:3em auto;padding:0 1em}</style>
</head>
<body>
<h1>{{ title }}</h1>
<p>{{ said }}</p>
{% if button %}<form method="post"><button name="List-Unsubscribe" value="One-Click">{{ button }}</button></form>
{% endif %}</body>
</html>
"""


def question(meant: Meant) -> str:
    """Asks whether to unsubscribe; its button does it."""
    return _page(meant, "question", with_button=True)


def confirmation(meant: Meant) -> str:
    """Says that it was done."""
    return _page(meant, "done", with_button=False)


def _page(meant: Meant, said: str, *, with_button: bool) -> str:
    language = meant.kind.language_for({}, meant.partner.language)
    own = words.unsubscribing(language)
    values = {
        "kind": meant.kind.name_in(language),
        "partner": meant.partner.name,
        "address": meant.subscription.address,
    }
    shown = {
        "language": language,
        "title": own["title"],
        "said": render(compile_template(own[said]), values, _MOST),
        "button": own["button"] if with_button else "",
    }
    return render(compile_template(_PAGE, markup=True), shown, _MOST)
