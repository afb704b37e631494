"""Pickers that a link sets and that set it: people read names, links hold identifiers."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar, overload

import streamlit as st

from replication.browser.words import plain

Option = TypeVar("Option", bound=str)
Named = Callable[[str], str]  # an identifier -> what people read
Width = int | Literal["stretch"]  # pixels, or all that there is


@overload
def pick(
    label: str,
    options: Sequence[Option],
    key: str,
    default: Option,
    width: Width = ...,
    named: Named = ...,
) -> Option: ...
@overload
def pick(
    label: str,
    options: Sequence[Option],
    key: str,
    default: Option | None = None,
    width: Width = ...,
    named: Named = ...,
) -> Option | None: ...
def pick(
    label: str,
    options: Sequence[Option],
    key: str,
    default: Option | None = None,
    width: Width = "stretch",
    named: Named = str,
) -> Option | None:
    """A picker that the link's `?key=` sets and that sets it; `default` stands for no choice.

    named  what is shown of an option. Streamlit's own binding would put that into the link.
    A link that names what there is not is told as such, and read as no choice.
    """
    told(key, label, options)
    given = _given(key, options)
    st.session_state[key] = given[-1] if given else None
    shown = distinct_names(options, named)
    chosen = st.selectbox(
        label,
        options,
        index=None,
        key=key,
        format_func=lambda option: shown[option],
        placeholder="choose one" if default is None else shown.get(default, named(default)),
        width=width,
        on_change=_to_link,
        args=(key,),
    )
    return default if chosen is None else chosen


def pick_some(
    label: str,
    options: Sequence[Option],
    key: str,
    width: Width = "stretch",
    named: Named = str,
) -> list[Option]:
    """As `pick`, of several; nothing chosen stands for all."""
    told(key, label, options)
    st.session_state[key] = _given(key, options)
    shown = distinct_names(options, named)
    return st.multiselect(
        label,
        options,
        key=key,
        format_func=lambda option: shown[option],
        placeholder="all",
        width=width,
        on_change=_to_link,
        args=(key,),
    )


def set_link(key: str, chosen: str | Sequence[str] | None) -> None:
    """Make the link name a choice, or none."""
    if chosen:
        st.query_params[key] = chosen
    else:
        st.query_params.pop(key, None)


def distinct_names(options: Sequence[str], named: Named) -> dict[str, str]:
    """What is shown of each option; where two would read alike, with the option behind it, for
    Streamlit tells options apart by what it shows."""
    names = {option: named(option) for option in options}
    often = Counter(names.values())
    return {o: name if often[name] == 1 else f"{name} ({o})" for o, name in names.items()}


def told(key: str, label: str, options: Sequence[str]) -> None:
    """Say so where the link gives `key` a value that is none of `options`."""
    given = st.query_params.get_all(key)
    if strange := [value for value in given if value not in options]:
        known = ", ".join(options[:12]) + (", ..." if len(options) > 12 else "")
        st.warning(
            plain(f"The link asks for {label.lower()} {strange[0]}, which is not here. Known: ")
            + plain(known or "none"),
            icon=":material/link_off:",
        )


def _given(key: str, options: Sequence[Option]) -> list[Option]:
    """The options that the link names."""
    wanted = st.query_params.get_all(key)
    return [option for value in wanted for option in options if option == value]


def _to_link(key: str) -> None:
    set_link(key, st.session_state[key])
