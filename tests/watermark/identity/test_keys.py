import datetime as dt
import logging
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tellmark.errors import UsageError
from tellmark.watermark.identity import certificates, development, keys
from tellmark.watermark.registry import location


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("TELLMARK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_the_first_use_makes_a_private_identity_and_the_second_keeps_it(home):
    first = keys.identity()
    assert first.development
    assert first.algorithm == "es256"
    assert keys.identity() == first
    for name in ("root.key", "signer.pem"):
        assert stat.S_IMODE((home / "identity" / name).stat().st_mode) == 0o600
    assert sorted(path.name for path in home.iterdir()) == ["identity"]


def test_the_leaf_fits_the_c2pa_profile_and_hangs_on_the_root(home):
    leaf = keys.identity().leaf
    root = x509.load_pem_x509_certificate(keys.anchors_pem().encode())
    leaf.verify_directly_issued_by(root)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= dt.timedelta(days=366)
    usages = {usage.dotted_string for usage in leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value}
    assert usages == {"1.3.6.1.5.5.7.3.4", "1.3.6.1.4.1.62558.2.1"}
    leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    leaf.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)


def test_processes_that_start_at_once_agree_on_one_identity(home):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: keys.identity().chain_pem, range(16)))
    assert len(set(made)) == 1
    assert sorted(path.name for path in home.iterdir()) == ["identity"]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="a folder that nobody can write, not even root")
def test_a_home_that_cannot_be_written_is_said(monkeypatch):
    monkeypatch.setenv("TELLMARK_HOME", "/proc/self")
    with pytest.raises(UsageError, match=r"cannot be made .*; set TELLMARK_HOME"):
        keys.identity()
    assert keys.trust_pem() == ""  # to verify needs none


def test_an_expiring_leaf_is_renewed_under_the_same_root(home, monkeypatch):
    monkeypatch.setattr(development, "LEAF_DAYS", 10)  # less than RENEWAL_DAYS, as after eleven months
    development._create(home / "identity")
    old, root = (home / "identity" / "signer.pem").read_bytes(), keys.trust_pem()
    monkeypatch.setattr(development, "LEAF_DAYS", 365)
    renewed = keys.identity()
    assert renewed.leaf.not_valid_after_utc - certificates.now() > dt.timedelta(days=300)
    assert renewed.chain_pem not in old
    assert keys.trust_pem() == root
    renewed.leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(root.encode()))


def test_a_leaf_never_outlives_its_root():
    key = ec.generate_private_key(ec.SECP256R1())
    root = certificates.issue(certificates.name("root"), key.public_key(), None, key, days=5)
    leaf = certificates.issue(certificates.name("leaf"), key.public_key(), root, key, days=365)
    assert leaf.not_valid_after_utc == root.not_valid_after_utc


def test_a_damaged_identity_says_which_folder_to_move_away(home):
    keys.identity()
    (home / "identity" / "signer.pem").write_text("rubbish")
    with pytest.raises(UsageError, match=r"identity is damaged; move the folder away"):
        keys.identity()


def test_development_signing_warns_once(home, caplog, monkeypatch):
    monkeypatch.setattr(keys, "_warned", set())
    with caplog.at_level(logging.WARNING):
        keys.identity()
        keys.identity()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "development identity" in caplog.text


@pytest.mark.parametrize("as_file", [False, True])
def test_the_environment_comes_first_as_text_or_as_file(home, authority, tmp_path, monkeypatch, as_file):
    certificate, key = authority("Agency").leaf(name="Agency signer")
    if as_file:
        (tmp_path / "chain.pem").write_text(certificate)
        (tmp_path / "key.pem").write_text(key)
        certificate, key = str(tmp_path / "chain.pem"), str(tmp_path / "key.pem")
    monkeypatch.setenv("C2PA_SIGN_CERT", certificate)
    monkeypatch.setenv("C2PA_PRIVATE_KEY", key)
    assert not keys.identity().development
    assert keys.show()["subject"] == "CN=Agency signer,O=Test"
    assert keys.show()["source"] == "environment"
    assert not (home / "identity").exists()
    with pytest.raises(UsageError, match="root of its authority"):
        keys.anchors_pem()


def test_wrong_environments_are_refused_with_a_reason(home, authority, monkeypatch):
    agency = authority("Agency")
    certificate, _ = agency.leaf()
    monkeypatch.setenv("C2PA_SIGN_CERT", certificate)
    with pytest.raises(UsageError, match="set both"):
        keys.identity()
    monkeypatch.setenv("C2PA_PRIVATE_KEY", agency.leaf()[1])
    with pytest.raises(UsageError, match="is not the key"):
        keys.identity()
    monkeypatch.setenv("C2PA_PRIVATE_KEY", "/nowhere/key.pem")
    with pytest.raises(UsageError, match="neither PEM text nor a readable file"):
        keys.identity()
    agency.use(monkeypatch, agency.leaf(-30, -2))
    with pytest.raises(UsageError, match="valid today"):
        keys.identity()


