"""Licences by one normal name, however a list writes them: SPDX's names where SPDX has one, and Sampling+-1.0."""

from __future__ import annotations

import functools
import re

#: Families whose every version has the normal name FAMILY-VERSION.
_FAMILIES = ("BY-NC-SA", "BY-NC-ND", "BY-NC", "BY-SA", "BY-ND", "BY")

#: Freesound's own spellings, without case and signs; "Attribution" is of any version.
_SPELLINGS = {
    "creativecommons0": "CC0-1.0",
    "cc0": "CC0-1.0",
    "cc01": "CC0-1.0",
    "cc010": "CC0-1.0",
    "cc010universal": "CC0-1.0",
    "creativecommonszero": "CC0-1.0",
    "sampling": "Sampling+-1.0",
    "sampling10": "Sampling+-1.0",
    "ccsampling": "Sampling+-1.0",
    "ccsampling10": "Sampling+-1.0",
}

_ADDRESS = re.compile(r"creativecommons\.org/(publicdomain/zero|licenses/([a-z+-]+))/(\d\.\d)", re.IGNORECASE)
_PLUS_ADDRESS = re.compile(r"creativecommons\.org/licenses/sampling(?:\+|%2b)", re.IGNORECASE)
_WORDS = (
    ("attribution", "BY"),
    ("by", "BY"),
    ("noncommercial", "NC"),
    ("nc", "NC"),
    ("sharealike", "SA"),
    ("sa", "SA"),
    ("noderivatives", "ND"),
    ("noderivs", "ND"),
    ("nd", "ND"),
)


@functools.lru_cache(maxsize=4096)
def normal_licence(text: str | None) -> str | None:
    """The normal name of a licence (CC0-1.0, CC-BY-4.0, CC-BY-NC-3.0, CC-BY where no version is said, Sampling+-1.0).

    Text that names none of these stays as it is, without space around; None and what is empty give None.
    """
    if text is None or not text.strip():
        return None
    text = text.strip()
    if _PLUS_ADDRESS.search(text):
        return "Sampling+-1.0"
    address = _ADDRESS.search(text)
    if address:
        family = (address.group(2) or "").upper()
        if not family:
            return f"CC0-{address.group(3)}"
        return f"CC-{family}-{address.group(3)}" if family in _FAMILIES else text
    return _SPELLINGS.get(re.sub(r"[^a-z0-9]", "", text.lower())) or _from_words(text) or text


def _from_words(text: str) -> str | None:
    """CC-BY-NC-4.0 out of "Attribution NonCommercial 4.0" or "by-nc/4.0"; None where a word is foreign."""
    version = re.search(r"(?<![\d.])v?(\d\.\d)(?![\d.])", text, re.IGNORECASE)
    rest = text.lower().replace(version.group(0).lower(), " ") if version else text.lower()
    rest = rest.replace("non-commercial", "noncommercial").replace("non commercial", "noncommercial")
    rest = rest.replace("share-alike", "sharealike").replace("share alike", "sharealike")
    rest = re.sub(r"\b(creative commons|cc|licen[cs]e|international|unported|generic)\b", " ", rest)
    names = dict(_WORDS)
    words = re.findall(r"[a-z0-9]+", rest)
    if not words or any(word not in names for word in words):
        return None
    found = {names[word] for word in words}
    family = "-".join(part for part in ("BY", "NC", "SA", "ND") if part in found)
    if family not in _FAMILIES:
        return None
    return f"CC-{family}" + (f"-{version.group(1)}" if version else "")
