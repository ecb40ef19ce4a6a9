"""The wheel holds what the tree holds; the rules of the layout that no linter knows."""

import ast
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("generator", "detector", "watermark", "benchmarks", "reports")
DATA = {".toml", ".safetensors", ".npz", ".json", ".html", ".css", ".js"}


def sources() -> list[Path]:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [Path(name) for name in tracked.split("\0") if name and (ROOT / name).is_file()]


def test_wheel_holds_every_module_and_data_file(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, ROOT],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    expected = set()
    for path in sources():
        if (
            path.parts[0] in (*PACKAGES, "tellmark")
            and path.suffix in {".py", *DATA}
            and not {"results", "published"} & set(path.parts)
        ):
            name = path if path.parts[0] == "tellmark" else Path("tellmark") / path
            expected.add(name.as_posix())
    assert expected - held == set()
    assert "tellmark/watermark/embed.py" in expected


def test_every_folder_with_modules_is_a_listed_package() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {
        path.parent.as_posix()
        for path in sources()
        if path.suffix == ".py" and path.parts[0] in (*PACKAGES, "tellmark")
    }
    assert folders == set(settings["package-dir"].values())
    assert set(settings["packages"]) == set(settings["package-dir"])


def test_links_lead_to_the_root_folders() -> None:
    for name in PACKAGES:
        assert (ROOT / "tellmark" / name).resolve() == ROOT / name


def test_only_the_clip_writer_writes_video() -> None:
    """No other module of the packages that hold generated frames may name the plain writer.

    But the probe: it encodes a video that was received, with one mark more, in a folder that it removes.
    """
    users = set()
    for path in sources():
        if path.suffix != ".py" or path.parts[0] not in ("generator", "watermark", "reports"):
            continue
        names = {node.id for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, ast.Name)}
        if "VideoWriter" in names:
            users.add(path.as_posix())
    assert users == {"watermark/writer.py", "watermark/localisation/probe.py"}


def test_constraints_pin_what_pyproject_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["voice"], *extras["dev"]]
    names = {_name(line) for line in wanted if not line.startswith("tellmark")}
    pinned = {_name(line) for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    assert names - pinned == set()


def _name(requirement: str) -> str:
    for mark in "<>=[!~; ":
        requirement = requirement.partition(mark)[0]
    return requirement.lower().replace("_", "-").replace(".", "-")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from tellmark.cli import cli; cli.main(['--help'], standalone_mode=False);"
        "print(sorted({'numpy', 'cv2', 'torch', 'av', 'mediapipe', 'sklearn', 'pandas'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == "[]"
