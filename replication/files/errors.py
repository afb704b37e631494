"""The one exception that is meant for the person at the terminal, and what its message shows."""

import sys
from typing import Any


class StudyError(Exception):
    """Something the user can mend: a bad parameter, a malformed file, a missing input.

    The message is one line. It names the file, line, field, key or stage, says what was expected,
    and what to do. ``python -m replication`` prints it without a traceback and exits with status 1.
    """


def shown(value: Any, longest: int = 60) -> str:
    """A value as an error shows it: on one line, at most `longest` characters."""
    try:
        text = repr(value)
    except ValueError:  # a whole number of thousands of digits
        text = "a number of thousands of digits"
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def one_line(message: str) -> str:
    """A message with line ends and control characters, which files may bring in, as escapes."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)


def warn(message: str) -> None:
    """Tell the person at the terminal, in one line, what does not stop the study."""
    print(f"warning: {one_line(message)}", file=sys.stderr, flush=True)