def test_verifying_never_makes_an_identity(home, authority, tmp_path, monkeypatch):
    assert keys.trust_pem() == ""
    assert not (home / "identity").exists()
    anchors = authority("Agency").anchors(tmp_path)
    assert keys.trust_pem(anchors) == anchors.read_text()
    monkeypatch.setenv("C2PATOOL_TRUST_ANCHORS", str(anchors))
    assert keys.trust_pem() == anchors.read_text()
    with pytest.raises(UsageError, match="no PEM certificates"):
        keys.trust_pem(Path(__file__))


def test_no_key_material_in_facts_or_repr(home):
    identity = keys.identity()
    assert "PRIVATE" not in repr(identity) + str(keys.show())
    assert keys.show()["days_left"] >= 364


@pytest.fixture
def settings_file(home, tmp_path):
    """Writes ``config.toml``."""

    def write(text):
        home.mkdir(exist_ok=True)
        (home / "config.toml").write_text(text)

    return write


def pem_files(folder, leaf, name):
    for kind, text in zip(("chain", "key"), leaf, strict=True):
        (folder / f"{name}.{kind}.pem").write_text(text)
    return f"{name}.chain.pem", f"{name}.key.pem"


def test_flags_come_before_the_environment_and_that_before_the_settings(
    home, settings_file, authority, tmp_path, monkeypatch
):
    agency = authority("Agency")
    home.mkdir()
    chain, key = pem_files(home, agency.leaf(name="By settings"), "s")
    assert keys.identity().development
    settings_file(f'[signing]\ncertificate = "{chain}"\nkey = "{key}"\ntimestamp_url = "http://settings"')
    assert keys.show()["source"] == "settings"
    assert keys.show()["subject"] == "CN=By settings,O=Test"
    assert keys.show()["timestamp_url"] == "http://settings"
    agency.use(monkeypatch, agency.leaf(name="By environment"))
    monkeypatch.setenv("TELLMARK_TSA_URL", "http://environment")
    assert (keys.show()["subject"], keys.show()["source"]) == ("CN=By environment,O=Test", "environment")
    assert keys.show()["timestamp_url"] == "http://environment"
    chain, key = pem_files(tmp_path, agency.leaf(name="By flags"), "f")
    with keys.use(keys.named(str(tmp_path / chain), str(tmp_path / key), timestamp_url="http://flags")):
        assert keys.show()["subject"] == "CN=By flags,O=Test"
        assert keys.show()["timestamp_url"] == "http://flags"
    assert keys.named() is None
    assert keys.named(timestamp_url="http://x").leaf.subject.rfc4514_string() == "CN=By environment,O=Test"
    with pytest.raises(UsageError, match="set both --sign-cert and one of --sign-key and --sign-command"):
        keys.named(certificate=str(tmp_path / chain))


def test_settings_name_roots_and_a_registry_too(home, settings_file, authority, tmp_path, monkeypatch):
    home.mkdir()
    anchors = authority("Agency").anchors(home)
    settings_file(f'[trust]\nanchors = "{anchors.name}"\n[registry]\nurl = "clips.sqlite"')
    assert keys.trust_pem() == anchors.read_text()
    assert location() == home / "clips.sqlite"
    monkeypatch.setenv("HOME", str(tmp_path))
    settings_file('[registry]\nurl = "~/clips.sqlite"')
    assert location() == tmp_path / "clips.sqlite"
    settings_file('[registry]\nurl = "postgresql://me@host/clips"')
    assert location() == "postgresql://me@host/clips"
    assert location(tmp_path / "given") == tmp_path / "given"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("certificate = 'x'", "is not known"),
        ("[singing]\nkey = 'x'", r"\[singing\] is not known"),
        ("[signing]\ncert = 'x'", "takes text for certificate"),
        ("[signing]\nkey = 7", "takes text"),
        ("[signing\n", "cannot be read"),
        ("[signing]\nkey = 'x'", "set both certificate in"),
        ("[signing]\ncertificate = 'none.pem'\nkey = 'none.pem'", "neither PEM text nor a readable file"),
    ],
)
def test_wrong_settings_are_refused_with_a_reason(settings_file, text, words):
    settings_file(text)
    with pytest.raises(UsageError, match=words):
        keys.identity()
