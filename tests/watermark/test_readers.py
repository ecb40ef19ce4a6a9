"""Readers that share no code with c2pa-rs take our files for valid, and damaged ones for invalid.

c2pa-ts (TypeScript) and encypher-c2pa (a Rust core of its own) are fetched into a temporary folder: they are no
dependencies of this package, and nothing of them stays. c2pa-ts knows the boxes of MP4, but its list of brands names
HEIC alone; the test adds the brands of MP4 to it.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import cv2
import pytest

from tellmark.benchmarks.channels import remux
from tellmark.types import Kind
from tellmark.watermark.credentials import Ingredient, Provenance, sign
from tellmark.watermark.identity import keys

pytestmark = pytest.mark.network

C2PA_TS = "@trustnxt/c2pa-ts@0.9.4"
ENCYPHER = "encypher-c2pa==1.7.1"
PAYLOAD = "1123456789abcdef"
INSTALL_S = 120
RUN = {"capture_output": True, "text": True, "timeout": 60}

TS_PROGRAM = """
import * as fs from 'node:fs/promises';
import { BMFF, JPEG, PNG } from '@trustnxt/c2pa-ts/asset';
import { SuperBox } from '@trustnxt/c2pa-ts/jumbf';
import { ManifestStore, ValidationResult } from '@trustnxt/c2pa-ts/manifest';
for (const brand of ['isom', 'mp42', 'qt  ']) BMFF.canReadBrands.add(brand);
const bytes = await fs.readFile(process.argv[2]);
const Format = [JPEG, PNG, BMFF].find((format) => format.canRead(bytes));
const asset = new Format(bytes);
let result;
try {
  result = await ManifestStore.read(SuperBox.fromBuffer(asset.getManifestJUMBF())).validate(asset);
} catch (error) {
  result = ValidationResult.fromError(error);
}
console.log(JSON.stringify({
  valid: result.isValid,
  failures: result.statusEntries.filter((entry) => !entry.success).map((entry) => entry.code),
}));
"""
ENCYPHER_PROGRAM = """
import json, pathlib, sys
import encypher_c2pa
report = encypher_c2pa.verify(
    pathlib.Path(sys.argv[1]).read_bytes(), sys.argv[2], trust_pem=pathlib.Path(sys.argv[3]).read_text(),
    no_default_trust=True, telemetry=False, online=False,
)
failures = [failure["code"] for failure in report["validation_results"]["failure"]]
print(json.dumps({"state": report["validation_state"], "binding": report["hard_binding"], "failures": failures}))
"""


@pytest.fixture(scope="module")
def files(plain_clip, pictures, tmp_path_factory):
    """Signed by us: a made clip, marked copies of it with their parent, in the file and recovered, two pictures.

    And the clip with one byte off.
    """
    folder = tmp_path_factory.mktemp("signed")
    portrait = Ingredient("portrait", "actor:7", "image/png", "a" * 64)
    made = Provenance(
        Kind.SYNTHETIC,
        "made.mp4",
        model_name="engine",
        parameters={"seed": 7, "fps": 25.0, "mirrored": False},
        ingredients=(portrait,),
        consent_sha256="c" * 64,
    )
    store = sign(plain_clip, folder / "made.mp4", made, PAYLOAD, {"fingerprint_sha256": "d" * 64})
    parent = Ingredient("source", "made.mp4", "video/mp4", "e" * 64, path=folder / "made.mp4")
    marked = Provenance(Kind.SYNTHETIC, "marked.mp4", ingredients=(parent,), parent="source")
    sign(folder / "made.mp4", folder / "marked.mp4", marked, PAYLOAD)
    stripped = folder / "stripped.mp4"
    remux(folder / "made.mp4", stripped)
    found = Ingredient("source", "stripped.mp4", "video/mp4", "e" * 64, path=stripped, store=store)
    sign(stripped, folder / "recovered.mp4", replace(marked, ingredients=(found,)), PAYLOAD)
    for suffix in ("jpg", "png"):
        cv2.imwrite(str(folder / f"plain.{suffix}"), pictures(0, 1)[0])
        sign(folder / f"plain.{suffix}", folder / f"picture.{suffix}", Provenance(Kind.SYNTHETIC, "p"), PAYLOAD)
    data = bytearray((folder / "made.mp4").read_bytes())
    data[-1000] ^= 0xFF
    (folder / "flipped.mp4").write_bytes(data)
    return folder


def install(command, folder):
    """Run a package manager, or skip with what it said."""
    try:
        done = subprocess.run(command, cwd=folder, check=False, **(RUN | {"timeout": INSTALL_S}))
    except subprocess.TimeoutExpired:
        pytest.skip(f"{command[0]} got no answer from the registry in {INSTALL_S} s")
    if done.returncode != 0:
        pytest.skip(f"the reader cannot be fetched: {done.stderr.strip().splitlines()[-1:]}")


@pytest.fixture(scope="module")
def c2pa_ts(tmp_path_factory):
    """Runs c2pa-ts on a file."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("needs node and npm")
    folder = tmp_path_factory.mktemp("c2pa-ts")
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    (folder / "read.mjs").write_text(TS_PROGRAM)
    install(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", C2PA_TS], folder)

    def read(path):
        done = subprocess.run(["node", "read.mjs", path], cwd=folder, check=False, **RUN)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return read


@pytest.fixture(scope="module")
def encypher(tmp_path_factory):
    """Runs encypher-c2pa on a file, trusting our development root, telemetry and network off."""
    folder = tmp_path_factory.mktemp("encypher")
    install([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), ENCYPHER], folder)
    root = folder / "root.pem"
    root.write_text(keys.anchors_pem())
    settings = {"PYTHONPATH": str(folder), "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}

    def read(path, mime):
        command = [sys.executable, "-c", ENCYPHER_PROGRAM, str(path), mime, str(root)]
        done = subprocess.run(command, env={**os.environ, **settings}, check=False, **RUN)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return read


@pytest.mark.parametrize("name", ["made.mp4", "marked.mp4", "recovered.mp4", "picture.jpg", "picture.png"])
def test_c2pa_ts_finds_our_files_valid(files, c2pa_ts, name):
    assert c2pa_ts(files / name) == {"valid": True, "failures": []}


def test_c2pa_ts_finds_a_flipped_byte(files, c2pa_ts):
    assert c2pa_ts(files / "flipped.mp4") == {"valid": False, "failures": ["assertion.bmffHash.mismatch"]}


@pytest.mark.parametrize(
    ("name", "mime"),
    [
        ("made.mp4", "video/mp4"),
        ("marked.mp4", "video/mp4"),
        ("recovered.mp4", "video/mp4"),
        ("picture.jpg", "image/jpeg"),
        ("picture.png", "image/png"),
    ],
)
def test_encypher_finds_our_files_trusted(files, encypher, name, mime):
    assert encypher(files / name, mime) == {"state": "Trusted", "binding": "match", "failures": []}


def test_encypher_finds_a_flipped_byte(files, encypher):
    report = encypher(files / "flipped.mp4", "video/mp4")
    assert (report["state"], report["failures"]) == ("Invalid", ["assertion.bmffHash.mismatch"])
