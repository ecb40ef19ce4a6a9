"""The command line as a contract: exit codes, messages, JSON. The commands run for real, in this process."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from tellmark.cli import run
from tellmark.encoding import VideoWriter
from tellmark.generator.actors import actor
from tellmark.media import rgb_to_i420
from tellmark.pictures import write_image


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a portrait, a voice and every kind of bad input."""
    folder = tmp_path_factory.mktemp("material")
    write_image(folder / "face.png", actor(5).image)
    write_image(folder / "wall.png", np.full((300, 300, 3), 120, np.uint8))
    (folder / "text.png").write_text("not a picture\n" * 20)
    rate = 16_000
    time = np.arange(rate) / rate
    sound = np.sin(2 * np.pi * 160 * time) * (np.sin(2 * np.pi * 3 * time) > 0) * 12_000
    with wave.open(str(folder / "voice.wav"), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(sound.astype("<i2").tobytes())
    (folder / "empty.wav").write_bytes(b"")
    (folder / "header.wav").write_bytes((folder / "voice.wav").read_bytes()[:44])
    (folder / "cut.wav").write_bytes((folder / "voice.wav").read_bytes()[:20_000])
    with VideoWriter(folder / "plain.mp4", width=256, height=256, fps=25) as writer:
        noise = np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8).repeat(16, 0).repeat(16, 1)
        for index in range(50):
            writer.write(rgb_to_i420(np.roll(noise, index, axis=1)))
    return folder


@pytest.fixture(scope="module")
def clip(material: Path) -> Path:
    out = material / "clip.mp4"
    assert run(["render", "actor:5", str(material / "voice.wav"), "-o", str(out), "-q"]) == 0
    return out


