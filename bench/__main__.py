"""`make bench` runs every row; `make bench ONLY=outbox` one file's rows."""

import sys

import uvloop

from bench import (
    accepting,
    box,
    fairness,
    identity,
    lasting,
    latency,
    notifications,
    outbox,
    peer,
    replicas,
    revocation,
    telemetry,
)
from bench.runner import Bench, Row, keep, say

BENCHES: dict[str, Bench] = {
    "notifications": notifications.bench,
    "outbox": outbox.bench,
    "accepting": accepting.bench,
    "replicas": replicas.bench,
    "lasting": lasting.bench,
    "peer": peer.bench,
    "latency": latency.bench,
    "fairness": fairness.bench,
    "box": box.bench,
    "identity": identity.bench,
    "revocation": revocation.bench,
    "telemetry": telemetry.bench,
}


async def run(names: list[str]) -> list[Row]:
    """Run the benches called `names`, one after the other."""
    rows: list[Row] = []
    for name in names:
        for row in await BENCHES[name]():
            say(row)
            rows.append(row)
    return rows


def main() -> int:
    names = sys.argv[1:] or list(BENCHES)
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        print(f"no bench is called {', '.join(unknown)}; there are {', '.join(BENCHES)}")
        return 2
    rows = uvloop.run(run(names))
    keep(rows)
    return 1 if any(row.met is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
