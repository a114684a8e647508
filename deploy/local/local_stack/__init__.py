"""Kafka, MongoDB, a mail inbox and a trace page on this machine, without containers and without root.

Standard library only: it runs on the system's Python before anything is installed.
"""

from local_stack.stack import Stack

__all__ = ["Stack"]
