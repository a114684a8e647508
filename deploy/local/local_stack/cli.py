"""The commands: tools, up, run, clean."""

import argparse
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from local_stack import services
from local_stack.places import ROOT, STATE
from local_stack.processes import Process, end_all, listens, wait_ready
from local_stack.stack import PARTS, Ports, Stack
from local_stack.steps import Trouble, complain
from local_stack.tools import install_all, install_python

PORT_VARIABLES = {
    "KAFKA_PORT": 19092,
    "KAFKA_CONTROLLER_PORT": 19093,
    "MONGO_PORT": 27117,
    "SMTP_PORT": 1025,
    "INBOX_PORT": 1080,
    "ZIPKIN_PORT": 9411,
}


def main(arguments: Sequence[str]) -> int:
    """Run a command; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        return int(chosen.do(chosen) or 0)
    except Trouble as trouble:
        return complain(trouble)
    except KeyboardInterrupt:
        print("\nended", flush=True)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 deploy/local", description=__doc__)
    commands = parser.add_subparsers(required=True)
    tools = commands.add_parser("tools", help="install what is missing")
    tools.add_argument("--python-only", action="store_true", help="only what the services and their tests run on")
    tools.set_defaults(do=_tools)
    up = commands.add_parser("up", help="start the stack and the services, until Ctrl-C")
    up.add_argument("--stack-only", action="store_true", help="without the services")
    up.set_defaults(do=_up)
    run = commands.add_parser("run", help="the same, and a command with the addresses in its environment")
    run.add_argument("--once", action="store_true", help="end with the command, and with its exit code")
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="-- command")
    run.set_defaults(do=_run)
    commands.add_parser("clean", help="forget all data").set_defaults(do=_clean)
    return parser


def _tools(chosen: argparse.Namespace) -> None:
    if chosen.python_only:
        install_python()
    else:
        install_all()


def _up(chosen: argparse.Namespace) -> None:
    with _platform(with_services=not chosen.stack_only) as (stack, processes):
        addresses = services.story_environment(stack)
        for name in sorted(addresses):
            if "PASSWORD" not in name:
                print(f"{name:<18} {addresses[name]}")
        print(f"{'STAFF_PASSWORD':<18} in {STATE / 'secrets.json'}\nCtrl-C ends everything.", flush=True)
        _watch(processes)


def _run(chosen: argparse.Namespace) -> int:
    command = [part for part in chosen.command if part != "--"]
    with _platform(with_services=True) as (stack, processes):
        environment = {**os.environ, **services.story_environment(stack)}
        code = subprocess.run(command, env=environment, cwd=ROOT).returncode
        if not chosen.once:
            print("\nEverything stays up. Ctrl-C ends it.", flush=True)
            _watch(processes)
        return code


def _clean(_: argparse.Namespace) -> None:
    shutil.rmtree(STATE, ignore_errors=True)
    print(f"{STATE} is forgotten")


@contextmanager
def _platform(with_services: bool) -> Generator[tuple[Stack, list[Process]]]:
    """The running stack with this checkout's data, and the services on it."""
    tools = install_all()
    numbers = {name: int(os.environ.get(name, default)) for name, default in PORT_VARIABLES.items()}
    own = {f"{name.upper()}_PORT": port for name, port in services.ports().items()} if with_services else {}
    _refuse_taken({**numbers, **own})
    with Stack.start(STATE, PARTS, Ports(*numbers.values()), tools) as stack:
        print("✓ kafka, mongodb, mail inbox, trace page are up", flush=True)
        processes: list[Process] = []
        try:
            if with_services:
                services.prepare(stack)
                processes = services.processes(stack, STATE / "log")
                for process in processes:
                    process.start()
                wait_ready(processes)
                print(f"✓ {', '.join(process.name for process in processes)} are up", flush=True)
            yield stack, [*stack.parts.values(), *processes]
        finally:
            end_all(processes)


def _refuse_taken(numbers: dict[str, int]) -> None:
    for variable, port in numbers.items():
        if listens(port)():
            raise Trouble(f"port {port} is in use: end what listens there, or choose another with {variable}=...")


def _watch(processes: Sequence[Process]) -> None:
    """Stay until Ctrl-C. Raises Trouble when a process ends by itself."""
    nothing = threading.Event()
    while not nothing.wait(1):
        for process in processes:
            process.check()


def _as_interrupt(*_: object) -> None:
    raise KeyboardInterrupt
