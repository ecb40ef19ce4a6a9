"""POST /api/verify and the jobs behind it: verdicts, progress, limits, and what must not be left behind."""

import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tellmark.encoding import VideoWriter
from tellmark.watermark.explain import explain
from tellmark.watermark.verify import verify
from tellmark.web.limits import Limits

RAW = {"Content-Type": "application/octet-stream"}


def asked(client, data, name="clip.mp4", **more):
    return client.post("/api/verify", params={"wait": "true", "name": name}, content=data, headers=RAW, **more)


def ended(client, job, seconds=60):
    for _ in range(int(seconds / 0.05)):
        state = client.get(f"/api/jobs/{job}").json()
        if state["state"] not in ("queued", "running"):
            return state
        time.sleep(0.05)
    raise AssertionError(state)


def is_error(answer, status, *words):
    body = answer.json()
    assert answer.status_code == status, body
    assert body["schema"] == "tellmark.error/1"
    assert body["what_to_do"]
    for word in words:
        assert word in body["error"]
    return body


def test_the_verdict_is_that_of_the_library_under_the_clients_name(serving, clips):
    expected = verify(clips.marked, registry=clips.registry)
    with serving() as client:
        answer = asked(client, clips.marked.read_bytes(), "my clip.mp4")
        assert answer.status_code == 200
    wanted = expected.to_json() | {"file": "my clip.mp4"}
    wanted["watermark"]["segments"] = [list(part) for part in expected.watermark.segments]
    wanted["c2pa"]["codes"] = list(expected.c2pa.codes)
    assert answer.json() == wanted
    assert answer.json()["verdict"] == "intact"


def test_a_job_reports_its_progress_and_then_the_verdict(serving, clips):
    with serving() as client:
        answer = client.post("/api/verify?name=clip.mp4", content=clips.marked.read_bytes(), headers=RAW)
        job = answer.json()
        assert answer.status_code == 202
        assert answer.headers["location"] == f"/api/jobs/{job['id']}"
        assert (job["schema"], job["file"], job["verdict"]) == ("tellmark.job/1", "clip.mp4", None)
        state = ended(client, job["id"])
    assert state["state"] == "done"
    assert state["progress"] == [60, 60]
    assert state["verdict"]["verdict"] == "intact"
    assert state["explanation"] == explain(verify(clips.marked, registry=clips.registry))


def test_answers_are_forgotten(serving, clips):
    with serving(Limits(keep_s=0.2)) as client:
        job = client.post("/api/verify", content=clips.marked.read_bytes(), headers=RAW).json()["id"]
        time.sleep(0.1)
        while client.get(f"/api/jobs/{job}").status_code == 200:
            time.sleep(0.1)
        is_error(client.get(f"/api/jobs/{job}"), 404, "no such job")


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b.mp4", "a\\b.mp4", "..", "a\nb.mp4", "a\0.mp4", "x" * 300])
def test_a_name_that_is_a_path_is_refused(serving, clips, name):
    with serving() as client:
        is_error(asked(client, clips.plain.read_bytes(), name), 400, "name")


def test_an_empty_body_and_a_form_are_refused(serving, clips):
    with serving() as client:
        is_error(asked(client, b""), 400, "empty")
        is_error(client.post("/api/verify", files={"file": clips.plain.read_bytes()}), 415, "form")


def test_too_large_is_refused_whether_declared_or_not(serving):
    with serving(Limits(max_bytes=100_000)) as client:
        is_error(asked(client, bytes(100_001)), 413, "larger")
        is_error(asked(client, (bytes(50_000) for _ in range(3))), 413, "larger")  # chunked: no Content-Length


@pytest.mark.parametrize("wrong", [-100, 100])
def test_a_content_length_that_lies_is_refused(serving, clips, wrong):
    data = clips.plain.read_bytes()
    with serving() as client:
        headers = RAW | {"Content-Length": str(len(data) + wrong)}
        is_error(client.post("/api/verify", content=data, headers=headers), 400, "Content-Length")


def test_what_is_no_media_is_told_from_what_is_damaged(serving, clips):
    with serving() as client:
        is_error(asked(client, b"these are words, " * 100, "words.txt"), 415, "words.txt")
        body = is_error(asked(client, clips.plain.read_bytes()[:2000]), 422, "clip.mp4")
        assert "upload" not in body["error"]


def test_the_time_for_one_file_is_limited(serving, clips):
    with serving(Limits(wall_s=0.1)) as client:
        is_error(asked(client, clips.plain.read_bytes()), 504, "longer")


