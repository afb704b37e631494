"""What types cannot say of an entry of the registry of encoders, and of names."""

import re
from pathlib import Path

from replication.files.errors import StudyError, shown
from replication.study.encoders import Digest, Digests, Encoder
from replication.study.registry import FAMILIES, SOURCES

# Of a file, and of what is part of a stage's name, where DVC takes no dot.
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
STAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def check_encoder(name: str, entry: Encoder, where: Path) -> None:
    """What an entry of the registry says of itself is possible."""
    key = f"{where}: encoders.{name}"
    least = 1 if FAMILIES[entry.family].layer else 0
    if entry.layers < least:
        raise StudyError(f"{key}.layers: {entry.layers} is not accepted; accepted: {least} or more")
    if not 0 <= entry.finetune_layers <= entry.layers:
        raise StudyError(
            f"{key}.finetune_layers: {entry.finetune_layers} is not "
            f"accepted; accepted: 0 to {entry.layers}"
        )
    SOURCES[entry.source].check(key, entry)
    family = FAMILIES[entry.family]
    if entry.prompt is not None and entry.prompt.count("{text}") != 1:
        raise StudyError(
            f"{key}.prompt: {shown(entry.prompt)} is not accepted; accepted: words around one "
            "{text}, where each text is put"
        )
    for part in ("prompt", "pooling"):
        if not family.layer and getattr(entry, part) is not None:
            raise StudyError(f"{key}.{part}: is not accepted; word vectors have none: leave it out")
    if family.positions and entry.pooling == "cls":
        raise StudyError(
            f"{key}.pooling: cls is not accepted; accepted: last, mean, for the first token of a "
            "causal model has read nothing but itself"
        )
    # An unknown revision (null) is refused where the checkpoint is wanted, not before.
    revisions = {"revision": entry.revision}
    if entry.tokenizer is not None:
        revisions["tokenizer.revision"] = entry.tokenizer.revision
    for part, revision in revisions.items():
        if revision is not None and not re.fullmatch("[0-9a-f]{40}", revision):
            raise StudyError(
                f"{key}.{part}: {shown(revision)} is not accepted; accepted: the 40 hexadecimal "
                "digits of a commit, by which a hub's files are pinned"
            )
    _check_digests(f"{key}.sha256", entry.sha256)
    if entry.tokenizer is not None:
        _check_digests(f"{key}.tokenizer.sha256", entry.tokenizer.sha256)


def _check_digests(key: str, digests: Digests) -> None:
    for file, pin in digests.items():
        check_name(key, file, _FILE, "letters, digits and . _ -")
        digest = pin.sha256 if isinstance(pin, Digest) else pin
        if digest is not None and not re.fullmatch("[0-9a-f]{64}", digest):
            raise StudyError(
                f"{key}.{file}: {shown(digest)} is not accepted; accepted: 64 hexadecimal "
                "digits in lower case"
            )


def check_name(key: str, name: str, form: re.Pattern[str], accepted: str) -> None:
    """What becomes the name of a file, folder or stage must not lead elsewhere."""
    if not form.fullmatch(name):
        raise StudyError(
            f"{key}: the name {shown(name)} is not accepted; accepted: {accepted}, a letter or "
            "digit first"
        )
