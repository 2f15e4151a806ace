"""The words of the prompts. Nothing but texts; `playground.prompts` puts them in order.

They are short on purpose: the embedded model reads every one of these tokens anew at each step.
"""

STEP_BY_STEP = "Let's think step by step."

ANSWER_CUE = "So the answer is"

STATE_ANSWER = "So what is the answer? Reply with the answer only."

TITLED_CHAIN_SYSTEM = (
    "You are an expert who solves problems one step at a time. "
    "Reply with one JSON object and nothing else, with these keys: "
    '"title", a few words that name the step; '
    '"content", the reasoning of this step; '
    '"next_action", "continue" if more steps are needed or "final_answer" if this was the last. '
    "Take as many steps as the problem needs, check your work, and do not guess."
)

TITLED_CHAIN_PRIMING = "I will think step by step, one JSON object for each step."

TITLED_CHAIN_PLAIN_SYSTEM = (
    "You are an expert who solves problems one step at a time. "
    "Reply with one step and nothing else: a few words that name the step, a colon, the reasoning of this step, "
    "then [continue] if more steps are needed or [final answer] if this was the last. "
    "Take as many steps as the problem needs, check your work, and do not guess."
)

TITLED_CHAIN_PLAIN_PRIMING = "I will think step by step, one titled step at a time."

TITLED_CHAIN_FINAL = "Give the final answer as plain text, from the reasoning above only."

DIFFICULTIES = ("easy", "simple", "general", "complex", "expert")

CLASSIFY_SYSTEM = (
    "Say how hard the question is. Reply with one word: easy, simple, general, complex or expert."
)

VERDICTS = ("correct", "wrong")

REVIEW = "Check this answer step by step. End with [[correct]] or [[wrong]]."

JUDGE = "Is this answer correct? Reply with [[correct]] or [[wrong]] only."

REVISE = "These attempts may be wrong. Solve it again, step by step."

CRITIQUE = "What is wrong in this answer? If nothing is, say: Nothing is wrong."

CORRECT = "Write the corrected answer, step by step."

PROPOSE = "Write {n} different possible next steps, one on each line."

VALUE = (
    "Can the right answer still be reached from here? Look ahead, and end with sure, likely or impossible."
)

VALUES = ("sure", "likely", "impossible")

VOTE = "Which of these is the most promising? Reply with its number only."

NEXT_STEP = "Write the next step only. When nothing is left to do, state the answer."

GO_ON = "Go on step by step to the end, and state the answer."

NO_STEPS = "none"

DECOMPOSE = "Which smaller questions lead to the answer? Write them in order, one on each line."
