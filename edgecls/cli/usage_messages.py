"""The messages for wrong options and arguments."""

from typing import Any

_MESSAGES = {
    "less_than": "is not less than {lt}",
    "less_than_equal": "is greater than {le}",
    "greater_than": "is not greater than {gt}",
    "greater_than_equal": "is less than {ge}",
    "int_parsing": "is not a whole number",
    "int_from_float": "is not a whole number",
    "float_parsing": "is not a number",
}
"""Type of a pydantic error, which Typer raises since 0.29 -> the message about the value."""


def usage_message(error: Any) -> str:
    """Return the message of an error that Typer raised, in one line; empty if the command line was empty.

    It ends with the command whose help lists the arguments and options.
    """
    message = error.format_message()
    if not message:
        return ""
    details = getattr(error.__cause__, "errors", None)
    if details is not None:
        detail = details()[0]
        reason = _MESSAGES.get(detail["type"])
        own = f"{detail['input']!r} {reason.format(**detail.get('ctx', {}))}" if reason else detail["msg"]
        message = message.replace(detail["msg"], own.removeprefix("Value error, "))
    command = error.ctx.command_path if error.ctx else "edgecls"
    return f"{message.rstrip('.')} (see {command} --help)"