CONSENT = ["--consent", "made by the test"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["render", "{m}/missing.png", "{m}/voice.wav", "-o", "{t}/o.mp4", *CONSENT], 3, "does not exist"),
        (["render", "{m}/face.png", "{m}/missing.wav", "-o", "{t}/o.mp4", *CONSENT], 3, "does not exist"),
        (["render", "{m}/text.png", "{m}/voice.wav", "-o", "{t}/o.mp4", *CONSENT], 3, "not a picture"),
        (["render", "{m}/wall.png", "{m}/voice.wav", "-o", "{t}/o.mp4", *CONSENT], 3, "no face"),
        (["render", "{m}/face.png", "{m}/voice.wav", "-o", "{t}/o.mp4"], 2, "--consent"),
        (["render", "{m}/face.png", "{m}/voice.wav", "-o", "{t}/o.mp4", "--consent", " "], 2, "--consent"),
        (["render", "actor:5", "{m}/empty.wav", "-o", "{t}/o.mp4"], 3, "empty"),
        (["render", "actor:5", "{m}/header.wav", "-o", "{t}/o.mp4"], 3, "cut short"),
        (["render", "actor:5", "{m}/cut.wav", "-o", "{t}/o.mp4"], 3, "cut short"),
        (["render", "actor:5", "{m}/text.png", "-o", "{t}/o.mp4"], 3, "sound|can be read"),
        (["render", "actor:5", "{m}/voice.wav", "-o", "{m}/face.png/o.mp4"], 2, "cannot be written"),
        (["render", "actor:5", "{m}/voice.wav", "-o", "{m}/plain.mp4"], 2, "--force"),
        (["render", "actor:five", "{m}/voice.wav", "-o", "{t}/o.mp4"], 2, "actor:SEED"),
        (["render", "actor:5", "{m}/voice.wav", "-o", "{t}/o.mp4", "--emotion", "hangry"], 2, "choose one of"),
        (["render", "actor:5", "{m}/voice.wav", "-o", "{t}/o.mp4", "--emotion", "happy:x"], 2, "NAME:WEIGHT"),
        (["render", "actor:5", "{m}/voice.wav", "-o", "{t}/o.mp4", "--gaze", "1"], 2, "--gaze 1: give two angles"),
        (["render", "actor:5", "{m}/voice.wav", "-o", "{t}/o.mp4", "--gaze", "90,0"], 2, "30 degrees"),
        (["render", "actor:5", "{m}/voice.wav", "-o", "{t}/o.mp4", "--distance", "9"], 2, "between 0.7 and 1.5"),
        (["render", "actor:5", "{m}/voice.wav", "-o", "{t}/o.mp4", "--gain", "head=x"], 2, "NAME=FACTOR"),
        (["render", "actor:5", "{m}/voice.wav", "-o", "{t}/o.mp4", "--gain", "nose=1"], 2, "head, blink, brow"),
        (["render", "actor:5", "{m}/voice.wav", "-o", "{t}/o.mp4", "--pose-from", "{m}/no.mp4"], 3, "does not exist"),
        (["render", "actor:5", "{m}/voice.wav", "-o", "{t}/o.mp4", "--pose-from", "{m}/plain.mp4"], 3, "a face in 0"),
        (["render", "actor:5"], 2, "Missing"),
        (["mark", "{m}/missing.mp4", "{t}/o.mp4"], 3, "does not exist"),
        (["mark", "{m}/voice.wav", "{t}/o.mp4"], 3, "no video"),
        (["mark", "{m}/plain.mp4", "{m}/face.png"], 2, "--force|.mp4"),
        (["render", "actor:5", "{m}/voice.wav", "-o", "{t}/o.mkv"], 2, r"ends in \.mp4"),
        (["mark", "{m}/plain.mp4", "{t}/o.png"], 2, r"ends in \.mp4"),
        (["verify", "{m}/missing.mp4"], 3, "does not exist"),
        (["verify", ""], 2, "empty"),
        (["verify", "{m}/plain.mp4", "--registry", "{m}/gone.sqlite"], 2, "gone.sqlite does not exist"),
        (["verify", "{m}/empty.wav"], 3, "empty"),
        (["verify", "{m}/plain.mp4", "--registry", "mysql://x/y"], 2, "registry"),
        (["verify", "{m}/plain.mp4", "--trust", "{m}/text.png"], 2, "PEM"),
        (["dataset", "build", "{m}/missing.toml", "-o", "{t}/d"], 3, "missing"),
        (["dataset", "check", "{t}"], 3, "dataset"),
        (["train", "{t}", "-o", "{t}/m.model"], 3, "manifest"),
        (["report", "{t}", "-o", "{t}/r"], 3, "dataset|manifest"),
        (["detect", "{m}/missing.mp4"], 3, "does not exist"),
        (["detect", "{m}/plain.mp4", "--picture", "{m}/face.png"], 2, "--force"),
        (["detect", "{m}/plain.mp4", "--picture", "{t}/o.bmp"], 2, "written as .png"),
        (["audit", "{m}/missing"], 3, "is no dataset"),
        (["audit", "{m}/missing", "{m}/gone"], 3, "is no folder"),
        (["train", "{m}/missing", "-o", "{m}/x.model", "--kind", "magic"], 2, "no model is called"),
        (["detect", "{m}/plain.mp4", "--model", "{m}/text.png"], 3, "model"),
        (["nonsense"], 2, "No such command"),
        (["render", "actor:5", "-", "-o", "{t}/o.mp4"], 2, "--stream"),
        (["render", "actor:5", "-", "--stream", "-o", "{t}/o.mp4", "--fps", "30"], 2, "25 frames a second"),
        (["render", "actor:5", "-", "--stream", "-o", "{t}/o.mp4", "--pose-from", "v.mp4"], 2, "leave out --stream"),
        (["render", "actor:5", "-", "--stream", "-o", "{t}/o.mp4", "--pcm", "mp3"], 2, "s16le"),
        (["render", "actor:5", "-", "--stream", "-o", "{t}/o.mp4", "--rate", "8"], 2, "Hz"),
        (["render", "actor:5", "-", "--stream", "-o", "{m}/plain.mp4"], 2, "--force"),
        (["render", "{m}/face.png", "-", "--stream", "-o", "{t}/o.mp4"], 2, "--consent"),
        (["render", "actor:5", "{m}/empty.wav", "--stream", "-o", "{t}/o.mp4"], 3, "empty"),
    ],
)
def test_every_bad_input_has_its_code_and_says_what_to_do(
    material: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    words = [word.format(m=material, t=tmp_path) for word in arguments]
    before = {path: path.stat().st_mtime_ns for path in material.iterdir()}
    assert run(words) == code
    out, err = capsys.readouterr()
    assert re.search(says, err), err
    assert "Traceback" not in err
    assert out == ""
    assert {path: path.stat().st_mtime_ns for path in material.iterdir()} == before  # nothing lost, nothing left
    assert not list(tmp_path.glob("**/*.part*"))


def test_unknown_failures_are_internal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("tellmark.doctor.examine", fail)
    assert run(["doctor"]) == 4
    assert "internal error: ZeroDivisionError: oops" in capsys.readouterr().err


def test_a_place_that_is_not_ours_is_no_bug_to_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert run(["demo", "-o", str(tmp_path / "file" / "demo")]) == 2
    err = capsys.readouterr().err
    assert "Not a directory" in err
    assert "internal" not in err


def test_a_full_disk_is_no_bug_to_report(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/somewhere")

    monkeypatch.setattr("tellmark.doctor.examine", fail)
    assert run(["doctor"]) == 4
    err = capsys.readouterr().err
    assert "the disk is full (/somewhere)" in err
    assert "internal" not in err


@pytest.mark.skipif(os.name != "posix", reason="signals are sent there")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_what_is_told_to_end_leaves_nothing_behind(tmp_path: Path, number: int, code: int) -> None:
    voice = tmp_path / "voice.wav"
    with wave.open(str(voice), "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes(bytes(2 * 16_000 * 120))
    command = [sys.executable, "-m", "tellmark.cli", "render", "actor:5", str(voice), "-o", str(tmp_path / "o.mp4")]
    ignored = signal.signal(number, signal.SIG_DFL)  # it is where tests run under nohup or in the background
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    signal.signal(number, ignored)
    while not list(tmp_path.glob(".o.*.part*")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == code
    assert err.splitlines()[-1] == "stopped"
    assert list(tmp_path.iterdir()) == [voice]


def test_a_file_s_name_does_not_speak_for_us(
    material: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It might move the cursor, or end the line and go on with a verdict of its own."""
    name = tmp_path / "a\x1b[2K: x\nreal.mp4: intact. \u202e.mp4"
    name.write_bytes((material / "plain.mp4").read_bytes())
    assert run(["verify", str(name), "--fast"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert "a\ufffd[2K: x\ufffdreal.mp4: intact. \ufffd.mp4: none." in line
    name.write_bytes(b"no media")
    assert run(["verify", str(name)]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")


def test_render_prints_one_json_object(material: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["render", str(material / "face.png"), str(material / "voice.wav"), "-o", str(tmp_path / "o.mp4")]
    assert run([*arguments, *CONSENT, "--json", "--emotion", "happy:0.5", "--gaze", "5,-3"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["schema"] == "tellmark.clip/1"
    assert record["frames"] == 25
    assert len(record["payload"]) == 16
    assert "made by the test" not in (tmp_path / "o.mp4").read_bytes().decode("latin1")


@pytest.mark.parametrize(("flag", "heard"), [("-q", False), ("-v", True)])
def test_what_half_made_objects_meet_is_no_message(flag: str, heard: bool) -> None:
    """A zip file that could not be written complains once more when it is taken down: after our one line."""
    code = (
        "import sys\nfrom tellmark import cli\n"
        "class Half:\n    def __del__(self): raise ValueError('seek of closed file')\n"
        "cli.run = lambda arguments: len([Half()]) - 1\ncli.main()"
    )
    ended = subprocess.run([sys.executable, "-c", code, flag], capture_output=True, text=True, check=True)
    assert ("seek of closed file" in ended.stderr) is heard


def test_stream_ends_its_clip_when_told_to(tmp_path: Path) -> None:
    """Raw sound from a pipe that does not end; SIGTERM does, and what came of it is whole."""
    command = [sys.executable, "-m", "tellmark.cli", "render", "actor:5", "-", "--stream", "-o"]
    out = tmp_path / "o.mp4"
    process = subprocess.Popen([*command, str(out), "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(bytes(2 * 32_000))
    process.stdin.flush()
    growing = tmp_path / "o.part.mp4"
    while not growing.exists() or growing.stat().st_size < 20_000:
        assert process.poll() is None
        time.sleep(0.05)
    process.terminate()
    answer, _ = process.communicate()
    assert process.returncode == 0
    record = json.loads(answer)
    assert 1 <= record["frames"] <= 50
    assert run(["verify", str(out), "-q"]) == 0
    assert not growing.exists()


def test_verify_answers_by_exit_code_and_schema(clip: Path, material: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["verify", str(clip), str(material / "plain.mp4"), "--json", "--fast"]) == 1
    marked, plain = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert marked["schema"] == "tellmark.verdict/1"
    assert (marked["verdict"], marked["c2pa"]["state"], marked["watermark"]["present"]) == ("intact", "Trusted", True)
    assert (plain["verdict"], plain["c2pa"]["state"], plain["watermark"]["present"]) == ("none", "none", False)
    assert list(marked) == ["schema", "file", "sha256", "verdict", "c2pa", "watermark", "registry", "detector"]
    capsys.readouterr()
    assert run(["verify", str(clip), "--fast", "--localise", "--json"]) == 0
    missing = json.loads(capsys.readouterr().out)["watermark"]["missing"]
    assert (missing["spans"], missing["regions"]) == ([], [])


def test_mark_then_verify(material: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "marked.mp4"
    assert run(["mark", str(material / "plain.mp4"), str(out), "--kind", "control", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["payload"]
    assert run(["verify", str(out), "--json", "--fast"]) == 0


def test_the_flags_that_say_who_signs(
    material: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The development identity's own files serve as a certificate that is named."""
    assert run(["keys", "--json"]) == 0
    pem = Path(json.loads(capsys.readouterr().out)["folder"]) / "signer.pem"
    out, flags = tmp_path / "marked.mp4", ["--sign-cert", str(pem), "--sign-key", str(pem)]
    monkeypatch.setenv("C2PA_SIGN_CERT", "not looked at")
    assert run(["mark", str(material / "plain.mp4"), str(out), *flags]) == 0
    assert "development identity" not in capsys.readouterr().err
    assert run(["mark", str(material / "plain.mp4"), str(out), "--force"]) == 2
    assert "set both C2PA_SIGN_CERT" in capsys.readouterr().err
    assert run(["mark", str(material / "plain.mp4"), str(out), "--force", "--sign-key", str(pem)]) == 2
    assert "set both --sign-cert" in capsys.readouterr().err


def test_detect_answers_on_a_clip(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["detect", str(clip), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["schema"] == "tellmark.detection/1"
    assert record["p_synthetic"] is None or 0 <= record["p_synthetic"] <= 1


def test_detect_goes_on_after_a_file_it_cannot_read(
    clip: Path, material: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["detect", str(material / "text.png"), str(clip), "--json"]) == 3
    failed, found = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (failed["schema"], failed["file"]) == ("tellmark.failure/1", str(material / "text.png"))
    assert found["schema"] == "tellmark.detection/1"


def test_keys_and_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["keys", "--anchors"]) == 0
    pem = capsys.readouterr().out
    assert pem.startswith("-----BEGIN CERTIFICATE-----")
    assert run(["keys", "--anchors", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"schema": "tellmark.anchors/1", "pem": pem}
    assert run(["keys", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "tellmark.keys/1"
    assert run(["keys"]) == 0
    assert re.search(r"^timestamp url +–$", capsys.readouterr().out, re.MULTILINE)  # as a person says it, not Python
    assert run(["doctor", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(line["ok"] for line in lines)
