from pathlib import Path

import pytest

from tellmark.errors import InputError, UsageError
from tellmark.generator.factory.upload import upload
from tellmark.media import sha256_of


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "clips").mkdir(parents=True)
    for name, content in (("clips/a.mp4", b"a" * 3_000_000), ("clips/b.mp4", b"b"), ("manifest.jsonl", b"{}")):
        (folder / name).write_bytes(content)
    seal(folder)
    (folder / ".build").mkdir()
    (folder / ".build" / "log").write_text("of the build alone")
    return folder


def seal(folder: Path) -> None:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "SHA256SUMS"]
    lines = [f"{sha256_of(path)}  {path.relative_to(folder)}\n" for path in files if ".build" not in path.parts]
    (folder / "SHA256SUMS").write_text("".join(lines))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_copy_is_the_dataset_without_what_the_build_kept(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = upload(dataset, (tmp_path / "store").as_uri())
    assert (facts["files_sent"], facts["files_there_already"], facts["mb_sent"]) == (4, 0, 3.0)
    wanted = contents(dataset)
    del wanted[".build/log"]
    assert contents(tmp_path / "store") == wanted
    assert upload(dataset, str(tmp_path / "store"))["files_sent"] == 0
    monkeypatch.chdir(tmp_path)
    assert upload(dataset, "store")["files_there_already"] == 4  # a folder may be named from where one is


def test_it_goes_on_and_trusts_neither_names_nor_sizes(dataset: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    upload(dataset, str(store))
    (store / "SHA256SUMS").unlink()  # as if cut off
    (store / "clips/b.mp4").write_bytes(b"x")
    assert upload(dataset, str(store))["files_sent"] == 2
    assert (store / "clips/b.mp4").read_bytes() == b"b"


def test_while_another_build_replaces_it_the_copy_is_not_called_whole(dataset: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    upload(dataset, str(store))
    (dataset / "clips/b.mp4").write_bytes(b"new")
    seal(dataset)
    (dataset / "clips/b.mp4").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"b\.mp4 is missing or was changed; run `tellmark dataset check`"):
        upload(dataset, str(store))
    assert not (store / "SHA256SUMS").exists()
    assert (store / "clips/b.mp4").read_bytes() == b"b"


def test_what_cannot_be_is_said(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name a folder or a URI such as s3"):
        upload(dataset, "ftp4://somewhere/x")
    with pytest.raises(UsageError, match="names no bucket or folder"):
        upload(dataset, "file:///")
    with pytest.raises(InputError, match="no finished dataset"):
        upload(tmp_path, str(tmp_path / "store"))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="goes on once that is mended"):
        upload(dataset, str(tmp_path / "file" / "under"))
