"""The registry of metric names: every metric of every service is declared here and nowhere else."""

from prometheus_client import Counter, Gauge, Histogram

_LATENCY = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

CONSUMED = Counter("switchboard_records_consumed_total", "Records whose effect is durable", ["topic"])
DEAD_LETTERED = Counter("switchboard_records_dead_lettered_total", "Records set aside", ["topic", "reason"])
OPEN_DEAD_LETTERS = Gauge("switchboard_open_dead_letters", "Neither replayed nor discarded", ["topic", "reason"])
LAG = Gauge("switchboard_consumer_lag_records", "Records not read yet", ["topic", "partition"])
BATCH_SIZE = Histogram("switchboard_batch_size_records", "Records handled at once", ["topic"], buckets=_SIZES)
STALLED = Gauge("switchboard_subscription_stalled", "1 while a subscription waits for a part of ours", ["topic"])
PUBLISHED = Counter("switchboard_records_published_total", "Records acknowledged by the broker", ["topic"])
DELIVERY = Histogram(
    "switchboard_delivery_seconds", "From the event to the provider's acceptance", ["channel"], buckets=_LATENCY
)
ATTEMPTS = Counter("switchboard_attempts_total", "Attempts to deliver", ["channel", "outcome"])
POSSIBLE_DUPLICATES = Counter(
    "switchboard_possible_duplicates_total", "Messages tried again after an answer was lost", ["channel"]
)
REPORTS = Counter("switchboard_reports_total", "Reports on what was sent, by what they say", ["channel", "verdict"])
BOUNCES = Counter("switchboard_bounces_total", "Messages that came back, by the reason", ["channel", "subject"])
MAILBOX_AWAY = Gauge("switchboard_mailbox_away", "1 while the mailbox that bounces come to cannot be read")
STOPPED_ACCOUNTS = Gauge("switchboard_stopped_accounts", "Sender accounts that were refused too often in a row")
QUEUE = Gauge("switchboard_queue_messages", "Messages by status and sender account", ["status", "account"])
