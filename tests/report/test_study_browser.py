"""The page of a study as a browser shows it: no faults, no network, enough contrast."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import Browser, find
from study_points import FAILED, LAW, LENGTHS, STORE, counted, points_of, study_of

from qnetsim.report.study import arrays
from qnetsim.report.study.page import render
from qnetsim.report.study.shown import Shown

PHONE, DESK = (360, 780), (1280, 900)

OVERFLOW = """
(() => {
  const page = document.scrollingElement, edge = page.clientWidth + 0.5;
  const over = [...document.querySelectorAll("main *")].filter(e =>
    !e.closest(".wide, pre, svg") && e.getBoundingClientRect().right > edge);
  return {page: page.scrollWidth - page.clientWidth, over: over.map(e => e.outerHTML.slice(0, 80))};
})()
"""
CONTRAST = """
(() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgb = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = colour => {
    const [r, g, b] = rgb(colour).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (one, other) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (rgb(colour)[3] === 255) return colour;
    }
    return "white";
  };
  let text = 99, lines = 99, bars = 99, count = 0;
  for (const e of document.querySelectorAll("body *")) {
    const style = getComputedStyle(e);
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (own) {
      const ink = e.closest("svg") ? style.fill : style.color;
      text = Math.min(text, ratio(ink, behind(e))); count += 1;
    }
    if (e.matches("svg path, svg use") && style.stroke !== "none")
      lines = Math.min(lines, ratio(style.stroke, behind(e)));
    if (e.matches(".stack span, .swatch"))
      bars = Math.min(bars, ratio(style.backgroundColor, behind(e.parentElement)));
  }
  return {paper: light(behind(document.body)), text, lines, bars, count};
})()
"""
LETTERS = """
Math.min(...[...document.querySelectorAll("figure svg text")].map(e => {
  const svg = e.closest("svg");
  return parseFloat(getComputedStyle(e).fontSize) * svg.clientWidth / svg.viewBox.baseVal.width;
}))
"""
OPEN = "document.querySelectorAll('details').forEach(one => { one.open = true; })"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if find() is None:
        if os.environ.get("QNETSIM_REQUIRE_BROWSER") == "1":
            pytest.fail("QNETSIM_REQUIRE_BROWSER is set and no Chromium is on the PATH")
        pytest.skip("no Chromium is on the PATH")
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with everything that one can have: hostile names, failures, arrays, missing blocks."""
    study = study_of([{"path": "nodes.*.t2_s", "values": [1e-4, 1e-3]}, LENGTHS])
    points = points_of(study, p1={"blocks": 2, "ended": False}, p2=FAILED)
    points[3:] = [counted(point, heralds_blinded=3) for point in points[3:]]
    path = tmp_path_factory.mktemp("page") / "r.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays.deviations_of, "__defaults__", (lambda _: LAW,))
        path.write_text(render([Shown(study, points)], STORE), encoding="utf-8")
    return path


def faults(browser: Browser) -> list[dict[str, Any]]:
    told = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
    return [event for event in browser.events if event.get("method") in told]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_a_page_fits_reads_well_and_asks_for_nothing(
    browser: Browser, page: Path, size: tuple[int, int], scheme: str
) -> None:
    browser.open(page, *size, scheme)
    browser.value(OPEN)
    seen = browser.value(CONTRAST)
    assert browser.value(OVERFLOW) == {"page": 0, "over": []}
    assert seen["count"] > 200
    assert (seen["paper"] > 0.8) is (scheme == "light")
    assert seen["text"] >= 4.5
    assert seen["lines"] >= 3
    assert seen["bars"] >= 3
    assert browser.value(LETTERS) >= 8
    assert not faults(browser)
    asked = [e["params"]["request"]["url"] for e in browser.events
             if e.get("method") == "Network.requestWillBeSent"]  # fmt: skip
    assert asked == [page.resolve().as_uri()]


def test_a_page_can_be_read_without_a_mouse_and_by_machines(browser: Browser, page: Path) -> None:
    browser.open(page, *PHONE, "light")
    assert browser.value("document.documentElement.lang") == "en"
    assert browser.value("[...document.querySelectorAll('figure svg')].every(e => e.ariaLabel)")
    tables = "[...document.querySelectorAll('.wide')].every(e => e.tabIndex === 0 && e.ariaLabel)"
    assert browser.value(tables)


def test_the_check_itself_sees_faults_requests_and_overflow(
    browser: Browser, tmp_path: Path
) -> None:
    """What must not be on a page is seen where it is."""
    path = tmp_path / "bad.html"
    path.write_text(
        "<!doctype html><meta name='viewport' content='width=device-width'>"
        "<link rel='icon' href='data:,'>"
        "<body style='background:#fff'><main><p style='width:500px'>wide</p>"
        "<p style='color:#ccc'>pale</p><img src='http://x.invalid/a.png' alt=''>"
        "<script>console.error('wrong')</script></main></body>",
        encoding="utf-8",
    )
    browser.open(path, *PHONE, "light")
    assert browser.value(OVERFLOW)["over"]
    assert browser.value(CONTRAST)["text"] < 2
    assert faults(browser)
    asked = [e for e in browser.events if e.get("method") == "Network.requestWillBeSent"]
    assert len(asked) == 2
