"""The verify page in a real browser."""

import json
import os
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest

from tellmark.encoding import VideoWriter
from tellmark.media import rgb_to_i420
from tellmark.types import Kind
from tellmark.watermark.mark import mark_video

pytestmark = pytest.mark.browser

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytest.importorskip("uvicorn", reason="needs the extra tellmark[serve]")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """(marked, plain, broken) files; the first is known to the user's registry."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    ground = cv2.resize(rng.integers(50, 206, (24, 24, 3), dtype=np.uint8), (320, 320))
    plain = folder / "plain.mp4"
    with VideoWriter(plain, width=320, height=320, fps=25) as writer:
        for x in range(50):
            picture = ground.copy()
            cv2.circle(picture, (20 + 3 * x, 90), 30, (200, 60, 30), -1)
            writer.write(rgb_to_i420(picture))
    marked = mark_video(plain, folder / "marked.mp4", kind=Kind.SYNTHETIC).path
    broken = folder / "broken.mp4"
    broken.write_bytes(plain.read_bytes()[:2000])
    return marked, plain, broken


@pytest.fixture(scope="module")
def address(files):
    """A server of this user's registry."""
    script = "from tellmark.web import serve; serve(port=0, ready=lambda address: print(address, flush=True))"
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ.copy()) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=[*QUIET.split(), "--no-first-run"])
        yield started
        started.close()


@pytest.fixture(params=[(1280, 900), (390, 844)], ids=["desktop", "phone"])
def page(browser, address, request):
    """The page; at the end the browser must not have complained about anything, and nothing may stick out."""
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
    opened, complaints, elsewhere = context.new_page(), [], []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "request", lambda sent: elsewhere.append(sent.url) if not sent.url.startswith((address, "blob:")) else None
    )
    opened.goto(address)
    yield opened
    assert complaints == []
    assert elsewhere == []
    assert opened.locator("html").evaluate("(html) => html.scrollWidth") <= width
    context.close()


def test_several_files_one_after_another(page, files):
    page.set_input_files("#files", files)
    results = page.locator(".file")
    assert results.count() == 3
    for index, words in enumerate(["Intact", "Nothing found", "broken.mp4 "]):
        playwright.expect(results.nth(index).locator(".verdict strong")).to_contain_text(words, timeout=60_000)
    marked = results.nth(0)
    assert marked.locator(".evidence section").count() == 3
    assert marked.locator("canvas").count() == 6
    playwright.expect(marked.locator(".timeline .part")).to_have_count(1)  # drawn once the browser has laid it out
    assert "100 %" in marked.locator(".timeline").get_attribute("aria-label")
    assert "proves nothing" in results.nth(1).inner_text()
    with page.expect_download() as download:
        marked.get_by_text("Download JSON").click()
    verdict = json.loads(download.value.path().read_text())
    assert (verdict["schema"], verdict["verdict"], verdict["file"]) == ("tellmark.verdict/1", "intact", "marked.mp4")
    assert download.value.suggested_filename == "marked.mp4.verdict.json"


def test_what_lacks_the_mark_is_shown_where_asked(page, files):
    page.check("#localise")
    with page.expect_request(lambda sent: "localise=true" in sent.url):
        page.set_input_files("#files", files[0])
    marked = page.locator(".file").first
    playwright.expect(marked.locator(".verdict strong")).to_contain_text("Intact", timeout=60_000)
    assert marked.locator(".timeline .gap").count() == 0
    drawn = page.evaluate("""async () => {
        const { outline, timeline } = await import("/timeline.js");
        const canvas = document.createElement("canvas");
        outline([canvas], [[0, 4, 0.25, 0.25, 0.75, 0.75]], 4);
        const pixel = canvas.getContext("2d").getImageData(canvas.width / 4, canvas.height / 2, 1, 1).data;
        const svg = document.body.appendChild(timeline([[0, 4, 1e-9]], 4, [[1, 2, 0.1]]));
        await new Promise((done) => setTimeout(done, 200));
        return [...pixel, svg.querySelectorAll(".gap").length];
    }""")
    assert drawn[0] > 100 > drawn[1]
    assert drawn[-1] == 1


def test_times_of_the_axis_do_not_run_into_each_other(page):
    gaps = page.evaluate("""async () => {
        const { timeline } = await import("/timeline.js");
        const axes = [1.9, 6.4, 6.9, 10.2, 61, 754.5, 3725].map((seconds) => timeline([], seconds));
        document.querySelector("main").append(...axes);
        await new Promise((done) => setTimeout(done, 300));
        return axes.flatMap((axis) => {
            const boxes = [...axis.querySelectorAll("text")].map((label) => label.getBoundingClientRect());
            return boxes.slice(1).map((box, i) => box.left - boxes[i].right);
        });
    }""")
    assert len(gaps) > 14
    assert min(gaps) > 3


def test_the_frames_are_those_of_the_file(page, files):
    """The picture in the strip is the first one of the video, not a blank."""
    page.set_input_files("#files", files[0])
    page.locator(".frames canvas").first.wait_for(timeout=60_000)
    pixel = "(canvas) => [...canvas.getContext('2d').getImageData(canvas.width / 2, 5, 1, 1).data]"
    assert max(page.locator(".frames canvas").first.evaluate(pixel)[:3]) > 20


def test_keyboard_and_screen_reader(page, files):
    page.on("filechooser", lambda chooser: chooser.set_files(files[0]))
    page.keyboard.press("Tab")  # there are no results yet to skip to
    assert page.evaluate("() => document.activeElement.id") == "choose"
    page.keyboard.press("Enter")
    playwright.expect(page.get_by_role("heading", name="marked.mp4")).to_be_focused()
    playwright.expect(page.get_by_role("status")).to_contain_text("marked.mp4: Intact.", timeout=60_000)
    playwright.expect(page.get_by_role("heading", name="marked.mp4")).to_be_focused()
    page.locator("#choose").focus()
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("() => document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    playwright.expect(page.get_by_role("heading", name="Results")).to_be_focused()
    for role in ("banner", "main"):
        assert page.get_by_role(role).count() == 1


def test_dropping_and_cancelling(page, files):
    start = "() => { const d = new DataTransfer(); d.items.add(new File([%s], 'dropped.mp4')); return d; }"
    data = page.evaluate_handle(start % "new Uint8Array(1000)")
    page.dispatch_event("body", "dragenter", {"dataTransfer": data})
    playwright.expect(page.locator("#overlay")).to_be_visible()
    page.dispatch_event("body", "drop", {"dataTransfer": data})
    playwright.expect(page.locator("#overlay")).to_be_hidden()
    playwright.expect(page.locator(".file .verdict")).to_contain_text("not a video", timeout=60_000)
    page.set_input_files("#files", files[0])
    page.get_by_role("button", name="Cancel marked.mp4").click()
    playwright.expect(page.locator(".file").first.locator(".verdict")).to_contain_text("Cancelled")
    playwright.expect(page.get_by_role("heading", name="marked.mp4")).to_be_focused()


def test_on_paper(page, files):
    page.set_input_files("#files", files[0])
    playwright.expect(page.locator(".verdict strong")).to_contain_text("Intact", timeout=60_000)
    page.emulate_media(media="print", color_scheme="dark")
    for name in ("#choose", ".drop", ".button"):
        playwright.expect(page.locator(name).first).to_be_hidden()
    ink = page.locator(".verdict p").last.evaluate("(p) => getComputedStyle(p).color")
    assert max(int(part) for part in ink[4:-1].split(",")) < 100  # dark, whatever the screen's theme is
