"""The little English morphology that the article patterns need."""

_PLURALS = {
    "child": "children",
    "moose": "moose",
    "person": "people",
    "quiz": "quizzes",
    "series": "series",
    "wife": "wives",
}
_SIBILANTS = ("s", "x", "z", "ch", "sh")
# Letters whose name begins with a vowel: "an SUV", "an NFL draft".
_VOWEL_NAMED = "AEFHILMNORSX"
_SMALL_WORDS = frozenset(
    ("a", "an", "and", "as", "at", "before", "but", "by", "for", "from", "in", "into", "of", "on")
) | {"or", "over", "per", "that", "the", "to", "vs.", "with"}


def plural(noun: str) -> str:
    """Plural of a noun phrase; its head is the last word, or the one before "of", "in" or "to"."""
    for link in (" of ", " in ", "-in", " to "):
        head, found, rest = noun.partition(link)
        if found:
            return plural(head) + found + rest
    for ending, irregular in _PLURALS.items():
        if noun.endswith(ending):
            return noun.removesuffix(ending) + irregular
    if noun.endswith("man") and not noun.endswith(("German", "human")):
        return noun.removesuffix("man") + "men"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(_SIBILANTS) else "s")


def is_plural(noun: str) -> bool:
    """True where "are" follows the noun phrase, judged by its ending."""
    return noun.endswith("s") and not noun.endswith(("ss", "ics", "us", "is"))


def third_person(verb_phrase: str) -> str:
    """ "carry the bag" -> "carries the bag"."""
    verb, space, rest = verb_phrase.partition(" ")
    if verb.endswith("y") and verb[-2] not in "aeiou":
        verb = verb[:-1] + "ies"
    else:
        verb += "es" if verb.endswith((*_SIBILANTS, "o")) else "s"
    return verb + space + rest


def with_article(noun: str) -> str:
    """Put "a" or "an" before a noun phrase."""
    first = noun.split(maxsplit=1)[0].split("-")[0]
    if len(first) > 1 and first.isalpha() and first.isupper():
        vowel = first[0] in _VOWEL_NAMED
    elif first.lower().startswith(("uni", "use", "eur", "one")):
        vowel = False
    else:
        vowel = first[0].lower() in "aeiou" or first.lower().startswith(("hour", "hono", "heir"))
    return ("an " if vowel else "a ") + noun


def capitalized(text: str) -> str:
    """Upper-case the first letter and leave the rest alone; quotation marks are skipped."""
    for i, letter in enumerate(text):
        if letter.isalpha() or letter.isdigit():
            return text[:i] + letter.upper() + text[i + 1 :]
    return text


def headline_case(text: str) -> str:
    """Capitalize every word but the small ones; the length does not change."""
    words = text.split(" ")
    return " ".join(
        word if i and word in _SMALL_WORDS else capitalized(word) for i, word in enumerate(words)
    )
