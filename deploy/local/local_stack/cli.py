"""Kafka, MongoDB, a mail inbox, a trace page and the five services on this machine, without containers."""

import argparse
import os
import shutil
import signal
from collections.abc import Sequence

from local_stack import services
from local_stack.kept import staff
from local_stack.places import ROOT, SERVICES, STATE
from local_stack.platform import Platform, own_data, passing_data
from local_stack.ports import PORTS_OF, Ports
from local_stack.processes import listens, run_in_front
from local_stack.python import install_python
from local_stack.stack import PARTS, Stack
from local_stack.steps import Trouble, complain
from local_stack.tools import install_all

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 130


def main(arguments: Sequence[str]) -> int:
    """Run a command; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    for ending in ENDINGS:
        signal.signal(ending, _end)
    try:
        return chosen.do(chosen)
    except Trouble as trouble:
        return complain(trouble)
    except KeyboardInterrupt:
        print("\nended", flush=True)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 deploy/local", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    tools = commands.add_parser("tools", help="install what is missing")
    tools.add_argument("--python-only", action="store_true", help="only what the services and their tests run on")
    tools.set_defaults(do=_tools)
    up = commands.add_parser("up", help="start the stack and the services, until Ctrl-C")
    up.add_argument("--only", type=_parts, metavar="PARTS", help=f"only these of {','.join(PARTS)}; no services")
    up.add_argument("--stack-only", action="store_true", help="without the services")
    up.add_argument("--ephemeral", action="store_true", help="with data of its own, forgotten at the end")
    up.add_argument("--ports-from", type=int, metavar="N", help="on the ports from N on instead of the usual ones")
    up.set_defaults(do=_up)
    run = commands.add_parser("run", help="the same, and a command with the addresses in its environment")
    run.add_argument("--once", action="store_true", help="end with the command, and with its exit code")
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="-- command")
    run.set_defaults(do=_run)
    env = commands.add_parser("env", help="print the addresses, or all that one service needs, as KEY=value")
    env.add_argument("service", nargs="?", choices=SERVICES)
    env.set_defaults(do=_env)
    commands.add_parser("status", help="say what runs").set_defaults(do=_status)
    commands.add_parser("clean", help="forget all data, logs and secrets").set_defaults(do=_clean)
    return parser


def _parts(said: str) -> list[str]:
    parts = said.split(",")
    if unknown := set(parts) - set(PARTS):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: choose of {', '.join(PARTS)}")
    return parts


def _tools(chosen: argparse.Namespace) -> int:
    if chosen.python_only:
        install_python()
    else:
        install_all()
    return 0


def _up(chosen: argparse.Namespace) -> int:
    ports = Ports.counted_from(chosen.ports_from) if chosen.ports_from else Ports.chosen()
    with_services = not (chosen.stack_only or chosen.only)
    data = passing_data() if chosen.ephemeral else own_data()
    with data as folder, Platform.start(folder, chosen.only or PARTS, with_services, ports) as platform:
        for name, address in services.addresses(platform.stack).items():
            print(f"{name:<18} {address}")
        if with_services:
            print(f"{'staff user':<18} {folder / 'staff.json'}")
        print(f"{'logs':<18} {folder / 'log'}\nCtrl-C ends everything.", flush=True)
        platform.watch()
    return 0


def _run(chosen: argparse.Namespace) -> int:
    command = chosen.command[1:] if chosen.command[:1] == ["--"] else chosen.command
    if not command:
        raise Trouble("nothing to run: give a command after --")
    with own_data() as folder, Platform.start(folder, PARTS, True, Ports.chosen()) as platform:
        environment = {**os.environ, **services.addresses(platform.stack), **staff(folder)}
        code = run_in_front(command, environment, ROOT)
        platform.check()
        if not chosen.once:
            print("\nEverything stays up. Ctrl-C ends it.", flush=True)
            platform.watch()
    return code


def _env(chosen: argparse.Namespace) -> int:
    stack = Stack(Ports.chosen())
    values = services.environment(stack, chosen.service, STATE) if chosen.service else services.addresses(stack)
    for name, value in sorted(values.items()):
        print(f"{name}={value}")
    return 0


def _status(_: argparse.Namespace) -> int:
    ports = Ports.chosen()
    where = {part: ports[names[0]] for part, names in PORTS_OF.items()} | ports.services()
    running = {name: listens(port)() for name, port in where.items()}
    for name, port in where.items():
        print(f"{'✓' if running[name] else '·'} {name:<14} 127.0.0.1:{port}")
    return 0 if all(running.values()) else 1


def _clean(_: argparse.Namespace) -> int:
    if STATE.exists():
        with own_data() as folder:
            shutil.rmtree(folder)
    print(f"forgotten: {STATE}")
    return 0


def _end(*_: object) -> None:
    """End in order, once: while everything ends, a second Ctrl-C must not leave half of it behind."""
    for ending in ENDINGS:
        signal.signal(ending, signal.SIG_IGN)
    raise KeyboardInterrupt
