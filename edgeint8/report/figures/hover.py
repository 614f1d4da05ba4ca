"""Points that say what they are when a pointer rests on them: an SVG's own ``<title>``.

Matplotlib writes no titles, but it writes the id of an artist: the texts travel in that id and
`with_titles` moves them to the markers. Source: SVG 2, 5.7 ("title" of any element is its tooltip).
"""

import json
from collections.abc import Iterable
from xml.etree import ElementTree

from matplotlib.artist import Artist

PREFIX = "tell:"
SVG = "http://www.w3.org/2000/svg"
NAMESPACES = {"": SVG, "xlink": "http://www.w3.org/1999/xlink"}
NAMESPACES |= {"cc": "http://creativecommons.org/ns#", "dc": "http://purl.org/dc/elements/1.1/"}
NAMESPACES |= {"rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#"}


def tell(artists: Iterable[Artist], texts: Iterable[str]) -> None:
    """Give the markers of lines, as ``ax.plot`` returns them, or bars one text each, in order."""
    said = list(texts)
    for artist in artists:
        artist.set_gid(PREFIX + json.dumps(said, ensure_ascii=False))


def with_titles(svg: str) -> str:
    """The SVG file with what was told as titles."""
    for prefix, address in NAMESPACES.items():
        ElementTree.register_namespace(prefix, address)
    root = ElementTree.fromstring(svg)
    for group in root.iter(f"{{{SVG}}}g"):
        identity = group.get("id", "")
        if identity.startswith(PREFIX):
            del group.attrib["id"]
            _title(group, json.loads(identity.removeprefix(PREFIX)))
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _title(group: ElementTree.Element, texts: list[str]) -> None:
    """A title in each marker of a line; markers outside the axes are not drawn, and all is said."""
    markers = list(group.iter(f"{{{SVG}}}use"))
    if len(markers) != len(texts):
        markers, texts = [group], ["\n".join(texts)]
    for marker, text in zip(markers, texts, strict=True):
        title = ElementTree.Element(f"{{{SVG}}}title")
        title.text = text
        marker.insert(0, title)
