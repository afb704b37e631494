"""The secret by which the Hugging Face hub knows somebody: sent there, and never shown."""

import re

from replication.files.errors import StudyError


def require_sound_token() -> None:
    """`StudyError` where the token of the hub's client cannot be one; it is not repeated.

    The client would try to send it, and quote it in its error and in its log.
    """
    from huggingface_hub import get_token

    if not re.fullmatch("[!-~]*", get_token() or ""):
        raise StudyError(
            "HF_TOKEN, or the token that the hub's login saved: holds spaces or characters beyond "
            "ASCII; expected a token as the hub's page of access tokens shows it, such as hf_..."
        )
