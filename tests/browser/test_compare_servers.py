"""Comparing models on two servers in a real browser: one lane at Groq, one at an OpenAI-compatible server."""

from __future__ import annotations

from typing import Any

from tests.browser.test_ask import ENTRY, Serve, Visit, environment, expect, settled
from tests.browser.test_compare import KEEP_TEXTS, done, lanes, opened, run_all, streamed
from tests.browser.test_servers import GROQ, KEYS, VLLM
from tests.models.chat_server import Reply, serving


def change(page: Any, number: int, model: str) -> Any:
    """Open a lane's settings and choose where its model is."""
    page.get_by_role("button", name=f"Lane {number}").click()
    page.get_by_role("menuitem", name="Change its settings").click()
    form = page.get_by_role("dialog")
    pick(page, form, "Model", model)
    return form


def pick(page: Any, form: Any, label: str, option: str) -> None:
    """Pick from a list of the form, opened again where a redrawing closed it."""
    from playwright.sync_api import TimeoutError

    for _ in range(10):
        settled(page)
        form.get_by_label(label, exact=True).click()
        try:
            page.get_by_role("option", name=option).click(timeout=3000)
            break
        except TimeoutError:
            continue
    else:
        raise AssertionError(f"{label} did not offer {option}")
    settled(page)


def typed(page: Any, form: Any, label: str, text: str) -> None:
    form.get_by_label(label, exact=True).fill(text)
    form.get_by_label(label, exact=True).press("Enter")
    settled(page)


def use(page: Any, form: Any) -> None:
    pick(page, form, "Strategy", "Direct answer")
    form.get_by_role("button", name="Use these settings").click()
    expect(form).to_be_hidden()
    settled(page)


def test_two_servers_side_by_side(serve: Serve, visit: Visit, tmp_path: Any) -> None:
    first = Reply(["I think ", "that ", "two ", "and ", "two ", "make ", "4."], delay=0.4, usage=(12, 9))
    second = Reply(["The ", "answer ", "is ", "5."], delay=0.6, usage=(10, 4))
    with serving(first, models=GROQ) as groq, serving(second, models=VLLM) as other:
        env = environment(tmp_path) | {"GROQ_BASE_URL": groq.url, "GROQ_API_KEY": ""}
        page = opened(visit(f"{serve(ENTRY, env)}/compare"))
        page.get_by_role("button", name="Greedy against sampled").click()
        expect(lanes(page)).to_have_count(2)
        settled(page)
        form = change(page, 1, "Groq …")
        typed(page, form, "Groq API key", KEYS[0])
        pick(page, form, "Model there", "llama-test")
        use(page, form)
        form = change(page, 2, "A server of yours …")
        typed(page, form, "Address of the server", f"{other.url}/v1")
        pick(page, form, "Model there", "m")
        use(page, form)
        asked = len(other.requests)
        page.evaluate(KEEP_TEXTS)
        run_all(page, "What is 2 + 2?")
        done(page)
        assert streamed(page, 2) == [0, 1]
        expect(lanes(page).nth(0)).to_contain_text("two and two make 4.")
        expect(lanes(page).nth(1)).to_contain_text("The answer is 5.")
        rows = page.get_by_role("table").get_by_role("row")
        expect(rows).to_have_count(3)
        for row, model, answer in ((rows.nth(1), "llama-test", "4"), (rows.nth(2), "openai", "5")):
            expect(row.get_by_role("cell").nth(0)).to_contain_text(model)
            expect(row.get_by_role("cell").nth(1)).to_have_text(answer)
        assert [request.key for request in groq.requests] == [KEYS[0]]
        assert len(other.requests) > asked
        assert all(request.key != KEYS[0] for request in other.requests)
        # The comparison is one session, and a fresh visitor without keys finds both lanes.
        again = opened(visit(page.url))
        done(again)
        assert lanes(again).all_inner_texts() == lanes(page).all_inner_texts()