def test_a_video_of_many_huge_frames_runs_into_the_limit_of_processor_time(serving, tmp_path):
    bomb = tmp_path / "bomb.mp4"
    black = np.zeros((2048 * 3 // 2, 2048), np.uint8)
    with VideoWriter(bomb, width=2048, height=2048, fps=25) as writer:
        for _ in range(60):
            writer.write(black)
    assert bomb.stat().st_size < 500_000
    with serving(Limits(cpu_s=2)) as client:
        is_error(asked(client, bomb.read_bytes()), 504, "longer")


def test_the_memory_for_one_file_is_limited(serving, tmp_path):
    bomb = tmp_path / "wide.mp4"
    with VideoWriter(bomb, width=8192, height=8192, fps=25) as writer:
        writer.write(np.zeros((8192 * 3 // 2, 8192), np.uint8))
    with serving(Limits(memory_bytes=850_000_000)) as client:
        is_error(asked(client, bomb.read_bytes()), 422)


def test_a_picture_that_unpacks_to_gigabytes_is_refused(serving):
    side = 60_000
    rows = zlib.compressobj(9)
    packed = b"".join(rows.compress(bytes(1 + side // 8)) for _ in range(side)) + rows.flush()

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    assert len(png) < 1_000_000
    with serving() as client:
        is_error(asked(client, png, "bomb.png"), 422, "bomb.png")


def test_no_more_files_than_there_is_room_for(serving, clips):
    data = clips.marked.read_bytes()
    with serving(Limits(workers=1, waiting=1)) as client:
        jobs = [client.post("/api/verify", content=data, headers=RAW) for _ in range(3)]
        assert [answer.status_code for answer in jobs] == [202, 202, 503]
        is_error(jobs[2], 503)
        assert jobs[2].headers["retry-after"]
        for answer in jobs[:2]:
            assert ended(client, answer.json()["id"])["state"] == "done"
        assert asked(client, data).status_code == 200


def test_a_job_can_be_cancelled_while_it_waits_and_while_it_runs(serving, clips):
    data = clips.plain.read_bytes()  # without a mark the search is long
    with serving() as client:
        running, queued = (client.post("/api/verify", content=data, headers=RAW).json()["id"] for _ in range(2))
        assert client.get(f"/api/jobs/{queued}").json()["state"] == "queued"
        for job in (queued, running):
            state = client.delete(f"/api/jobs/{job}").json()
            assert (state["state"], state["status"]) == ("cancelled", 410)
        assert asked(client, data).status_code == 200


def test_fifty_uploads_at_once_are_neither_lost_nor_mixed_up(serving, clips):
    """Every file is a little different, so that its hash tells whose verdict came back."""
    import hashlib

    data, gate = clips.marked.read_bytes(), threading.Barrier(50)
    files = [data + struct.pack(">I4sI", 12, b"free", number) for number in range(50)]

    def send(number):
        gate.wait()
        return client.post(f"/api/verify?name={number}.mp4", content=files[number], headers=RAW)

    with serving(Limits(workers=2)) as client:
        with ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(send, range(50)))
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json()["id"] for answer in answers}) == 50
        # Looking at all of them would take too long here; what the queue holds and gives back is the same for four.
        for number, answer in enumerate(answers):
            if number % 16:
                client.delete(f"/api/jobs/{answer.json()['id']}")
        for number in range(0, 50, 16):
            state = ended(client, answers[number].json()["id"])
            assert state["verdict"]["sha256"] == hashlib.sha256(files[number]).hexdigest()
            assert state["verdict"]["file"] == f"{number}.mp4"


def test_the_room_for_files_that_wait_is_limited(serving, monkeypatch):
    monkeypatch.setattr(Limits, "stored_bytes", property(lambda _: 1000))
    with serving() as client:
        is_error(asked(client, bytes(2000)), 503, "too many files are waiting")


def test_what_lacks_the_mark_is_looked_for_where_asked(serving, clips):
    with serving() as client:
        data = clips.marked.read_bytes()
        plain, asked_for = (
            client.post("/api/verify", params={"wait": "true", "localise": each}, content=data, headers=RAW).json()
            for each in ("false", "true")
        )
    assert plain["watermark"]["missing"] is None
    missing = asked_for["watermark"]["missing"]
    assert missing["spans"] == missing["regions"] == []
    assert missing["judged"] > 0.5
