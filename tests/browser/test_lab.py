"""The lab in a browser: what it shows while a slider is dragged, by hand and by keys, in both appearances."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from playground.sampling import GREEDY, Sampling, stages
from tests.browser.axe import violations
from tests.components.lab_views import HOSTILE, distribution

PATIENCE = 120_000
Open = Callable[..., Any]
LAB = "[data-testid=stMain]"


@pytest.fixture(scope="module")
def address(browser: Any, serve: Callable[..., str]) -> str:
    return serve(Path(__file__).with_name("lab_page.py"))


@pytest.fixture
def show(address: str, visit: Open) -> Open:
    """`show("small")` opens the page with that distribution, its messages to the server counted in `page.sent`."""

    def open_view(name: str, more: str = "", **options: Any) -> Any:
        page = visit("about:blank", **options)
        page.sent = []
        # playwright cannot take a list's own method as a listener.
        page.on("websocket", lambda socket: socket.on("framesent", lambda frame: page.sent.append(frame)))  # noqa: PLW0108
        page.set_default_timeout(PATIENCE)
        page.goto(f"{address}/?show={name}{more}")
        page.locator(".lab, .luck").first.wait_for()
        page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
        return page

    return open_view


def expect(thing: Any) -> Any:
    from playwright.sync_api import expect as playwright_expect

    playwright_expect.set_options(timeout=PATIENCE)
    return playwright_expect(thing)


def rows(page: Any) -> Any:
    return page.locator(".lab tbody tr")


def values(page: Any) -> list[str]:
    """The probabilities as written, the rest last."""
    texts: list[str] = page.locator(".lab td.value").all_text_contents()
    return texts


def widths(page: Any, kind: str) -> list[float]:
    """How much of the axis each bar fills, 0 to 1."""
    shares: list[float] = page.locator(f".lab tbody .{kind}").evaluate_all(
        "all => all.map(bar => bar.getBoundingClientRect().width / bar.parentElement.getBoundingClientRect().width)"
    )
    return shares


def as_shown(p: float) -> str:
    """A probability as text.js writes it."""
    if p == 0:
        return "0"
    if 0.9995 <= p < 1:
        return ">0.999"
    if p >= 0.0005:
        return f"{p:.3f}"
    digits, exponent = f"{p:.1e}".split("e-")
    return f"{digits}·10⁻" + "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(d)] for d in str(int(exponent)))


def shown_by_python(sampling: Sampling, size: int = 474) -> list[str]:
    after = stages(distribution(size).logits, sampling).after.astype(float)
    return [as_shown(p) for p in [*after[:20], after[20:].sum()]]


def close(shown: list[str], wanted: list[str]) -> None:
    """Equal to the shown digits; where rounding falls between two, the last digit may be one off."""
    assert len(shown) == len(wanted)
    for one, other in zip(shown, wanted, strict=True):
        if one != other:
            assert abs(number(one) - number(other)) <= 0.0011 * max(number(one), 1.0), (one, other)


def number(text: str) -> float:
    power = re.fullmatch(r"(.+)·10⁻(.+)", text)
    if power is None:
        return float(text.removeprefix(">"))
    return float(power[1]) * 10.0 ** -int("".join(str("⁰¹²³⁴⁵⁶⁷⁸⁹".index(d)) for d in power[2]))


def grip(page: Any, label: str) -> tuple[float, float, Any]:
    """The middle of a slider's thumb and the slider's box."""
    slider = page.get_by_role("slider", name=label)
    box = slider.bounding_box()
    share = slider.evaluate("one => (one.value - one.min) / (one.max - one.min)")
    return box["x"] + 8 + share * (box["width"] - 16), box["y"] + box["height"] / 2, box


def test_a_dragged_slider_moves_everything_and_tells_the_server_nothing_until_let_go(show: Open) -> None:
    page = show("small")
    close(values(page), shown_by_python(Sampling(True)))
    x, y, box = grip(page, "temperature T")
    page.mouse.move(x, y)
    page.mouse.down()
    sent, before, climb = len(page.sent), widths(page, "solid")[0], page.locator(".climb").get_attribute("d")
    seen = set()
    for step in range(1, 9):
        page.mouse.move(x + step * box["width"] / 18, y)
        page.evaluate("new Promise(requestAnimationFrame)")
        seen.add(values(page)[0])
    assert len(seen) == 8
    assert widths(page, "solid")[0] < before / 2
    assert page.locator(".climb").get_attribute("d") != climb
    temperature = float(page.locator(".slider output").first.text_content())
    close(values(page), shown_by_python(Sampling(True, temperature)))
    assert widths(page, "ghost")[0] == pytest.approx(before, abs=0.01)
    assert len(page.sent) == sent, "a message went out while the slider was dragged"
    page.mouse.up()
    expect(page.get_by_text(re.compile(rf"told: .*temperature={temperature}, top_k=0"))).to_be_visible()
    assert len(page.sent) > sent


def test_presets_and_every_cut_show_the_engines_numbers(show: Open) -> None:
    page = show("small")
    for preset, sampling in (
        ("usual chat", Sampling(True, 0.7, 20, 0.8)),
        ("bold, min-p", Sampling(True, 1.5, 0, 1.0, 0.1)),
        ("wild", Sampling(True, 3.0)),
        ("careful", Sampling(True, 0.5, 0, 0.9)),
    ):
        page.get_by_role("button", name=preset).click()
        expect(page.get_by_role("button", name=preset)).to_have_attribute("aria-pressed", "true")
        page.evaluate("new Promise(requestAnimationFrame)")
        close(values(page), shown_by_python(sampling))
        kept = int((stages(distribution(474).logits, sampling).after > 0).sum())
        expect(page.locator(".facts")).to_contain_text(f"{kept} of 474" if kept < 474 else "all 474")
        expect(page.locator(".lab tbody tr.cut")).to_have_count(sum(kept <= i for i in range(21)))
    assert page.locator(".lab tbody .token-text").all_text_contents() == [f"␣word{i}" for i in range(20)]


def test_cut_tokens_stay_in_their_row_hatched_at_zero_and_say_what_cut_them(show: Open) -> None:
    page = show("small")
    page.get_by_role("button", name="usual chat").click()
    cut = rows(page).nth(19)
    expect(cut).to_have_class("cut")
    expect(cut.locator("td.value")).to_have_text("0")
    expect(cut.locator(".remark")).to_have_text("top-p")
    assert "repeating-linear-gradient" in cut.locator(".ghost").evaluate(
        "bar => getComputedStyle(bar).backgroundImage"
    )
    chips = page.locator(".processors li").all_text_contents()
    assert [re.sub(r" cuts .*", "", chip) for chip in chips] == [
        "logits",
        "÷ T 0.7",
        "top-k 20",
        "top-p 0.8",
        "min-p off",
        "softmax, then draw",
    ]
    expect(page.locator(".processors li").nth(2)).to_contain_text("cuts 454")
    for name in ("top-k", "top-p"):
        expect(page.locator(".staircase .limit", has_text=name)).to_be_visible()
    expect(page.locator(".staircase .limit", has_text="min-p")).to_be_hidden()


def test_the_axis_never_rescales_and_has_a_log_switch(show: Open) -> None:
    page = show("small")
    ticks = page.locator(".ticks span")
    linear = ticks.all_text_contents()
    first = widths(page, "ghost")
    page.get_by_role("button", name="wild").click()
    assert ticks.all_text_contents() == linear == ["0", "0.25", "0.5", "0.75", "1"]
    assert widths(page, "ghost") == pytest.approx(first, abs=0.005)
    page.get_by_role("radio", name="log").check()
    assert ticks.all_text_contents()[0] == "10⁻⁶"
    assert widths(page, "ghost")[0] > first[0]
    p = stages(distribution(474).logits, Sampling(True)).before
    assert widths(page, "ghost")[5] == pytest.approx(1 + math.log10(p[5]) / 6, abs=0.01)


def test_keys_move_the_sliders_and_screen_readers_hear_units(show: Open) -> None:
    page = show("small")
    slider = page.get_by_role("slider", name="temperature T")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", "0.99")
    expect(page.get_by_text(re.compile("told: .*temperature=0.99"))).to_be_visible()
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "0.05")
    page.keyboard.press("End")
    expect(slider).to_have_attribute("aria-valuetext", "5")
    page.keyboard.press("Tab")
    expect(page.get_by_role("slider", name="top-k")).to_be_focused()
    page.keyboard.press("Home")
    expect(page.get_by_role("slider", name="top-k")).to_have_attribute(
        "aria-valuetext", "the 1 largest token"
    )
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("slider", name="top-p")).to_have_attribute(
        "aria-valuetext", "0.99 of the probability mass"
    )
    expect(page.get_by_text(re.compile(r"told: .*temperature=5.0, top_k=1, top_p=0.99"))).to_be_visible()
    expect(page.locator("[aria-live]").last).to_contain_text("1 of 474 tokens kept")


def test_greedy_marks_the_arg_max_and_ignores_the_sliders(show: Open) -> None:
    page = show("small")
    page.get_by_role("button", name="usual chat").click()
    page.get_by_role("switch", name="sample").uncheck()
    expect(rows(page).first.locator(".remark")).to_have_text("▲ arg-max")
    page.evaluate("new Promise(requestAnimationFrame)")
    close(values(page), shown_by_python(GREEDY))
    for name in ("temperature T", "top-k", "top-p", "min-p"):
        expect(page.get_by_role("slider", name=name)).to_be_disabled()
    expect(page.locator(".why")).to_contain_text("ignored")
    assert page.locator(".processors s").all_text_contents() == [
        "÷ T 0.7",
        "top-k 20",
        "top-p 0.8",
        "min-p off",
    ]
    expect(page.get_by_role("button", name="Draw a token")).to_be_disabled()
    page.get_by_role("switch", name="sample").check()
    expect(page.get_by_role("slider", name="top-k")).to_be_enabled()
    expect(page.locator(".slider output").nth(1)).to_have_text("20 tokens")


def test_path_chips_reopen_positions_and_the_chosen_token_is_marked(show: Open) -> None:
    page = show("small")
    chips = page.locator(".tokens button")
    assert chips.all_text_contents() == ["text", "␣once", "␣more", "␣again"]
    expect(chips.nth(2)).to_have_attribute("aria-current", "true")
    chosen = rows(page).nth(3)
    expect(chosen).to_have_class(re.compile("chosen"))
    expect(chosen.locator(".remark")).to_contain_text("● chosen")
    expect(page.locator(".steps")).to_contain_text('drew " more": u = 0.2500, p = 0.500, rank 2')
    chips.nth(1).click()
    expect(page.get_by_text("told: Action(do='open', cursor=2, id=None, at=1)")).to_be_visible()
    page.get_by_role("button", name='append " word7"').click()
    expect(page.get_by_text("told: Action(do='append', cursor=2, id=7, at=None)")).to_be_visible()
    page.get_by_role("button", name="Draw a token").click()
    expect(page.get_by_text("told: Action(do='draw', cursor=2, id=None, at=None)")).to_be_visible()


def test_text_from_a_model_stays_text(show: Open) -> None:
    page = show("hostile")
    names = page.locator(".lab tbody .token-text")
    shown = names.all_text_contents()
    assert shown[0] == HOSTILE[0].replace(" ", "␣")
    assert "U+202E" in shown[1]
    assert shown[2] == "◌\u0301"
    assert shown[4] == "⏎⇥␣U+00A0U+200B"
    assert shown[5] == "no text"
    assert page.locator(".lab img, .lab script").count() == 0
    assert page.evaluate("window.hacked") is None
    assert names.nth(6).evaluate("name => name.scrollWidth > name.clientWidth")
    order = names.nth(1).evaluate("name => getComputedStyle(name).unicodeBidi")
    assert order == "isolate"


def test_where_only_the_likeliest_are_known_the_rest_is_one_bar_and_nothing_can_be_set(show: Open) -> None:
    page = show("top")
    assert values(page) == ["0.500", "0.200", "0.100", "0.050", "0.050", "0.100"]
    assert widths(page, "solid")[5] == pytest.approx(0.1, abs=0.01)
    expect(page.locator(".why")).to_have_text("It gives only five.")
    for name in ("temperature T", "top-k", "top-p", "min-p"):
        expect(page.get_by_role("slider", name=name)).to_be_disabled()
    expect(page.locator(".facts")).to_contain_text("all others together hold 10.0 %")


def test_a_vocabulary_of_150_thousand_is_exact(show: Open) -> None:
    page = show("small", "&size=150000")
    page.get_by_role("button", name="bold, min-p").click()
    page.evaluate("new Promise(requestAnimationFrame)")
    close(values(page), shown_by_python(Sampling(True, 1.5, 0, 1.0, 0.1), 150_000))


def test_same_luck_shows_how_far_the_text_stays_the_same(show: Open) -> None:
    page = show("luck")
    slider, said = page.get_by_role("slider"), page.locator(".said")
    expect(said).to_have_text("At T = 0.7 the same luck writes the same 3 tokens.")
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "0.8")
    expect(said).to_contain_text("the first token stays the same; token 2 flips from ␣cat to <img␣src=x")
    page.keyboard.press("End")
    expect(said).to_contain_text("no token stays the same; token 1 flips from ␣the to ␣a")
    expect(page.locator(".luck li.after")).to_have_count(2)
    assert page.locator(".luck img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["small", "hostile", "top", "luck"])
def test_nothing_serious_stands_in_the_way_of_anyone(show: Open, scheme: str, name: str) -> None:
    page = show(name, color_scheme=scheme)
    if name == "small":
        page.get_by_role("button", name="usual chat").click()
        # Until the script has run again, Streamlit draws what is stale fainter.
        expect(page.get_by_text("temperature=0.7")).to_be_visible()
        page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
        expect(page.locator("[data-stale=true]")).to_have_count(0)
    assert violations(page, LAB) == []


def test_a_narrow_screen_keeps_every_column_that_matters(show: Open) -> None:
    page = show("small", viewport={"width": 420, "height": 900})
    box = page.locator(".lab").bounding_box()
    for part in (".lab table", ".slider", ".staircase svg"):
        inner = page.locator(part).first.bounding_box()
        assert inner["x"] >= box["x"] - 1
        assert inner["x"] + inner["width"] <= box["x"] + box["width"] + 1
