"""Convert times to and from the text that the database stores."""

from datetime import datetime, timezone


def format_timestamp(time: datetime) -> str:
    """Format `time` as the database stores it: UTC with milliseconds, such as `2026-11-24T12:00:00.000Z`.

    A time without an offset is taken as local time.
    """
    return time.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_timestamp(text: str) -> datetime:
    """Parse a time of the database into an aware datetime in UTC. Raises ValueError for any other text."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))  # Python accepts the Z from 3.11 on
