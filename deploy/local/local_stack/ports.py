"""Where everything listens on the loopback; each port has an environment variable of its name."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from local_stack.places import SERVICES as NAMES
from local_stack.processes import listens
from local_stack.steps import Trouble

STACK = {
    "KAFKA_PORT": 19092,
    "KAFKA_CONTROLLER_PORT": 19093,
    "MONGO_PORT": 27117,
    "SMTP_PORT": 1025,
    "INBOX_PORT": 1080,
    "ZIPKIN_PORT": 9411,
}
SERVICES = {f"{name.upper()}_PORT": port for port, name in enumerate(NAMES, 8001)}
PORTS_OF = {
    "kafka": ("KAFKA_PORT", "KAFKA_CONTROLLER_PORT"),
    "mongo": ("MONGO_PORT",),
    "mail": ("SMTP_PORT", "INBOX_PORT"),
    "traces": ("ZIPKIN_PORT",),
}
"""Part of the stack -> the variables of its ports."""


@dataclass(frozen=True)
class Ports:
    """The ports of one stack and of the services on it."""

    numbers: Mapping[str, int]
    """Variable -> port."""

    @classmethod
    def chosen(cls) -> Self:
        """Those of the environment, or the defaults. Raises Trouble."""
        return cls({name: _chosen(name, default) for name, default in (STACK | SERVICES).items()})

    @classmethod
    def counted_from(cls, first: int) -> Self:
        """`first` and those after it, so that a second platform runs beside the first."""
        return cls({name: first + index for index, name in enumerate(STACK | SERVICES)})

    @classmethod
    def free(cls) -> Self:
        """Ports that nobody uses now."""
        names = [*STACK, *SERVICES]
        probes = [socket.socket() for _ in names]
        try:
            for probe in probes:
                probe.bind(("127.0.0.1", 0))
            return cls({name: int(probe.getsockname()[1]) for name, probe in zip(names, probes, strict=True)})
        finally:
            for probe in probes:
                probe.close()

    def __getitem__(self, variable: str) -> int:
        return self.numbers[variable]

    def services(self) -> dict[str, int]:
        """Service name -> port."""
        return {name: self.numbers[variable] for name, variable in zip(NAMES, SERVICES, strict=True)}

    def refuse_taken(self, variables: list[str]) -> None:
        """Raises Trouble when somebody listens on one of them."""
        for variable in variables:
            if listens(self.numbers[variable])():
                raise Trouble(
                    f"port {self.numbers[variable]} is in use: end what listens there, "
                    f"or choose another: {variable}=<port> make ..."
                )


def _chosen(variable: str, default: int) -> int:
    said = os.environ.get(variable, str(default))
    if not said.isdigit() or not 0 < int(said) < 65536:
        raise Trouble(f"{variable}={said} is not a port: give a number from 1 to 65535")
    return int(said)
