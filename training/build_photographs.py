"""Rebuild the photographs of photographs.tsv: `python -m training.build_photographs OUT [--tier A]`.

Tier A comes from Debian packages (needs apt-get, the network, and a Debian machine's archive key; about 440 MB are downloaded), tier B from
git repositories (`--clones` names a folder of full clones, each called owner+name; what is not there is cloned from GitHub). Needs Pillow.
Each photograph is turned upright and reduced at least by half, which removes JPEG's blocks, demosaicking and the sensor's noise; those that
their authors had already reduced and stored without loss ("[pristine]" in the list) are kept as they are.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

__all__ = ["main"]

LIST = Path(__file__).with_name("photographs.tsv")
KEY = "/usr/share/keyrings/debian-archive-keyring.gpg"
#: The shorter side of a photograph that is reduced, at most; and from which side on half of it is enough for every use.
LARGEST_SHORT_SIDE, LARGE = 960, 1000


@dataclass(frozen=True)
class Entry:
    """A line of the list. Tier A: Debian package, suite, path in it. Tier B: owner/name, blob id, path when it had that id."""

    tier: str
    source: str
    reference: str
    path: str
    name: str
    licence: str

    @property
    def pristine(self) -> bool:
        return self.licence.endswith("[pristine]")


def entries(tiers: str) -> list[Entry]:
    lines = LIST.read_text(encoding="utf-8").splitlines()
    listed = [Entry(*line.split("\t")) for line in lines if line.strip() and not line.startswith("#")]
    return [entry for entry in listed if entry.tier in tiers]


def prepared(data: bytes, pristine: bool) -> Image.Image:
    with Image.open(io.BytesIO(data)) as opened:
        picture: Image.Image = ImageOps.exif_transpose(opened)
        picture = (picture.convert("RGBA") if picture.mode in ("RGBA", "LA", "P", "PA") else picture).convert("RGB")
    short = min(picture.size)
    target = short if pristine else min(LARGEST_SHORT_SIDE, short // 2) if short >= LARGE else short // 2
    if target == short:
        return picture
    width, height = (max(1, round(side * target / short)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def archive() -> str:
    """The Debian archive that this machine's own apt uses."""
    for path in [*Path("/etc/apt/sources.list.d").glob("*"), Path("/etc/apt/sources.list")]:
        found = re.search(r"(?:URIs:\s*|^deb\s+(?:\[[^]]*\]\s+)?)(\S+/debian)/?\s", path.read_text(), re.M) if path.exists() else None
        if found:
            return found[1]
    raise SystemExit("No Debian archive in this machine's apt sources: build tier B only (--tier B).")


def private_apt(work: Path, suites: set[str]) -> dict[str, str]:
    """An apt of its own, with all suites that are needed, so that no file of the system is touched."""
    for folder in ("lists/partial", "archives/partial"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    (work / "sources.list").write_text("".join(f"deb [signed-by={KEY}] {archive()} {suite} main\n" for suite in sorted(suites)))
    (work / "apt.conf").write_text(
        f'Dir::State::Lists "{work}/lists"; Dir::State::status "/var/lib/dpkg/status"; Dir::Cache "{work}"; APT::Sandbox::User "root";\n'
        f'Dir::Etc::sourcelist "{work}/sources.list"; Dir::Etc::sourceparts "/nonexistent"; Acquire::Languages "none";\n'
    )
    environment = dict(os.environ, APT_CONFIG=str(work / "apt.conf"))
    subprocess.run(["apt-get", "-qq", "update"], env=environment, check=True)
    return environment


def from_packages(wanted: list[Entry], work: Path) -> Iterator[tuple[Entry, bytes]]:
    environment = private_apt(work.resolve(), {entry.reference for entry in wanted})
    for package, suite in sorted({(entry.source, entry.reference) for entry in wanted}):
        folder = work / suite
        folder.mkdir(exist_ok=True)
        if not list(folder.glob(f"{package}_*.deb")):
            subprocess.run(["apt-get", "-qq", "download", f"{package}/{suite}"], cwd=folder, env=environment, check=False)
        missing = {entry.path: entry for entry in wanted if (entry.source, entry.reference) == (package, suite)}
        for archive_file in sorted(folder.glob(f"{package}_*.deb"))[-1:]:
            command = ["dpkg-deb", "--fsys-tarfile", str(archive_file)]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as unpacked, tarfile.open(fileobj=unpacked.stdout, mode="r|") as members:
                for member in members:
                    entry = missing.pop(member.name.lstrip("./"), None) if member.isfile() else None
                    content = members.extractfile(member) if entry else None
                    if entry and content:
                        yield entry, content.read()
        for entry in missing.values():
            print(f"missing: {entry.path} of package {package} ({suite})", file=sys.stderr)


def from_clones(wanted: list[Entry], clones: Path) -> Iterator[tuple[Entry, bytes]]:
    for source in sorted({entry.source for entry in wanted}):
        clone = clones / source.replace("/", "+")
        if not clone.exists():
            subprocess.run(["git", "clone", "-q", "--bare", f"https://github.com/{source}", str(clone)], check=False)
        for entry in (entry for entry in wanted if entry.source == source):
            blob = subprocess.run(["git", "-C", str(clone), "cat-file", "blob", entry.reference], capture_output=True, check=False)
            if blob.returncode:
                print(f"missing: {entry.path} of {source}", file=sys.stderr)
            else:
                yield entry, blob.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for the photographs, as PNG")
    parser.add_argument("--tier", choices=("A", "B", "AB"), default="AB")
    parser.add_argument("--only", default="", help="sources whose name holds this text")
    parser.add_argument("--without", help="no sources whose name holds this text, e.g. codec-corpus")
    parser.add_argument("--work", type=Path, default=Path("photographs-packages"), help="folder for downloaded packages")
    parser.add_argument("--clones", type=Path, default=Path("photographs-clones"), help="folder of git clones, each called owner+name")
    words = parser.parse_args()
    wanted = [e for e in entries(words.tier) if words.only in e.source and not (words.without and words.without in e.source)]
    words.out.mkdir(parents=True, exist_ok=True)
    made = 0
    for tier, source in (("A", lambda some: from_packages(some, words.work)), ("B", lambda some: from_clones(some, words.clones))):
        if some := [entry for entry in wanted if entry.tier == tier]:
            for entry, data in source(some):
                prepared(data, entry.pristine).save(words.out / f"{entry.name}.png", compress_level=6)
                made += 1
    print(f"{made} of {len(wanted)} photographs in {words.out}")


if __name__ == "__main__":
    main()
