"""The first page in another language: English formats, and what stands for them there."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import yaml

from edgeint8.errors import ConfigError

CATALOGUES = Path(__file__).parent / "assets"
LANGUAGES = ("en", "zh")

# say("{n} bits", n=22): the text of a language, its fields filled as by str.format.
Say = Callable[..., str]


def english(text: str, **values: object) -> str:
    """The format as it stands in the code.

    >>> english("**{bits} bits**", bits=22)
    '**22 bits**'
    """
    return text.format(**values)


def speaker(language: str) -> Say:
    """What says a format in `language`, one of `LANGUAGES`.

    Raises
    ------
    ConfigError
        For another language, or a format that its catalogue does not have.
    """
    if language == "en":
        return english
    catalogue = _catalogue(language)

    def say(text: str, **values: object) -> str:
        if text not in catalogue:
            raise ConfigError(f"no words for {text!r}", where=language, allowed="its catalogue")
        return catalogue[text].format(**values)

    return say


@cache
def _catalogue(language: str) -> dict[str, str]:
    if language not in LANGUAGES:
        allowed = ", ".join(LANGUAGES)
        raise ConfigError(f"language {language}", where="report.language", allowed=allowed)
    text = (CATALOGUES / f"{language}.yaml").read_text(encoding="utf-8")
    words: dict[str, str] = yaml.safe_load(text)
    return words
