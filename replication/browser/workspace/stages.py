"""Every stage's state: dvc.lock and params.yaml beside the files that are there.

DVC is neither called nor imported, and no lock is taken: a page stays usable during a `dvc repro`,
and works where DVC is not installed.
"""

import functools
import hashlib
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from replication.browser.workspace.digests import Digest, Disk, folders_above
from replication.browser.workspace.leaves import MISSING, change, leaves
from replication.browser.workspace.pipeline import Definition, read_mapping, read_pipeline, select
from replication.browser.workspace.recorded import LOCK, Entry, read_entries, read_writing
from replication.browser.workspace.settings import SETTINGS, Settings, read_settings
from replication.files.errors import StudyError
from replication.study import paths

CODE = "code-"  # such a stage digests rooms for others: what changed there has changed for them
CURRENT, NOT_RUN, RUNNING, STALE = "current", "not run", "running", "stale"
Judgement = tuple[str, str | None]  # state and reason
_SOURCE = paths.SOURCE.as_posix()


@dataclass(frozen=True)
class Stage:
    """A stage under DVC's name for it.

    state    "current", "not run", "running" or "stale"
    reason   one line; None of a current stage
    command  what brings it up to date
    """

    name: str
    state: str
    reason: str | None
    command: str


@dataclass(frozen=True)
class Stages:
    """All stages in the order of `dvc stage list`.

    problem      the file that cannot be read or is not as expected, and what to do; one line
    lock_digest  first 12 hexadecimal digits of dvc.lock's SHA-256; None: there is no such file
    """

    stages: tuple[Stage, ...]
    problem: str | None
    lock_digest: str | None

    @functools.cached_property
    def by_name(self) -> Mapping[str, Stage]:
        return {stage.name: stage for stage in self.stages}


def read_stages() -> Stages:
    """The stages of the working directory. Nothing that a file holds makes it raise."""
    entries, problem = read_entries()
    try:
        definitions = read_pipeline()
    except StudyError as error:
        told = f"{error}; only stages that {LOCK} records are listed"
        problem = f"{problem} · {told}" if problem else told
        definitions = tuple(
            Definition(
                name, entry.command, tuple(entry.deps), tuple(entry.params), tuple(entry.outs)
            )
            for name, entry in (entries or {}).items()
        )
    problem = " ".join(problem.split()) if problem else None
    return Stages(_judge(definitions, entries), problem, _lock_digest())


def _lock_digest() -> str | None:
    try:
        return hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    except OSError:
        return None


# ---------------------------------------------------------------- states


def _judge(
    definitions: tuple[Definition, ...], entries: Mapping[str, Entry] | None
) -> tuple[Stage, ...]:
    """The state of each stage; entries as `read_entries` has them."""
    asked = {definition.name for definition in definitions}
    outs = {
        path: digest
        for name, entry in (entries or {}).items()
        if name in asked
        for path, digest in entry.outs.items()
    }
    disk = Disk(outs)
    writing = read_writing()
    try:
        params = read_mapping(paths.PARAMS)
    except StudyError:  # `read_stages` tells it
        params = None
    settings = read_settings(params)
    own: dict[str, Judgement] = {}
    for definition in definitions:
        name = definition.name
        writer = next((writing[out] for out in definition.outs if out in writing), None)
        if writer:
            own[name] = RUNNING, writer
        elif entries is None:
            own[name] = STALE, f"{LOCK} cannot be read"
        elif name not in entries:
            own[name] = NOT_RUN, f"{LOCK} records no run of it"
        else:
            changes = list(_changes(definition, entries[name], params, settings, disk, outs))
            own[name] = (STALE, _summary(changes)) if changes else (CURRENT, None)
    return _follow(definitions, own)


