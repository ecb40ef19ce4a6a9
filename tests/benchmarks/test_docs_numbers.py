"""Every figure with a decimal point in the docs is one of the results named for its page, rounded as there.

A looser net than that of the README (`test_claims`): it does not know which figure is meant, only that it was measured.
The lab book (`docs/log.md`) is no page of figures, and the cards of the actors, the lip reading and the detector quote
their training scripts and the model's own card.
"""

import csv
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
PAGES = {
    "docs/watermark.md": ("watermark", "forging", "stills", "peers"),
    "docs/motion.md": ("motion",),
    "docs/models/motion.md": ("motion", "stream", "latent"),
    "docs/models/sync.md": ("motion",),
    "docs/models/face-latent.md": ("latent",),
    "docs/streaming.md": ("stream",),
    "docs/serve.md": ("serve",),
    "docs/verify.md": ("provenance", "fingerprint", "recover"),
    "docs/report.md": (),
    "docs/dataset.md": (),
}
SETTINGS = {  # definitions, versions, limits of a search; of cards also what a training run tried (its log has them)
    "docs/watermark.md": {"8.5", "0.875", "0.46", "10.5", "6.9"},
    "docs/motion.md": {".12", ".25"},  # of a closure and of a blink, by definition
    "docs/models/sync.md": {".46", ".63", ".22", ".62", ".56", ".31", ".69", ".39", ".84", ".33", ".77"},
    "docs/models/face-latent.md": {"1.4", ".1", ".3", ".03", ".18", ".23"},
    "docs/streaming.md": {"0.38", "2.4", "19.3", "19.4"},
    "docs/serve.md": {"2.4"},
    "docs/verify.md": {"12.5"},
    "docs/report.md": {".5", ".75", ".28", ".12"},
    "docs/dataset.md": {"0.4"},
}


def measured(families: tuple[str, ...]) -> list[float]:
    """Every number in the result files of some benchmarks."""
    found = []
    for path in RESULTS.glob("*.csv"):
        if path.name.startswith(tuple(f"{family}-" for family in families)) and families:
            with path.open(newline="") as file:
                text = " ".join(value or "" for row in csv.DictReader(file) for value in row.values())
            found += [float(number) for number in re.findall(r"\d+(?:\.\d+)?(?:e-?\d+)?", text)]
    return found


def quoted(page: str) -> list[str]:
    """Numbers with a decimal point outside code and links."""
    text = re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)", "", (ROOT / page).read_text(), flags=re.S)
    return re.findall(r"(?<![\w.])\d*\.\d+(?![\w.])", text)


@pytest.mark.parametrize("page", PAGES)
def test_every_figure_was_measured(page: str) -> None:
    values = measured(PAGES[page])
    unknown = []
    for number in quoted(page):
        digits = len(number.split(".")[1])
        half = 0.5000001 * 10**-digits
        scaled = (abs(value * scale - float(number)) <= half for value in values for scale in (1, 100, 0.001, 1000))
        if number not in SETTINGS.get(page, set()) and not any(scaled):
            unknown.append(number)
    assert unknown == []
