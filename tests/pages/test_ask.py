"""The Ask page: what a person does there and what the page then shows."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from components import record_views
from components.settings_form import matters, settings_of
from playground import puzzles
from playground.errors import StoreError
from playground.events import Answered, Event, NodeOpened, RunFinished, RunStarted, TextAdded, Warned
from playground.strategies import load_all, offered
from tests.components.tree_traces import hand_search
from tests.pages.conftest import Open
from tests.pages.fakes import FakeRunner
from tests.scripted import Way, way

ROOT = Path(__file__).parents[2]
HOSTILE = "<script>alert(1)</script> **b** $x^2$ :red[r] :material/home: [l](https://x.example) ![i](https://x.example/i)"


def shown(page: AppTest) -> str:
    """Everything on the page that a person can read, in one text."""
    assert not page.exception
    kinds = (
        "title",
        "subheader",
        "markdown",
        "caption",
        "text",
        "code",
        "error",
        "warning",
        "info",
        "metric",
    )
    parts = [str(e.value) for kind in kinds for e in getattr(page, kind)]
    parts += [metric.label for metric in page.metric]
    return "\n".join(parts).replace("\\", "").replace("\u2060", "")


def go(page: AppTest, text: str | None = None) -> AppTest:
    """Write a question and press the button."""
    if text is not None:
        page.text_area(key="ask.question").set_value(text)
    return page.button(key="ask.go").click().run()


def until_done(page: AppTest) -> AppTest:
    for _ in range(400):
        if page.button(key="ask.go").label == "Run":
            return page
        page.run()
    raise AssertionError("the run did not end")


def choose(page: AppTest, strategy: str) -> AppTest:
    return page.selectbox(key="ask.strategy").select(strategy).run()


class TestFirstSight:
    def test_a_new_visitor_sees_the_question_and_words_instead_of_a_run(self, open_page: Open) -> None:
        page = open_page()
        assert page.title[0].value == "Ask"
        assert page.text_area(key="ask.question").value == ""
        assert page.button(key="ask.go").label == "Run"
        assert "Nothing has been asked yet" in shown(page)

    def test_the_models_own_note_is_shown_as_text(self, open_page: Open) -> None:
        assert "Embedded model: Made for small sums. $5 :red[no]" in shown(open_page())

    def test_the_model_is_warmed_up(self, open_page: Open, runner: FakeRunner) -> None:
        open_page()
        assert set(runner.warmed) == {"embedded"}

    def test_loading_is_said(self, open_page: Open, runner: FakeRunner) -> None:
        runner.warmth.state = "loading"
        assert "Loading Embedded model" in shown(open_page())

    def test_no_model_in_the_list_is_no_crash(self, open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("components.engine.models", list)
        page = open_page()
        assert not page.exception
        assert page.text_input(key="ask.other_model").value == ""


class TestRunning:
    def test_a_run_grows_ends_and_is_in_the_address(self, open_page: Open, runner: FakeRunner) -> None:
        runner.per_look = 6
        page = choose(open_page(), "self-consistency")
        go(page, "How many?")
        assert page.query_params["run"] == "run1"
        assert page.button(key="ask.go").label == "Stop"
        assert "Waiting for the model" in shown(page)
        page.run()
        assert "Running" in shown(page)
        until_done(page)
        assert page.title[1].value == "7"
        values = {m.label: m.value for m in page.metric}
        assert values["Calls"] == "10"
        assert values["Money"] == "free"
        assert values["Time"].endswith(" s")
        assert "500 such questions" in shown(page)

    def test_the_engine_gets_what_the_form_says(self, open_page: Open, runner: FakeRunner) -> None:
        page = choose(open_page(), "self-consistency")
        page.slider(key="ask.self-consistency.temperature").set_value(1.2)
        page.number_input(key="ask.self-consistency.n").set_value(3)
        page.number_input(key="ask.seed").set_value(9)
        go(page, "  How many?\n")
        [spec] = runner.specs
        assert (spec.question, spec.strategy, spec.model, spec.seed) == (
            "How many?",
            "self-consistency",
            "embedded",
            9,
        )
        assert (spec.params["temperature"], spec.params["n"]) == (1.2, 3)
        assert spec.gold is None

    def test_a_second_press_while_running_starts_nothing(self, open_page: Open, runner: FakeRunner) -> None:
        runner.per_look = 1
        page = go(open_page(), "How many?")
        assert page.button(key="ask.go").label == "Stop"
        assert len(runner.specs) == 1

    def test_a_double_click_does_not_stop_what_it_started(
        self, open_page: Open, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("components.question.DOUBLE_CLICK", 60.0)
        runner.per_look = 1
        page = go(go(open_page(), "How many?"))
        assert page.button(key="ask.go").label == "Stop"

    def test_stop_keeps_what_was_written(self, open_page: Open, runner: FakeRunner) -> None:
        runner.per_look = 8
        page = choose(open_page(), "titled-chain")
        runner.script = lambda prompt: [
            way(1.0, '{"title": "Begin", "content": "one two three four five six')
        ]
        go(page, "How many?")
        page.run()
        go(page)
        assert page.button(key="ask.go").label == "Run"
        text = shown(page)
        assert "Stopped by hand" in text
        assert "Begin" in text
        assert "one two" in text

    def test_the_page_stops_looking_when_the_run_is_over(self, open_page: Open, runner: FakeRunner) -> None:
        page = until_done(go(open_page(), "How many?"))
        looks = runner.looks
        page.run()
        assert runner.looks == looks

    def test_titled_steps_appear_while_they_are_written(self, open_page: Open, runner: FakeRunner) -> None:
        step = json.dumps(
            {"title": "Count the apples", "content": "Three and four", "next_action": "final_answer"}
        )
        runner.script = lambda prompt: [way(1.0, step)]
        runner.per_look = 1
        page = go(choose(open_page(), "titled-chain"), "How many?")
        seen = []
        for _ in range(25):
            page.run()
            seen.append(shown(page))
        assert any("**Count the**" in text for text in seen)
        assert any("Count the apples" in text and "writing" in text for text in seen)
        assert "Final answer" in shown(until_done(page))

    def test_warnings_are_visible(self, open_page: Open, runner: FakeRunner) -> None:
        saved(runner, Warned("Mind *the* gap."), Answered("7"), RunFinished())
        assert any("Mind *the* gap." in w for w in [shown(open_page(run="run1"))])


class TestMarking:
    def test_a_drawn_puzzle_is_marked(self, open_page: Open, runner: FakeRunner) -> None:
        page = open_page()
        page.selectbox(key="ask.family").select("coin_flip").run()
        page.selectbox(key="ask.difficulty").select(2).run()
        page.button(key="ask.draw").click().run()
        assert "known" in shown(page)
        until_done(go(page))
        [spec] = runner.specs
        assert spec.family == "coin_flip"
        assert spec.gold in ("yes", "no")
        assert any("Wrong" in m.value for m in page.markdown)

    def test_every_family_and_difficulty_can_be_drawn(self, open_page: Open) -> None:
        page = open_page()
        for family in puzzles.FAMILIES.values():
            page.selectbox(key="ask.family").select(family.name).run()
            page.selectbox(key="ask.difficulty").select(family.max_difficulty).run()
            before = page.text_area(key="ask.question").value
            page.button(key="ask.draw").click().run()
            assert page.text_area(key="ask.question").value not in ("", before)

    def test_an_edited_puzzle_is_not_marked(self, open_page: Open, runner: FakeRunner) -> None:
        page = open_page()
        page.button(key="ask.draw").click().run()
        text = str(page.text_area(key="ask.question").value)
        page.text_area(key="ask.question").set_value(text + " Really?").run()
        assert "is known" not in shown(page)
        go(page)
        assert (runner.specs[0].gold, runner.specs[0].family) == (None, None)

    def test_an_example_fills_the_box(self, open_page: Open) -> None:
        page = open_page()
        options = page.get("menu_button")[0].proto.options
        assert len(options) == len(puzzles.FAMILIES)


class TestMending:
    @pytest.mark.parametrize("text", ["", "   \n "])
    def test_an_empty_question_is_said_beside_it(
        self, open_page: Open, runner: FakeRunner, text: str
    ) -> None:
        page = go(open_page(), text)
        assert not runner.specs
        assert "The question is empty." in page.error[0].value.replace("\\", "")

    def test_a_long_question_is_said_and_kept(self, open_page: Open, runner: FakeRunner) -> None:
        text = "why " * 6000
        page = go(open_page(), text)
        assert not runner.specs
        assert page.error
        assert page.text_area(key="ask.question").value == text

    def test_a_fixed_question_takes_the_message_away(self, open_page: Open) -> None:
        page = go(go(open_page(), ""), "How many?")
        assert not page.error

    def test_a_failed_run_says_why_and_keeps_everything(self, open_page: Open, runner: FakeRunner) -> None:
        runner.fail_after = 30
        page = until_done(go(open_page(), "How many?"))
        text = shown(page)
        assert "The engine *process* ended." in text
        assert "Run it again." in text
        assert page.metric
        assert any(node for node in page.get("bidi_component"))

    def test_the_next_run_works_after_a_failed_one(self, open_page: Open, runner: FakeRunner) -> None:
        runner.fail_after = 30
        page = choose(open_page(), "direct")
        runner.fail_after = 3
        until_done(go(page, "How many?"))
        assert page.error
        runner.fail_after = None
        until_done(go(page))
        assert not page.error
        assert page.title[1].value == "7"
        assert page.query_params["run"] == "run2"

    def test_an_interrupted_run_is_said(self, open_page: Open, runner: FakeRunner) -> None:
        runner.per_look = 12
        until = open_page()
        go(until, "How many?")
        runner.interrupted.add("run1")
        assert "Interrupted after" in shown(open_page(run="run1"))

    def test_a_database_that_cannot_be_opened_is_said(
        self, open_page: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object) -> None:
            raise StoreError("The runs cannot be *opened*.", "Free some disk space.")

        monkeypatch.setattr("components.engine.runner", broken)
        monkeypatch.setattr("components.engine.warm", broken)
        page = open_page(run="run1")
        assert "The runs cannot be *opened*. Free some disk space." in shown(page)
        assert len(go(page, "How many?").error) >= 1
        assert not page.exception


class TestLinks:
    def test_a_reload_finds_the_run_still_running(self, open_page: Open, runner: FakeRunner) -> None:
        runner.per_look = 6
        go(choose(open_page(), "self-consistency"), "How many *now*?")
        again = open_page(run="run1")
        assert again.button(key="ask.go").label == "Stop"
        assert "How many *now*?" in [t.value for t in again.text]
        assert until_done(again).title[1].value == "7"

    def test_an_unknown_run_is_said(self, open_page: Open) -> None:
        page = open_page(run="<b>no</b>")
        assert "<b>no</b>" in page.error[0].value.replace("\\", "")
        assert page.button(key="ask.go").label == "Run"
        page.run()
        assert page.error

    def test_a_run_after_a_lost_link(self, open_page: Open) -> None:
        page = until_done(go(choose(open_page(run="none"), "direct"), "How many?"))
        assert not page.error
        assert page.query_params["run"] == "run1"

    def test_use_these_settings_again_fills_the_form(self, open_page: Open, runner: FakeRunner) -> None:
        page = open_page()
        page.button(key="ask.draw").click().run()
        text = page.text_area(key="ask.question").value
        choose(page, "self-consistency")
        page.slider(key="ask.self-consistency.temperature").set_value(1.5)
        page.number_input(key="ask.seed").set_value(4)
        until_done(go(page))
        later = open_page(run="run1")
        later.button(key="ask.again").click().run()
        assert later.text_area(key="ask.question").value == text
        assert later.selectbox(key="ask.strategy").value == "self-consistency"
        assert later.slider(key="ask.self-consistency.temperature").value == 1.5
        assert later.number_input(key="ask.seed").value == 4
        until_done(go(later))
        first, second = runner.specs
        assert first == second

    def test_use_again_names_a_model_that_is_not_listed(self, open_page: Open, runner: FakeRunner) -> None:
        page = open_page()
        page.selectbox(key="ask.model").select("another local model").run()
        page.text_input(key="ask.other_model").set_value("someone/small").run()
        until_done(go(choose(page, "direct"), "How many?"))
        later = open_page(run="run1")
        later.button(key="ask.again").click().run()
        assert later.text_input(key="ask.other_model").value == "someone/small"

    def test_recent_runs_open(self, open_page: Open, runner: FakeRunner) -> None:
        page = choose(open_page(), "direct")
        until_done(go(page, "First?"))
        until_done(go(page, "Second?"))
        page.run()
        page.button(key="ask.recent.run1").click().run()
        assert page.query_params["run"] == "run1"
        assert "First?" in [t.value for t in page.text]


class TestEditing:
    def test_a_step_is_edited_and_the_chain_goes_on(self, open_page: Open, runner: FakeRunner) -> None:
        def script(prompt: str) -> list[Way]:
            steps = prompt.count('"next_action"')
            action = "continue" if steps < 3 else "final_answer"
            return [
                way(1.0, json.dumps({"title": f"Step {steps}", "content": "work", "next_action": action}))
            ]

        runner.script = script
        page = until_done(go(choose(open_page(), "titled-chain"), "How many?"))
        page.text_input(key="ask.edit.run1.2.title").set_value("Another way")
        page.text_area(key="ask.edit.run1.2.content").set_value("other work")
        page.button(key="ask.edit.run1.2.go").click().run()
        assert page.query_params["run"] == "run2"
        first, second = runner.specs
        assert [given["content"] for given in second.params["given"]] == ["work", "other work"]
        assert second.parent == {"run": "run1", "node": "q/step-2"}
        assert (second.question, second.seed) == (first.question, first.seed)
        assert "Another way" in shown(until_done(page))

    def test_a_running_chain_cannot_be_edited(self, open_page: Open, runner: FakeRunner) -> None:
        runner.per_look = 5
        page = go(choose(open_page(), "titled-chain"), "How many?")
        assert not [key for key in page.session_state if str(key).startswith("ask.edit")]


class TestForms:
    @pytest.mark.parametrize("name", sorted(offered()))
    def test_every_strategy_has_a_form_and_runs_with_it(
        self, open_page: Open, runner: FakeRunner, name: str
    ) -> None:
        runner.script = lambda prompt: [
            way(
                0.9 / (i + 1),
                '{"title": "t", "content": "c", "next_action": "final_answer"}'
                if "JSON" in prompt
                else "So the answer is",
                answer="" if "JSON" in prompt else "7",
            )
            for i in range(10)
        ]
        page = choose(open_page(), name)
        keys = {key for key in page.session_state if str(key).startswith(f"ask.{name}.")}
        every = settings_of(load_all()[name].params)
        fields = {s.name for s in every if matters(s, {other.name: other.default for other in every})}
        assert keys == {f"ask.{name}.{field}" for field in fields}
        until_done(go(page, "How many?"))
        assert runner.specs[0].strategy == name
        load_all()[name].parse(runner.specs[0].params)
        # Coverage marks its samples, and nobody has said what is right; a script's entropies are not known.
        assert bool(page.error) == (name in ("coverage", "entropy-decoding"))

    def test_settings_that_only_matter_beside_another_come_and_go(self, open_page: Open) -> None:
        page = choose(open_page(), "self-consistency")
        assert not [slider for slider in page.slider if slider.key == "ask.self-consistency.group"]
        page.toggle(key="ask.self-consistency.stop_early").set_value(True).run()
        assert page.slider(key="ask.self-consistency.group").value == 5

    def test_sampling_settings_are_idle_while_do_sample_is_off(self, open_page: Open) -> None:
        page = choose(open_page(), "direct")
        drawn = [page.slider(key=f"ask.direct.{name}") for name in ("temperature", "top_p", "min_p")]
        assert all(slider.disabled for slider in drawn)
        assert page.number_input(key="ask.direct.top_k").disabled
        page.toggle(key="ask.direct.do_sample").set_value(True).run()
        assert not page.slider(key="ask.direct.temperature").disabled

    def test_what_a_model_cannot_do_is_disabled_with_its_reason(
        self, open_page: Open, runner: FakeRunner
    ) -> None:
        page = choose(open_page(), "self-consistency")
        page.number_input(key="ask.self-consistency.top_k").set_value(7).run()
        page.selectbox(key="ask.model").select("server:small").run()
        top_k = page.number_input(key="ask.self-consistency.top_k")
        assert top_k.disabled
        assert "does not take this setting" in top_k.help
        assert page.number_input(key="ask.seed").disabled
        go(page, "How many?")
        assert "top_k" not in runner.specs[0].params

    def test_a_strategy_the_model_cannot_run_is_shown_with_its_reason(
        self, open_page: Open, runner: FakeRunner
    ) -> None:
        page = choose(open_page(), "cot-decoding")
        page.selectbox(key="ask.model").select("server:small").run()
        assert any("likeliest first tokens" in w.value for w in page.warning)
        assert page.button(key="ask.go").disabled

    def test_values_survive_a_look_at_another_strategy(self, open_page: Open) -> None:
        page = choose(open_page(), "self-consistency")
        page.number_input(key="ask.self-consistency.n").set_value(3).run()
        choose(choose(page, "direct"), "self-consistency")
        assert page.number_input(key="ask.self-consistency.n").value == 3

    def test_a_model_named_by_hand(self, open_page: Open, runner: FakeRunner) -> None:
        page = open_page()
        page.selectbox(key="ask.model").select("another local model").run()
        go(page, "How many?")
        assert "No model is chosen" in page.error[0].value.replace("\\", "")
        page.text_input(key="ask.other_model").set_value("nonsense").run()
        assert any("no model called" in w.value for w in page.warning)
        page.text_input(key="ask.other_model").set_value("someone/small").run()
        go(choose(page, "direct"))
        assert runner.specs[0].model == "someone/small"


class TestTabs:
    @pytest.fixture
    def page(self, open_page: Open) -> AppTest:
        return until_done(go(choose(open_page(), "self-consistency"), "How many?"))

    def test_prompts_are_shown_exactly(self, page: AppTest, runner: FakeRunner) -> None:
        page.session_state["ask.view"] = "Prompts sent"
        page.run()
        prompt = next(r.event.prompt for r in runner.logs["run1"] if r.event.kind == "call_started")
        assert prompt in [c.value for c in page.code]

    def test_the_tree_is_a_picture_and_an_outline_when_asked_for(self, page: AppTest) -> None:
        page.session_state["ask.view"] = "Tree"
        page.run()
        assert not page.exception
        assert not any("├─" in c.value for c in page.code)
        kept = page.session_state["ask.tree.kept"]
        assert [row[0] for row in kept.sent.rows][:2] == ["q", "q/sample-1"]
        page.session_state["ask.tree_text"] = True
        page.run()
        assert any("├─ branch “sample 1” · answer 7" in c.value for c in page.code)

    def test_raw_events_filter(self, page: AppTest, runner: FakeRunner) -> None:
        page.session_state["ask.view"] = "Raw events"
        page.session_state["ask.kinds"] = ["answered", "run_finished"]
        page.run()
        lines = [json.loads(line) for line in page.code[-1].value.splitlines()]
        assert [line["kind"] for line in lines] == ["answered", "run_finished"]

    def test_a_line_reads_back_as_its_event(self, page: AppTest, runner: FakeRunner) -> None:
        lines = [json.loads(record_views.json_line(record)) for record in runner.logs["run1"]]
        assert [line["seq"] for line in lines] == list(range(len(lines)))


def saved(runner: FakeRunner, *events: Event, strategy: str = "direct") -> None:
    """A run with these events after its first."""
    runner.start_with(RunStarted(HOSTILE, strategy, HOSTILE, {}, 0, gold=HOSTILE), events)


class TestHostileText:
    def test_it_is_shown_as_text_everywhere(self, open_page: Open, runner: FakeRunner) -> None:
        saved(
            runner,
            NodeOpened("q", None, "question", HOSTILE),
            NodeOpened("q/s", "q", "step", HOSTILE),
            TextAdded("q/s", HOSTILE),
            Warned(HOSTILE),
            Answered(HOSTILE, "q/s", 0.5, HOSTILE),
            RunFinished(False),
            strategy="titled-chain",
        )
        page = open_page(run="run1")
        assert not page.exception
        for element in [*page.markdown, *page.caption, *page.warning, *page.error, *page.title]:
            assert not getattr(element.proto, "allow_html", False)
            # What is left without escaped characters is ours, and must hold nothing of the hostile text's syntax.
            active = re.sub(r"\\.", "", element.value)
            assert not re.search(r"<|\*b|\$|:red\[|:material/home|\]\(https://x", active), element.value
        assert HOSTILE in [t.value for t in page.text]


class TestTreeFirst:
    def test_a_search_opens_with_its_tree_whatever_tab_was_open(
        self, open_page: Open, runner: FakeRunner
    ) -> None:
        started, *events = hand_search()
        assert isinstance(started, RunStarted)
        runner.start_with(started, events)
        page = open_page(run="run1")
        assert not page.exception
        assert [tab.label for tab in page.tabs] == ["Tree", "Tokens", "Prompts sent", "Raw events"]
        kept = page.session_state["ask.tree.kept"]
        assert len(kept.sent.rows) == 5
        assert kept.sent.steps == 11
        page.session_state["ask.view"] = "Branches"
        assert not page.run().exception


class TestBoundaries:
    def test_the_web_process_imports_no_torch(self) -> None:
        check = (
            "import sys; from streamlit.testing.v1 import AppTest;"
            "page = AppTest.from_file('streamlit_app.py', default_timeout=60).run();"
            "assert not page.exception, page.exception;"
            "print([m for m in ('torch', 'transformers', 'sympy', 'math_verify') if m in sys.modules])"
        )
        done = subprocess.run(
            [sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.stdout.strip() == "[]", done.stdout + done.stderr
