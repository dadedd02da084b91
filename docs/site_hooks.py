"""What mkdocs does to a page before it is Markdown: files from outside docs/ are included, links out of docs/ are turned.

In the repository a link such as ../training/README.md leads to a file; on the site there is a page for it, or nothing but its name.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
#: Files outside docs/ that have a page of the site.
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "training/README.md": "training.md",
}
INCLUDE = re.compile(r'^--8<-- "(?P<file>[^"]+)"$', re.MULTILINE)
LINK = re.compile(r"\[(?P<text>[^\]\[]+)\]\((?P<target>[^)#:\s]+)(?P<anchor>#[^)\s]*)?\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The text of a page as the site wants it."""
    included = INCLUDE.search(markdown)
    folder = Path(included["file"]).parent if included else Path("docs", page.file.src_uri).parent
    text = INCLUDE.sub(lambda match: (ROOT / match["file"]).read_text(encoding="utf-8"), markdown)
    return LINK.sub(lambda match: turned(match, folder, len(Path(page.file.src_uri).parts) - 1), text)


def turned(link: re.Match[str], folder: Path, depth: int) -> str:
    """A link as it leads on the site; what has no page there is named, not linked."""
    place = (ROOT / folder / link["target"]).resolve()
    try:
        inside = place.relative_to(ROOT).as_posix()
    except ValueError:
        return link["text"]
    up = "../" * depth
    if inside in PAGES:
        return f"[{link['text']}]({up}{PAGES[inside]}{link['anchor'] or ''})"
    if inside.startswith("docs/") and place.is_file() and place.suffix != ".py":
        return f"[{link['text']}]({up}{inside.removeprefix('docs/')}{link['anchor'] or ''})"
    if place.exists():
        return link["text"] if link["text"].startswith("`") else f"`{link['text']}`" if link["text"] == link["target"] else link["text"]
    return link[0]
