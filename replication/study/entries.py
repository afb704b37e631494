"""What types cannot say of an entry of the registry of encoders, and of names."""

import re
from collections.abc import Mapping
from pathlib import Path

from replication.files.errors import StudyError, shown
from replication.study.encoders import Adapter, Digest, Digests, Encoder
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
    if entry.held and not family.half:
        raise StudyError(
            f"{key}.held: {shown(list(entry.held))} is not accepted; accepted of family "
            f"{entry.family}: none, for nf4 and spread are for causal models: leave it out"
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


def check_adapter(
    name: str, adapter: Adapter, encoders: Mapping[str, Encoder], where: Path
) -> None:
    """An adapter has a name of its own, over layers of a causal base that is held whole."""
    base = encoders[adapter.base]
    if not FAMILIES[base.family].by_lora or name in encoders:
        raise StudyError(f"{where}: adapters.{name}: expected a name of its own and a causal base")
    refuse_held(f"{where}: adapters.{name}.base", adapter.base, base)
    if "lm_head" in adapter.targets:  # the loss does not pass through it
        raise StudyError(
            f"{where}: adapters.{name}.targets: lm_head is not accepted; accepted: modules of "
            "the layers, such as q_proj"
        )


def refuse_held(key: str, name: str, entry: Encoder) -> None:
    """`StudyError` where something is to be trained over an entry whose weights are held otherwise
    than whole."""
    if entry.held:
        raise StudyError(
            f"{key}: {name} is not accepted, whose held: {shown(list(entry.held))} is for frozen "
            "vectors alone; accepted: an entry without it, such as a second one of the same model"
        )


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