def _changes(
    definition: Definition,
    entry: Entry,
    params: Mapping | None,
    settings: Settings,
    disk: Disk,
    outs: Mapping[str, Digest],
) -> Iterator[str]:
    """What differs from the recorded run, as `dvc status` would find it: one line each."""
    if entry.damage:
        yield entry.damage
        return
    if definition.command != entry.command:
        yield "its command in dvc.yaml has changed"
    if params is None and definition.params and not any(map(settings.holds, definition.deps)):
        yield f"{paths.PARAMS} cannot be read"
    if params is not None:
        for key in definition.params:
            yield from _param_changes(key, params, entry.params)
    for path in definition.deps:
        recorded = entry.deps.get(path)
        lies = _linked(params) if path == _SOURCE else path
        found = settings.digest(path) if settings.holds(path) else disk.digest(lies)
        if recorded is None:
            yield f"{path} is a new dependency"
        elif settings.holds(path):
            if found is None or not found.agrees(recorded):
                yield from settings.changes(path, recorded, definition.outs)
        elif found is None:
            if not disk.is_made_again(path):
                yield f"{path} is missing"
        # Its producer may have made another since, of the same size and not to be told from it.
        elif not found.agrees(recorded) or outs.get(path, recorded).md5 != recorded.md5:
            yield f"{path} has changed since"
    for path in definition.outs:
        recorded, found = entry.outs.get(path), disk.digest(path)
        if recorded is None:
            yield f"{path} is a new output"
        elif found is None:
            yield f"{path} is missing"
        elif not found.agrees(recorded):
            yield f"output {path} differs from the one recorded"


def _linked(params: Mapping | None) -> str:
    """Where stage `check` would link to now: in a clone it has not been run."""
    try:
        return str(paths.given((params or {})["data"]["path"]))
    except (KeyError, TypeError, ValueError):
        return _SOURCE


def _param_changes(key: str, params: Mapping, recorded: Mapping) -> Iterator[str]:
    try:
        now = select(params, key)
    except KeyError:
        now = MISSING
    try:
        for inner, was, now_there in leaves(key, recorded.get(key, MISSING), now):
            yield f"{paths.PARAMS}: {inner} {change(was, now_there)}"
    except RecursionError:
        yield f"{paths.PARAMS}: {key} is nested too deep to compare"


def _summary(reasons: list[str]) -> str:
    """The first, in one line, and how many there are beside it."""
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return " ".join(reasons[0].split()) + more


# ---------------------------------------------------------------- upstream


def _follow(definitions: tuple[Definition, ...], own: Mapping[str, Judgement]) -> tuple[Stage, ...]:
    """A stage is stale as well where one that it needs is not current; say which."""
    upstream = _upstream(definitions)
    judged: dict[str, Judgement] = {}

    def judge(name: str) -> Judgement:
        if name not in judged:
            judged[name] = own[name]  # ends a cycle, should dvc.yaml hold one
            if own[name][0] == CURRENT:
                states = ((other, *judge(other)) for other in upstream[name])
                late = [
                    str(reason)
                    if other.startswith(CODE)
                    else f"waits for {other}, which is {state}"
                    for other, state, reason in states
                    if state != CURRENT
                ]
                if late:
                    judged[name] = STALE, _summary(late)
        return judged[name]

    return tuple(
        Stage(d.name, *judge(d.name), f"dvc repro {shlex.quote(d.name)}") for d in definitions
    )


@functools.lru_cache(maxsize=4)
def _upstream(definitions: tuple[Definition, ...]) -> dict[str, list[str]]:
    """Of each stage those that write what it depends on: the path itself, or below or above it."""
    makers: dict[str, list[str]] = {}  # of a path, or of something below it
    outs: dict[str, str] = {}
    for definition in definitions:
        for out in definition.outs:
            outs[out] = definition.name
            for path in (out, *folders_above(out)):
                makers.setdefault(path, []).append(definition.name)
    found = {}
    for definition in definitions:
        names = [
            name
            for dep in definition.deps
            # They follow from params.yaml, beside which they are judged: nothing waits for them.
            if not dep.startswith(SETTINGS) and dep != _SOURCE
            for name in (
                *makers.get(dep, ()),
                *(outs[above] for above in folders_above(dep) if above in outs),
            )
        ]
        found[definition.name] = [n for n in dict.fromkeys(names) if n != definition.name]
    return found
