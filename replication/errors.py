"""The one exception that is meant for the person at the terminal."""


class StudyError(Exception):
    """Something the user can mend: a bad parameter, a malformed file, a missing input.

    The message is one line. It names the file, line, field, key or stage, says what was expected,
    and what to do. ``python -m replication`` prints it without a traceback and exits with status 1.
    """
