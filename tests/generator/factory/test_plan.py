"""Plans are read, or refused with the line and the fix; casting keeps the splits apart."""

import dataclasses
import itertools
import re
import shutil
import wave
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tellmark.encoding import Encoding, VideoWriter
from tellmark.errors import InputError, UsageError
from tellmark.generator.actors.recipe import actor_attributes
from tellmark.generator.audio.sentences import languages, sentences
from tellmark.generator.factory.casting import cast
from tellmark.generator.factory.estimate import dry_run
from tellmark.generator.factory.plan import Plan, load_plan, public_text
from tellmark.generator.factory.roles import Take
from tellmark.media import rgb_to_i420

Write = Callable[[str], Plan]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a plan's text and load it."""

    def load(text: str) -> Plan:
        (tmp_path / "plan.toml").write_text(text)
        return load_plan(tmp_path / "plan.toml")

    return load


def make_sound(path: Path, seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as handle:
        handle.setnchannels(1)
        handle.setsampwidth(2)
        handle.setframerate(16_000)
        handle.writeframes(np.zeros(round(16_000 * seconds), "<i2").tobytes())


def make_film(path: Path, seconds: float, sound: bool = True) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    wav = path.with_suffix(".wav")
    make_sound(wav, seconds)
    shade = zlib.crc32(path.name.encode()) % 256  # a film of its own: copies are left out
    frame = rgb_to_i420(np.full((64, 64, 3), shade, np.uint8))
    with VideoWriter(
        path, width=64, height=64, fps=10, audio=wav if sound else None, encoding=Encoding(preset="ultrafast")
    ) as writer:
        for _ in range(round(10 * seconds)):
            writer.write(frame)
    wav.unlink()


def make_picture(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (value, value, value)).save(path)


def test_actors_are_balanced_on_request(write: Write) -> None:
    chosen = write('actors = 12\nbalance = ["presentation", "lighting"]').actors
    counts = Counter((one.presentation, one.lighting) for one in map(actor_attributes, chosen))
    assert len(chosen) == 12
    assert set(counts.values()) == {2}
    with pytest.raises(UsageError, match="choose among presentation"):
        write('actors = 12\nbalance = ["height"]')
    with pytest.raises(UsageError, match="number of actors"):
        write('actors = [1, 2, 3]\nbalance = ["lighting"]')


def test_renderers_are_dealt_to_the_takes(write: Write) -> None:
    assert {take.renderer for take in cast(write("actors = 3"))[0]} == {"mesh"}
    assert {take.renderer for take in cast(write('actors = 3\nrenderer = "splat"'))[0]} == {"splat"}
    dealt = cast(write('actors = 24\nrenderer = ["splat", "mesh"]'))[0]
    assert {take.renderer for take in dealt} == {"mesh", "splat"}
    with pytest.raises(UsageError, match="choose one of"):
        write('actors = 3\nrenderer = "vertex"')


def test_motions_are_dealt_apart_from_renderers(write: Write) -> None:
    assert {take.motion for take in cast(write("actors = 3"))[0]} == {"diffusion"}
    dealt = cast(write('actors = 40\nrenderer = ["splat", "mesh"]\nmotion = ["rules", "diffusion"]'))[0]
    assert len({(take.renderer, take.motion) for take in dealt}) == 4
    with pytest.raises(UsageError, match="choose one of"):
        write('actors = 3\nmotion = "dance"')


def test_defaults(write: Write) -> None:
    plan = write("actors = 5")
    assert (plan.name, plan.seed, plan.fps, plan.seconds, plan.takes) == ("plan", 0, (25.0,), 5.0, 1)
    assert plan.methods == ("reference", "talk")
    assert plan.encoding.crf == 23
    assert dict(plan.splits) == {"train": 0.6, "val": 0.2, "test": 0.2}
    assert len(set(plan.actors)) == 5


def test_everything_given(write: Write) -> None:
    plan = write(
        'name = "n"\nseed = 4\nfps = 30\nseconds = 2.5\ntakes = 2\nlicence = "CC0-1.0"\nactors = [3, 1, 9]\n'
        'methods = ["talk", "reference"]\n[encoding]\ncrf = 28\npreset = "fast"\n'
        "[splits]\ntrain = 0.5\nval = 0\ntest = 0.5\n"
        '[voices]\nlanguages = ["nl"]\nvariants = ["f1", "m2"]\ntexts = ["Een tekst.", "Nog een."]\n'
    )
    assert plan.actors == (3, 1, 9)
    assert (plan.encoding.crf, plan.encoding.preset) == (28, "fast")
    assert dict(plan.splits) == {"train": 0.5, "test": 0.5}
    assert plan.voices.texts == ("Een tekst.", "Nog een.")


def test_other_seeds_are_other_people(write: Write) -> None:
    assert not set(write("actors = 9\nseed = 1").actors) & set(write("actors = 9\nseed = 2").actors)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "actors = 5\nacters = 3",
            r"plan\.toml, line 2: acters: unknown, perhaps 'actors' is meant; the keys here are name",
        ),
        (
            "actors = 5\n\n[encoding]\ncfr = 3",
            r"line 4: encoding\.cfr: unknown, perhaps 'crf' is meant; the keys here are crf, preset",
        ),
        ("actors = 5\n[encoding]\ncrf = 99", r"line 3: encoding\.crf: 99 must lie between 0 and 40"),
        ("actors = 5\n[encoding]\ncrf = 2.5", r"encoding\.crf: 2\.5 is no whole number"),
        ('actors = 5\n[encoding]\npreset = "quick"', r"'quick' is unknown; choose one of ultrafast"),
        ("actors = 5\nencoding = 3", r"line 2: encoding: is a table"),
        ("actors = 5\nseconds = true", r"line 2: seconds: True is no number"),
        ("actors = 5\nfps = 5", r"fps: 5 must lie between 10 and 60"),
        ("actors = 5\nname = 3", r"name: give a text"),
        ('actors = "many"', r"actors: give a number of virtual actors"),
        ("actors = [1, 2, 1]", r"actors: 1 is listed twice; an identity belongs to one split"),
        ('name = "x"', r"actors: there is nobody to film"),
        ('actors = 5\nmethods = ["reference"]', r"methods: there are no fakes; add 'talk'"),
        ('actors = 5\nmethods = ["talk"]', r"methods: fakes would have no original to pair with; add 'reference'"),
        ('actors = 5\nmethods = ["talk", "real", "reference"]', r"'real' needs \[footage\]"),
        ('actors = 5\nmethods = ["morph"]', r"'morph' is unknown"),
        ('actors = 5\nmethods = ["import", "reference"]', r"'import' needs \[import\]"),
        ("actors = 5\nfps = [25, 25]", r"line 2: fps: give different numbers"),
        ("actors = 5\nfps = []", r"line 2: fps: give different numbers"),
        ("actors = 5\nfps = [25, 90]", r"line 2: fps: 90 must lie between 10 and 60"),
        (
            'actors = 5\ncompression = ["c24"]',
            r"line 2: compression: 'c24' is unknown, perhaps 'c\d\d' is meant; choose among raw, c23, c40",
        ),
        ('actors = 5\ncompression = ["c23"]\n[encoding]\ncrf = 20', r"line 4: encoding\.crf: belongs to plans without"),
        ('actors = 5\narms = ["plain"]', r"line 2: arms: 'plain' is unmarked real footage"),
        ('actors = 5\narms = ["fancy"]', r"line 2: arms: 'fancy' is unknown; choose among null, plain"),
        ('actors = 5\ndriver = "me"', r"line 2: driver: 'me' is unknown; choose one of self, other"),
        (
            "actors = 5\n[dials]\nmouth_blurr = [1.0]",
            r"line 3: dials\.mouth_blurr: unknown, perhaps 'mouth_blur' is meant; the keys",
        ),
        ("actors = 5\n[dials]\nmouth_blur = [2.0]", r"line 3: dials\.mouth_blur: 2\.0 must lie between 0 and 1"),
        ('actors = 5\n[dials]\nmouth_blur = ["x"]', r"line 3: dials\.mouth_blur: give different numbers"),
        (
            'actors = 5\n[dials]\nof = ["swap"]\nmouth_blur = 1.0',
            r"line 3: dials\.of: 'swap' is unknown; choose among talk",
        ),
        ('actors = 5\n[dials]\nof = ["talk"]', r"line 3: dials\.of: no dial is turned"),
        ('actors = 5\n[import]\nfolder = "."\nlicence = "l"', r"line 2: import\.consent: is missing"),
        ("actors = 5\n[splits]\ntrain = 0.8\ntest = 0.4", r"line 2: splits: the shares add up to 1\.2"),
        ("actors = 5\n[splits]\ndev = 1.0", r"line 3: splits\.dev: unknown"),
        ('actors = 5\n[portraits]\nfolder = "."', r"line 2: portraits\.consent: is missing; say who agreed"),
        ('actors = 5\n[portraits]\nfolder = "."\nconsent = "c"', r"portraits\.licence: is missing"),
        (
            'actors = 5\n[portraits]\nfolder = "none"\nconsent = "c"\nlicence = "l"',
            r"line 3: portraits\.folder: .*none is",
        ),
        ('actors = 5\n[footage]\nfolder = "."\nlicence = "l"', r"footage\.consent: is missing"),
        (
            '[footage]\nfolder = "."\nlicence = "l"\nconsent = "c"\npersons = "p.csv"',
            r"footage\.persons: .*p\.csv is mis",
        ),
        ('[portraits]\nfolder = "."\nconsent = "c"\nlicence = "l"', r"portraits give fakes alone"),
        ('actors = 5\n[voices]\nlanguages = ["xx"]', r"voices\.languages: no sentences in 'xx', only in en"),
        (
            'actors = 5\n[voices]\nfolder = "."\nlicence = "l"\nvariants = ["m1"]',
            r"line 5: voices\.variants: belongs to",
        ),
        ('actors = 5\n[voices]\ntexts = ["a"]', r"voices\.texts: name the one language"),
        ('actors = 5\n[voices]\nvariants = ["a", "a"]', r"voices\.variants: is empty or names something twice"),
    ],
)
def test_bad_plans_are_refused_with_line_and_fix(write: Write, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        write(text)


def test_files_that_are_no_plan(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is missing; docs/dataset\.md"):
        load_plan(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("actors = = 3")
    with pytest.raises(InputError, match="line 1"):
        load_plan(tmp_path / "bad.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read"):
        load_plan(tmp_path / "bad.toml")


def disjoint(takes: list[Take]) -> bool:
    def of(split: str, name: str) -> set[str]:
        values = {(t.identity, t.source_id, t.sound.voice_id) for t in takes if t.split == split}
        return {value[("identity", "source", "voice").index(name)] for value in values}

    splits = {take.split for take in takes}
    return all(
        not of(a, name) & of(b, name)
        for a, b in itertools.combinations(splits, 2)
        for name in ("identity", "source", "voice")
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("actors", [3, 7, 20])
def test_splits_are_disjoint_and_have_their_shares(write: Write, seed: int, actors: int) -> None:
    takes, _ = cast(write(f"actors = {actors}\nseed = {seed}\ntakes = 3"))
    assert disjoint(takes)
    assert len({take.take_id for take in takes}) == 3 * actors
    people = {split: len({t.identity for t in takes if t.split == split}) for split in ("train", "val", "test")}
    assert sum(people.values()) == actors
    assert min(people.values()) >= 1
    for split, share in (("train", 0.6), ("val", 0.2), ("test", 0.2)):
        assert abs(people[split] - share * actors) < 1.01


def test_the_cast_follows_from_plan_and_seed(write: Write) -> None:
    one, _ = cast(write("actors = 6\ntakes = 2"))
    again, _ = cast(write("actors = 6\ntakes = 2\n# a comment"))
    other, _ = cast(write("actors = 6\ntakes = 2\nseed = 1"))
    assert one == again
    assert {take.seed for take in one}.isdisjoint({take.seed for take in other})
    more, _ = cast(write("actors = 6\ntakes = 3"))
    assert [take for take in more if not take.take_id.endswith("-02")] == one  # more takes leave the others as they are


def test_too_few_for_the_splits(write: Write) -> None:
    with pytest.raises(UsageError, match=r"plan\.toml, line 1: actors: 2 actors for 3 splits"):
        cast(write("actors = 2"))
    with pytest.raises(UsageError, match=r"line 2: voices: 2 voices for 3 splits"):
        cast(write('actors = 5\n[voices]\nvariants = ["m1", "f1"]'))
    with pytest.raises(UsageError, match=r"line 2: methods: actor:\d+ is alone in split \w+, and swap needs another"):
        cast(write('actors = 3\nmethods = ["reference", "swap"]'))


def test_voices_that_do_not_exist_are_refused_before_anything_is_made(write: Write) -> None:
    pytest.importorskip("espeakng_loader")
    with pytest.raises(UsageError, match=r"line 2: voices: espeak-ng has no variant zz"):
        cast(write('actors = 3\n[voices]\nvariants = ["zz", "m1", "m3"]'))
    with pytest.raises(UsageError, match=r"line 2: voices: espeak-ng has no voice xx"):
        cast(write('actors = 3\n[voices]\nlanguages = ["xx"]\ntexts = ["A sentence."]'))


def test_copies_of_a_film_are_one(write: Write, tmp_path: Path) -> None:
    """Under two names, one person would be two, perhaps in two splits."""
    for name in ("ann", "bob", "cleo"):
        make_film(tmp_path / "films" / f"{name}.mp4", 1.5)
    (tmp_path / "films" / "dora").mkdir()
    shutil.copyfile(tmp_path / "films" / "bob.mp4", tmp_path / "films" / "dora" / "1.mp4")
    takes, left_out = cast(write('seconds = 1\n[footage]\nfolder = "films"\nlicence = "own"\nconsent = "all agreed"'))
    assert len({take.identity for take in takes}) == 3
    assert "is a copy of bob.mp4" in left_out[0]


def test_unusable_files_are_said_with_the_line_that_names_them(write: Write, tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.mp4").write_bytes(b"no film")
    with pytest.raises(InputError, match=r"plan\.toml, line 2: footage\.folder: .*films has no footage of 5 s"):
        cast(write('[footage]\nfolder = "films"\nlicence = "own"\nconsent = "all agreed"'))


def test_footage_is_told_apart_by_folder_file_or_csv(write: Write, tmp_path: Path) -> None:
    for name in ("ann/1.mp4", "ann/2.mp4", "bob.mp4", "cleo.mp4"):
        make_film(tmp_path / "films" / name, 2.5)
    make_film(tmp_path / "films" / "mute.mp4", 2.5, sound=False)
    make_film(tmp_path / "films" / "short.mp4", 0.5)
    (tmp_path / "films" / "notes.txt").write_text("not a film")
    base = 'seconds = 1\ntakes = 9\n[footage]\nfolder = "films"\nlicence = "own"\nconsent = "all agreed"\n'
    takes, left_out = cast(write(base))
    assert disjoint(takes)
    assert sorted(len([t for t in takes if t.identity == who]) for who in {t.identity for t in takes}) == [2, 2, 4]
    assert {take.sound.start_s for take in takes} == {0.0, 1.0}
    assert all(take.methods == ("real", "talk") and take.sound.path == take.path for take in takes)
    assert not any(
        name in f"{take.take_id}{take.identity}{take.source_id}" for take in takes for name in ("ann", "bob")
    )
    reasons = "\n".join(left_out)
    assert len(left_out) == 3
    for reason in ("has no sound", "is shorter than 1 s", "notes.txt"):
        assert reason in reasons

    (tmp_path / "who.csv").write_text(
        "\ufeffpath,person_id\nfilms/ann/1.mp4,a\nfilms/ann/2.mp4,b\nfilms/bob.mp4,b\nfilms/cleo.mp4,c\nelsewhere.mp4,d\n"
    )
    takes, _ = cast(write(base + 'persons = "who.csv"'))
    assert sorted(len([t for t in takes if t.identity == who]) for who in {t.identity for t in takes}) == [2, 2, 4]
    (tmp_path / "who.csv").write_text("path,person_id\nfilms/bob.mp4,a\nfilms/bob.mp4,b\n")
    with pytest.raises(InputError, match=r"gives films/bob\.mp4 to two persons"):
        cast(write(base + 'persons = "who.csv"'))


def test_footage_may_be_a_folder_of_links(write: Write, tmp_path: Path) -> None:
    make_film(tmp_path / "archive" / "7.mp4", 2.5)
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "ann.mp4").symlink_to(tmp_path / "archive" / "7.mp4")
    (tmp_path / "who.csv").write_text("path,person_id\nfilms/ann.mp4,a\n")
    base = 'seconds = 1\n[splits]\ntest = 1.0\n[footage]\nfolder = "films"\nlicence = "own"\nconsent = "all agreed"\n'
    for plan in (base, base + 'persons = "who.csv"'):
        takes, left_out = cast(write(plan))
        assert takes
        assert not left_out


def test_copies_of_a_portrait_are_one_identity(write: Write, tmp_path: Path) -> None:
    for name, value in (("a.png", 1), ("b.png", 2), ("again/a.png", 1), ("c.jpg", 3)):
        make_picture(tmp_path / "faces" / name, value)
    plan = write('actors = 3\n[portraits]\nfolder = "faces"\nlicence = "own"\nconsent = "all agreed"')
    takes, left_out = cast(plan)
    portraits = [take for take in takes if take.identity.startswith("portrait:")]
    assert len(portraits) == 3
    assert all(take.methods == ("talk",) and take.consent == "all agreed" for take in portraits)
    assert "is a copy of" in left_out[0]
    assert disjoint(takes)


def test_speech_folder(write: Write, tmp_path: Path) -> None:
    for k in range(4):
        make_sound(tmp_path / "speech" / f"{k}.wav", 3 + k)
    make_sound(tmp_path / "speech" / "short.wav", 1)
    takes, left_out = cast(write('actors = 8\nseconds = 2\n[voices]\nfolder = "speech"\nlicence = "own"'))
    assert disjoint(takes)
    assert len(left_out) == 1
    for take in takes:
        assert take.sound.path is not None
        assert 0 <= take.sound.start_s <= 3 + int(take.sound.path.stem) - 2


def test_dry_run_counts(write: Write) -> None:
    facts = dry_run(write("actors = 10\ntakes = 2\nseconds = 3"))
    assert facts["clips"] == 40
    assert facts["clips_by_method"] == {"reference": 20, "talk": 20}
    assert facts["clips_by_split"] == {"train": 24, "val": 8, "test": 8}
    assert facts["minutes_of_video"] == 2.0
    longer = dry_run(write("actors = 10\ntakes = 2\nseconds = 6"))
    assert float(str(longer["estimated_minutes"])) > float(str(facts["estimated_minutes"])) > 0


def test_sentences_are_many_and_different() -> None:
    for language in languages():
        assert len(set(sentences(language))) == len(sentences(language)) >= 8
        assert all(20 < len(text) < 100 for text in sentences(language))
    assert sentences("en-us") == sentences("en")
    assert sentences("xx") == ()


def test_plans_can_be_sent_to_workers(write: Write) -> None:
    import pickle

    plan = write("actors = 3")
    assert pickle.loads(pickle.dumps(plan)) == plan
    assert dataclasses.is_dataclass(plan)


@pytest.mark.parametrize("quoted", ['"Jane agreed"', "'Jane agreed'", '"""Jane\nagreed"""', '"Jane \\"J\\" agreed"'])
def test_the_published_plan_hides_consents_and_paths(write: Write, tmp_path: Path, quoted: str) -> None:
    (tmp_path / "f").mkdir()
    plan = write(f'actors = 3\n[portraits]\nfolder = "{tmp_path}/f"\nlicence = "own"\nconsent = {quoted} # yes\n')
    text = public_text(plan)
    assert "Jane" not in text
    assert str(tmp_path) not in text
    assert 'folder = "f"' in text
    assert text.endswith("# yes\n")
    assert public_text(write("actors = 3 # all of them")) == "actors = 3 # all of them"


def test_the_plans_of_the_page_are_plans(write: Write, tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "dataset.md").read_text()
    smallest, everything, people = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(cast(write(smallest))[0]) == 12
    plan = write(everything)
    facts = dry_run(plan)
    assert facts["clips"] == 12 * 2 * (1 + 1 + 6 + 2 * 3) * 3
    for name in ("films", "faces", "others"):
        (tmp_path / name).mkdir()
    (tmp_path / "persons.csv").touch()
    loaded = write(people)
    assert None not in (loaded.footage, loaded.portraits, loaded.imports)


def test_donors_and_words_stay_in_their_split(write: Write) -> None:
    takes, _ = cast(
        write('actors = 12\ntakes = 2\nmethods = ["reference", "swap", "lipsync", "reenact"]\ndriver = "other"')
    )
    assert disjoint(takes)
    spoken = {take.sound: take for take in takes}
    for take in takes:
        assert take.donor is not None
        assert take.words is not None
        assert take.donor.split == take.split
        assert take.donor.identity != take.identity
        assert spoken[take.words].identity == take.identity  # another take of the same person, where there is one
        assert take.words != take.sound
    with pytest.raises(
        UsageError, match=r"actor:\d+ is alone in split (val|test), and swap needs another identity there"
    ):
        cast(write('actors = 5\nmethods = ["reference", "swap"]'))


def test_frame_rates_are_dealt_to_takes(write: Write) -> None:
    takes, _ = cast(write("actors = 12\ntakes = 2\nfps = [10, 25]"))
    assert {take.fps for take in takes} == {10.0, 25.0}
