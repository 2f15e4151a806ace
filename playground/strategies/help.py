"""The help pages of the strategies, as data: what each does, when it helps and when it hurts, what it costs.

Boundary: words only; knows no strategy's code. A strategy of another package brings its own page when it registers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Help:
    """A strategy's page of help.

    Attributes:
        what: what it does, in five sentences.
        helps: when it helps.
        hurts: when it hurts.
        costs: what is spent.
        picture: its shape as a tree in the notation of `components.schematic`, or "".
    """

    what: str
    helps: str
    hurts: str
    costs: str
    picture: str = ""


HELP: Mapping[str, Help] = {
    "beam-search": Help(
        what=(
            "N first steps of an answer are written. "
            "A verifier judges each of them, and the best N / M are kept. "
            "From each of these M next steps are written, which makes N again. "
            "This goes on until the answers are complete. "
            "Among the complete answers the best one is taken, or the one whose scores add up to most."
        ),
        helps="Plain sampling seldom writes the right answer whole, and the verifier sees early which way is good.",
        hurts="Questions are easy, or the verifier can be deceived: then search finds what deceives it.",
        costs="About N steps a round, and the verifier's reading of each.",
        picture="q(s(s! s(s! s(a*))) s(s! s(s! s(a))) s! s!)",
    ),
    "best-of-n": Help(
        what=(
            "N answers to the question are drawn, each with random numbers of its own. "
            "A scorer looks at every one: the exact checker, a reward model, the model itself as a judge, or how "
            "sure it was while it wrote. "
            "Naive best-of-N takes the single answer with the highest score. "
            "Weighted best-of-N adds up the scores of equal answers, so that an answer can win by being reached "
            "often and scored well. "
            "Regularised best-of-N takes something off the score of an answer that is unlike the others, so that "
            "an odd text which deceives the scorer does not win."
        ),
        helps=(
            "The right answer is among the samples but not the commonest, and the scorer knows a right one from a "
            "wrong one."
        ),
        hurts=(
            "The scorer can be deceived: the more samples, the likelier one of them deceives it. With no right "
            "answer among the samples nothing helps."
        ),
        costs="N full replies and one scoring of each.",
        picture="q(s(a(v)) s(a*(v)) s(a(v)) s(a(v)))",
    ),
    "compute-optimal": Help(
        what=(
            "A few probes are written first, to see how hard the question is for this model. "
            "By them it is put into one of five bins, from easy to hard. "
            "A table says which strategy pays best in each bin. "
            "The rest of the budget is spent with that one. "
            "The table can come from an evaluation of your own."
        ),
        helps="Easy and hard questions come mixed, and no single way of spending is best for all.",
        hurts="Difficulty is judged wrongly, or the table was made for another model; in the hardest bin little helps.",
        costs="The budget you give, the probes included.",
        picture="q(a(v) a(v) s(s! s(s! s(a*))))",
    ),
    "cot-decoding": Help(
        what=(
            "The model reads the question once, and the k likeliest first tokens of its reply are looked at. "
            "Each of them begins a branch that is continued greedily, all branches together. "
            "Some branches state an answer at once, others happen to work it out, though nobody asked for that. "
            "For each branch Δ is measured: by how much the likeliest token leads the second, over the answer's own "
            "tokens. "
            "The answer of the branch with the largest Δ is taken, or the answer whose branches have the largest sum."
        ),
        helps=(
            "The model can reason but does not do so by itself, as models that only continue text; a question "
            "needs a few steps."
        ),
        hurts=(
            "None of the first tokens leads to a working, or the model is sure of a wrong answer. Models trained to "
            "reason begin with a working anyway, and gain little."
        ),
        costs="One reading of the prompt and k replies; a short classification more where k depends on difficulty.",
        picture="q(a s(s(a*)) a s(s(a)))",
    ),
    "coverage": Help(
        what=(
            "N answers are drawn and each is checked against the known right answer. "
            "From the number of right ones follows pass@k: the chance that among k samples at least one is right. "
            "It is estimated without bias for every k up to N, as if every choice of k of the samples had been tried. "
            "The curve is what a perfect chooser would reach with k samples. "
            "Where a vote or a verifier stays below it, right answers are drawn and not recognised."
        ),
        helps=(
            "You want to know whether drawing more samples can help at all, and how much a better verifier could "
            "win."
        ),
        hurts=(
            "The right answer is unknown, so that nothing can be checked; or answers are few enough that some sample "
            "guesses right by chance."
        ),
        costs="N full replies; the checking costs no call.",
        picture="q(a!(v) a!(v) a*(v) a!(v))",
    ),
    "direct": Help(
        what=(
            "The question is sent as it is, and the first reply is taken. "
            "Nothing asks the model to reason. "
            "Without sampling, every token is the likeliest one, so the same question always gets the same reply. "
            "With sampling, temperature, top-k, top-p and min-p shape what may be drawn. "
            "The answer is then found in the text, with how sure the model was of its tokens."
        ),
        helps="The question is easy, or the model works things out without being asked; as a baseline for all others.",
        hurts="The answer needs several steps, and the model must name it before it has taken them.",
        costs="One reply: the least of all strategies.",
        picture="q(a*)",
    ),
    "dvts": Help(
        what=(
            "N beams are split into N / M subtrees. "
            "In each subtree M next steps are written. "
            "The verifier's favourite among them goes on, and the others end there. "
            "Subtrees never compete with each other, so that many ways of beginning live to the end. "
            "Then the best of the complete answers is taken."
        ),
        helps="N is large: plain beam search would crowd into one way of beginning.",
        hurts="N is small, and most subtrees follow a bad beginning to its end.",
        costs="As much as beam search with the same N.",
        picture="q(s(s! s(s! s(a*))) s(s! s(s! s(a))))",
    ),
    "entropy-decoding": Help(
        what=(
            "Before each token two numbers are looked at: the entropy of what may come next, and the varentropy, which "
            "tells how much the surprise differs from token to token. "
            "Where both are low, the likeliest token is taken. "
            "Where only the entropy is high, several tokens are about equally good, and the text parts or pauses. "
            "Where only the varentropy is high, sampling becomes warmer and wider; where both are, hotter but from "
            "fewer tokens. "
            "Of several branches, the one with the surest answer counts."
        ),
        helps="You want to see where a model is torn, and have it explore there and nowhere else.",
        hurts="Thresholds do not fit the model: then it parts everywhere or nowhere.",
        costs="One continuation, and one more for every branch that is opened.",
        picture="q(s(s(a) s(s(a*) a!)))",
    ),
    "few-shot-cot": Help(
        what=(
            "Worked examples are shown before the question, as turns of a conversation that came earlier. "
            "Each has a question, its working and its answer. "
            "The model goes on in the same manner: it writes a working and then an answer. "
            "The examples can be edited, and their order can be shuffled by the seed. "
            "A working that ends without an answer is led to one by the words “So the answer is”."
        ),
        helps="The model does not follow instructions but imitates well, or answers must have a certain form.",
        hurts=(
            "The examples are unlike the question, or their order happens to be a bad one: order alone can move "
            "accuracy by tens of points."
        ),
        costs="One reply, and reading all the examples.",
        picture="q(s(s(s(a*))))",
    ),
    "filter-vote": Help(
        what=(
            "N answers are drawn, as for a plain vote. "
            "The model then reviews each of its answers and ends with [[correct]] or [[wrong]]. "
            "Answers that were called wrong, and those whose review has no verdict, do not vote. "
            "The commonest of the others is taken. "
            "If none is left, all of them vote after all."
        ),
        helps="Checking an answer is easier than finding it, so that the few right answers outlive many wrong ones.",
        hurts="The model's reviews are no better than chance, or it prefers its own mistakes.",
        costs="N answers and N reviews, which read the answers.",
        picture="q(a!(v) a(v(m*)) a(v) a!(v))",
    ),
    "least-to-most": Help(
        what=(
            "The model is first asked which smaller questions lead to the answer, simplest first. "
            "Then each of them is asked in turn. "
            "Every earlier one is shown with its answer, so each step builds on those before. "
            "The answer to the last one is the answer. "
            "If it states none, the model is asked to state it."
        ),
        helps=(
            "The question is longer than the model is used to, such as a list of twelve words, but every single "
            "step is small."
        ),
        hurts="The question does not come apart, or an early answer is wrong: all later ones build on it.",
        costs="One call to take the question apart and one for each part; each reads all parts before it.",
        picture="q(s(a) s(a) s(a*))",
    ),
    "lookahead": Help(
        what=(
            "This is beam search with a longer view. "
            "A step is not judged by itself. "
            "From each step the model writes a few more, greedily. "
            "The verifier reads the end of that rollout, and its word counts for the step. "
            "Apart from this, the best steps are kept and grown as in beam search."
        ),
        helps="A mistake shows only some steps later.",
        hurts="The same tokens would have bought more beams: at equal cost it often does worse than beam search.",
        costs="With rollouts of k steps, about k + 1 times as much as beam search.",
        picture="q(s(r(r)) s(r(r) s(r(r) a*)) s!(r(r)))",
    ),
    "mcts": Help(
        what=(
            "A tree of reasoning steps is grown in rounds. "
            "Each round walks down from the root to where it looks most promising, weighing what was good before "
            "against what was seldom tried. "
            "There next steps are added, and one of them is written to its end. "
            "The reward of that answer is backed up to every step on the way. "
            "After the last round the most visited way, or the best one, gives the answer."
        ),
        helps="A reward can be trusted, most of all an exact checker, and a first step can spoil everything.",
        hurts="A weak judge gives the rewards: the search finds what the judge likes.",
        costs="For each round some next steps and one answer written to its end.",
        picture="q(s(s(r) s(s(r) s(a*))) s(r) s(r))",
    ),
    "rebase": Help(
        what=(
            "A budget of steps is shared out at every depth of the tree. "
            "Each step gets as many next steps as its reward deserves, in proportion to a softmax over all rewards. "
            "Nothing is cut off for a small difference, and little is spent on what is hopeless. "
            "Each answer that is complete lowers the budget by one. "
            "When the budget is used up, the answers vote with their final rewards."
        ),
        helps="A good reward model is at hand, and you want the accuracy of many samples for fewer tokens.",
        hurts="Rewards of first steps say little: the budget is then shared out by chance.",
        costs="About the budget in steps at every depth, and the reward model's reading of each.",
        picture="q(s(s(a) s(a*) s(a)) s(s(a)) s!)",
    ),
    "revisions": Help(
        what=(
            "Several first answers are written side by side: each begins a chain. "
            "Every chain is then revised again and again, and each revision sees up to four attempts before it. "
            "A budget of attempts can be spent on many short chains or on few long ones. "
            "A scorer chooses the best answer within each chain and then among the chains, or the commonest answer "
            "of all is taken. "
            "The choice looks at every attempt and not only at the last ones, since revising also turns right "
            "answers into wrong ones."
        ),
        helps=(
            "Long chains help with easier questions, where a first attempt is nearly right; several chains help "
            "where a different beginning is needed."
        ),
        hurts="The model cannot tell what was wrong in its attempts, and leaves right answers again.",
        costs="Chains × length replies, whose prompts grow with every attempt, and a scoring of each.",
        picture="q(a!(a(a*)) a!(a!(a)) a!(a(a!)))",
    ),
    "router": Help(
        what=(
            "The question is first classified by its difficulty. "
            "An easy one is answered directly, and that answer is taken if the model is sure of it. "
            "All others are reasoned out. "
            "A second model, or the same one, grades the result. "
            "What does not pass is tried again with a dearer strategy."
        ),
        helps="Most questions are easy, and only a few deserve a dear strategy.",
        hurts="The model is sure of wrong answers, or the grader passes them.",
        costs="Little for an easy question; for a hard one a classification, a chain, a grade and a last try.",
        picture="q(v(a s(s(a*(v)))))",
    ),
    "self-consistency": Help(
        what=(
            "Several chains of thought are drawn at a moderate temperature, all from one prompt. "
            "Each comes to an answer of its own. "
            "How they got there is set aside: every chain has one vote. "
            "The commonest answer is taken, equal answers in different spellings counted together. "
            "Drawing can stop early, as soon as the leader cannot be overtaken."
        ),
        helps="Wrong chains scatter over many answers while right ones meet, so that a few right ones can lead.",
        hurts="The model makes the same mistake more often than it is right: more votes make that surer.",
        costs="N full replies; accuracy rises with N and soon flattens.",
        picture="q(s(a) s(a(m*)) s(a) s(a))",
    ),
    "self-refine": Help(
        what=(
            "The model answers the question. "
            "It is then shown its answer and asked what is wrong in it. "
            "With that critique in view it writes the answer again. "
            "Critique and correction are repeated, up to a number of rounds. "
            "It stops sooner when the critique finds nothing wrong."
        ),
        helps="Mistakes are easier to see than to avoid, and the model's critique names them.",
        hurts="The critique is no better than a guess: right answers are then given up and wrong ones kept.",
        costs="One answer, then a critique and a correction for every round.",
        picture="q(a(v(a(v(a*)))))",
    ),
    "titled-chain": Help(
        what=(
            "The model is asked for one step of reasoning at a time, each with a title. "
            "With every step it says whether it goes on or is ready to answer. "
            "All steps so far are shown when the next one is asked for. "
            "At the end one more call states the answer from the steps alone. "
            "You can edit a step afterwards and let the chain go on from there."
        ),
        helps="You want to follow, check or change the reasoning; the question has clear stages.",
        hurts="The model keeps to the form at the expense of the thought: forced JSON can cost accuracy.",
        costs="One call for each step and one for the answer, each reading the whole chain so far.",
        picture="q(s(s(s(a*))))",
    ),
    "tree-of-thoughts": Help(
        what=(
            "The model proposes several next steps. "
            "It then judges where each of them leads: surely to the goal, likely, or not at all. "
            "Breadth first, only the best few states of every depth go on. "
            "Depth first, the best one is followed, and the search comes back from a dead end. "
            "This goes on until answers are reached."
        ),
        helps="A first step can spoil everything, as in the game of 24, and the model sees dead ends early.",
        hurts="Its judgement of a state is no better than chance, or a question has no separate steps.",
        costs="Many short calls: proposals and judgements at every depth.",
        picture="q(p(s(p(s! s(p(s(a*) s!)))) s(p(s! s!)) s!))",
    ),
    "vote": Help(
        what=(
            "The same question is asked N times, without asking for a working. "
            "Every reply has one vote. "
            "The commonest answer is taken, equal answers counted together. "
            "For a question that is answered right more often than not, more votes make the right answer surer. "
            "For one that is answered wrong more often than not they make it less likely, so over a mixture of both "
            "there is a best number of votes."
        ),
        helps="Most questions are ones that the model gets right more often than not.",
        hurts="Many questions are harder than that: beyond some number of votes accuracy falls again.",
        costs="N replies.",
        picture="q(a a(m*) a a)",
    ),
    "zero-shot-cot": Help(
        what=(
            "The reply is begun with the words “Let's think step by step”. "
            "The model goes on from there and writes its working before it answers. "
            "Each step it has written is there to be read when it writes the next. "
            "A working that ends without an answer is led to one by the words “So the answer is”. "
            "No examples are needed."
        ),
        helps="The question needs several steps, and the model has seen workings like that.",
        hurts="The question is simple, or the model is too small to reason: a long working is another place to err.",
        costs="One reply, longer by the working, and now and then a short one to state the answer.",
        picture="q(s(s(s(a*))))",
    ),
}
