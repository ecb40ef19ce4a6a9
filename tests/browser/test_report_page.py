"""The published reports in a real browser: nothing is fetched, nothing overflows, and they print."""

import re
import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")

PAGES = sorted((Path(__file__).resolve().parents[2] / "reports" / "published").glob("*/index.html"))
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    with playwright.sync_playwright() as driver:
        one = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        yield one
        one.close()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.parent.name)
def test_a_report_is_read_on_a_phone_and_on_paper(browser, path: Path, tmp_path: Path) -> None:
    for width, scheme in ((390, "dark"), (1100, "light")):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        said, asked = [], []
        page.on("console", lambda message, said=said: said.append(message.text))
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(path.as_uri())
        assert said == []
        assert [url for url in asked if not url.startswith(("data:", path.as_uri()))] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        widths = page.evaluate(
            "[...document.querySelectorAll('figure > svg')].map(s => s.getBoundingClientRect().width)"
        )
        assert widths
        assert min(widths) > 200
        page.close()
    page = browser.new_page()
    page.goto(path.as_uri())
    pdf = page.pdf(path=str(tmp_path / "page.pdf"), prefer_css_page_size=True)
    assert 5 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 20
