"""Several configurations on one question, side by side: set up, run together, compared.

Boundary: lays out lanes and draws what their runs say; the runs themselves are the runner's, and which lane a run
belongs to is said in its own log, so that a comparison opens from its session alone.

- `setups`: what a lane runs, what differs between lanes, and ways to begin; `saved`: lanes out of a session's runs.
- `state`: what a visitor has on screen; `start`: begins and stops lanes.
- `texts`: where texts differ; `wire` and `board`: the lanes as the browser draws them.
- `tally` and `figures`: what came of it, in numbers and as a picture.
- `setting_up`, `heads` and `view`: the page's parts, from top to bottom.
"""
