"""Internet addresses as they are written."""

from ipaddress import IPv4Address, IPv6Address, ip_address


def parsed(text: str) -> IPv4Address | IPv6Address | None:
    """The address; None for what is none. An IPv4 one that a dual-stack socket or proxy wrote as IPv6
    (`::ffff:192.0.2.1`) is that address: else all of them were of one network."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
