# pyright: basic, reportMissingImports=false
"""django-post_office with mails in its queue, which it sends: run by the Python of its own environment.

For each line of standard input, that many mails are queued and sent; prints the seconds that the sending took.
"""

import os
import sys
import time

import django
from django.conf import settings
from django.core.management import call_command

PROCESSES, THREADS, BATCH = 2, 20, 500
FROM = "shop@kettle.example.com"


def configure() -> None:
    """As it is shipped, but for the threads and for a batch, which is as many as the outbox claims at once."""
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": "postgres",
                "USER": "postgres",
                "HOST": os.environ["POSTGRES_FOLDER"],
            }
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=int(os.environ["SMTP_PORT"]),
        POST_OFFICE={"THREADS_PER_PROCESS": THREADS, "BATCH_SIZE": BATCH},
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        USE_TZ=True,
    )
    django.setup()
    call_command("migrate", verbosity=0)


def send(count: int) -> float:
    """Seconds from the queue to the last mail that is SENT in the database."""
    from post_office.mail import send_many, send_queued_mail_until_done
    from post_office.models import STATUS, Email

    text, html = os.environ["TEXT"], os.environ["HTML"]
    Email.objects.all().delete()
    fields = {"sender": FROM, "message": text, "html_message": html}
    send_many([fields | {"recipients": [f"ann{i}@x.example"], "subject": f"New order A-{i}"} for i in range(count)])
    began = time.perf_counter()
    send_queued_mail_until_done(processes=PROCESSES)
    took = time.perf_counter() - began
    sent = Email.objects.filter(status=STATUS.sent).count()
    if sent != count:
        raise SystemExit(f"{sent} of {count} were sent")
    return took


def main() -> None:
    configure()
    for line in sys.stdin:
        print(send(int(line)), flush=True)


if __name__ == "__main__":
    main()
