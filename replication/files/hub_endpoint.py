"""Where the Hugging Face hub is looked for (`HF_ENDPOINT`), and what is wrong with that address."""

import re
from collections.abc import Iterator

from replication.files.errors import StudyError, shown

OFFICIAL = "https://huggingface.co"


def require_sound_endpoint() -> None:
    """`StudyError` where HF_ENDPOINT is not an address that can be asked."""
    from huggingface_hub import constants

    if not re.fullmatch(r"https?://[\w.-]+(:\d+)?(/[\w./-]*)?", constants.ENDPOINT):
        raise StudyError(
            f"HF_ENDPOINT: {shown(constants.ENDPOINT)} is not an address; expected one such as "
            f"{OFFICIAL}: unset it, or set it to the whole address of a mirror"
        )


def endpoint_problem(error: BaseException) -> str | None:
    """What an error of the hub's client says of the address, in words with a remedy; else None.

    A mirror that hides which commit it serves, or is no hub at all, looks to the client as if the
    network were down.
    """
    from huggingface_hub import constants, errors

    endpoint = constants.ENDPOINT
    kinds = [type(e).__name__ for e in _chain(error)]
    if any(isinstance(e, errors.FileMetadataError) for e in _chain(error)):
        cause = "does not say which commit it serves (no header X-Repo-Commit)"
    elif "JSONDecodeError" in kinds:
        cause = "answers with something else than a hub does"
    elif endpoint != OFFICIAL and any(_is_of_network(kind) for kind in kinds):
        return (
            f"HF_ENDPOINT is {endpoint}, which could not be reached: check that address and the "
            "network, or unset it"
        )
    else:
        return None
    if endpoint == OFFICIAL:
        return f"what answers for {endpoint} {cause}: a proxy between may change its answers"
    return (
        f"HF_ENDPOINT is {endpoint}, which {cause}: unset HF_ENDPOINT, or set it to a mirror that "
        "passes on the hub's own answers"
    )


def _is_of_network(kind: str) -> bool:
    return "Connect" in kind or "Timeout" in kind or kind in ("gaierror", "UnsupportedProtocol")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and those that it came of."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
