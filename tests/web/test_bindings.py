"""The Soft Binding Resolution API, against what c2pa itself reads in the manifest stores."""

import base64
import io
import json
import sqlite3

import pytest
from c2pa import Reader

from tellmark.watermark.claims import SOFT_BINDING_ALGORITHM
from tellmark.watermark.jumbf import identifier
from tellmark.watermark.registry import Registry
from tellmark.watermark.stores.entry import Entry
from tellmark.web.bindings import Resolver


def encoded(payload):
    return base64.b64encode(payload.encode()).decode()


def active_manifest(store):
    """The identifier as c2pa gives it."""
    with Reader("application/c2pa", io.BytesIO(store)) as reader:
        return json.loads(reader.json())["active_manifest"]


def by_binding(client, value, alg=SOFT_BINDING_ALGORITHM, **more):
    return client.get("/matches/byBinding", params={"alg": alg, "value": value, **more})


def test_from_a_payload_to_the_manifest_store(serving, clips):
    with Registry(clips.registry) as rows:
        (entry,) = rows.find(clips.payload)
    with serving() as client:
        answer = by_binding(client, encoded(clips.payload))
        assert answer.status_code == 200
        (match,) = answer.json()["matches"]
        assert match == {"manifestId": active_manifest(entry.manifest), "similarityScore": 100}
        store = client.get(f"/manifests/{match['manifestId']}")
        fingerprint = client.get(f"/fingerprints/{match['manifestId']}")
        assert client.get("/fingerprints/urn:c2pa:none").status_code == 404
    assert store.headers["content-type"] == "application/c2pa"
    assert store.content == entry.manifest
    assert fingerprint.content == entry.fingerprint


def test_the_payload_may_come_as_bytes_in_either_alphabet_or_by_post(serving, clips):
    raw = bytes.fromhex(clips.payload)
    with serving() as client:
        expected = by_binding(client, encoded(clips.payload)).json()
        assert by_binding(client, base64.b64encode(raw).decode()).json() == expected
        assert by_binding(client, base64.urlsafe_b64encode(raw).decode().rstrip("=")).json() == expected
        query = {"alg": SOFT_BINDING_ALGORITHM, "value": encoded(clips.payload)}
        assert client.post("/matches/byBinding", json=query).json() == expected


def test_a_payload_nobody_registered_has_no_matches(serving):
    with serving() as client:
        assert by_binding(client, encoded("11" + "0" * 14)).json() == {"matches": []}
        assert client.get("/manifests/urn:c2pa:00000000-0000-4000-8000-000000000000").status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        {"alg": "com.example.other", "value": "AAAA"},
        {"value": "AAAA"},
        {"alg": SOFT_BINDING_ALGORITHM},
        {"alg": SOFT_BINDING_ALGORITHM, "value": "not base64!"},
        {"alg": SOFT_BINDING_ALGORITHM, "value": "AAAA"},
        {"alg": SOFT_BINDING_ALGORITHM, "value": encoded("11" + "0" * 14), "maxResults": "0"},
        {"alg": SOFT_BINDING_ALGORITHM, "value": encoded("11" + "0" * 14), "maxResults": "many"},
    ],
)
def test_a_query_that_cannot_be_answered(serving, query):
    with serving() as client:
        answer = client.get("/matches/byBinding", params=query)
        assert answer.status_code == 400
        assert answer.json()["what_to_do"]


def test_from_a_file_to_its_manifests(serving, clips):
    with Registry(clips.registry) as rows:
        (entry,) = rows.find(clips.payload)
    headers = {"Content-Type": "video/mp4"}
    with serving() as client:
        answer = client.post(
            "/matches/byContent",
            params={"alg": SOFT_BINDING_ALGORITHM},
            content=clips.marked.read_bytes(),
            headers=headers,
        )
        unmarked = client.post("/matches/byContent", content=clips.plain.read_bytes(), headers=headers)
    assert answer.json() == {"matches": [{"manifestId": active_manifest(entry.manifest), "similarityScore": 100}]}
    assert unmarked.json() == {"matches": []}


def test_what_the_service_offers_and_what_not(serving):
    with serving() as client:
        offered = client.get("/services/supportedAlgorithms").json()
        assert offered == {"watermarks": [{"alg": SOFT_BINDING_ALGORITHM}], "fingerprints": []}
        for path in ("/manifests", "/bindings"):
            answer = client.post(path, content=b"{}")
            assert (answer.status_code, answer.json()["schema"]) == (501, "tellmark.error/1")
        assert client.get("/manifests/x?returnActiveManifest=true").status_code == 501


def test_rows_that_come_later_are_found_and_the_newest_come_first(clips, tmp_path):
    with Registry(clips.registry) as rows:
        (entry,) = rows.find(clips.payload)
    other = entry.manifest.replace(active_manifest(entry.manifest).encode(), b"urn:c2pa:" + b"1" * 36)
    registry = tmp_path / "registry.sqlite"
    resolver = Resolver(registry)
    assert resolver.entry(active_manifest(entry.manifest)) is None
    assert not registry.exists(), "asking made a registry"
    with Registry(registry) as rows:
        rows.add(entry)
        assert resolver.entry(active_manifest(entry.manifest)) == entry
        rows.add(Entry(entry.payload, other, entry.fingerprint, "again", "0" * 64))
    assert resolver.entry("urn:c2pa:" + "1" * 36).manifest == other
    found = [match["manifestId"] for match in resolver.matches(entry.payload, 10)["matches"]]
    assert found == ["urn:c2pa:" + "1" * 36, active_manifest(entry.manifest)]
    assert len(resolver.matches(entry.payload, 1)["matches"]) == 1
    assert "similarityScore" not in resolver.matches(entry.payload, 1, None)["matches"][0]
    assert resolver.matches(entry.payload, 1, False)["matches"][0]["similarityScore"] == 0
    resolver.close()


def test_a_damaged_store_has_no_identifier(clips):
    with Registry(clips.registry) as rows:
        (entry,) = rows.find(clips.payload)
    assert identifier(entry.manifest) == active_manifest(entry.manifest)
    rng = __import__("random").Random(0)
    for _ in range(300):
        data = bytearray(entry.manifest[: rng.randrange(len(entry.manifest))])
        for _ in range(4):
            if data:
                data[rng.randrange(min(len(data), 400))] = rng.randrange(256)
        assert identifier(bytes(data)) is None or isinstance(identifier(bytes(data)), str)
    assert identifier(b"") is None
    assert identifier(entry.manifest[:200]) is None


def test_a_registry_that_cannot_be_read_is_the_servers_problem(serving, tmp_path):
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"this is no registry" * 100)
    with serving(registry=broken) as client:
        answers = [by_binding(client, encoded("11" + "0" * 14)), client.get("/manifests/x")]
        for answer in answers:
            assert answer.status_code == 503
            assert str(tmp_path) not in answer.text


def test_reading_does_not_write(serving, clips):
    with sqlite3.connect(clips.registry) as connection:
        before = list(connection.execute("SELECT * FROM clips"))
    connection.close()
    with serving() as client:
        by_binding(client, encoded(clips.payload))
        client.get("/manifests/x")
    with sqlite3.connect(clips.registry) as connection:
        assert list(connection.execute("SELECT * FROM clips")) == before
    connection.close()
