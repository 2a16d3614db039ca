"""Trained agents as directories that hubs, people and commands take.

`contents` is what an export holds, `gathering` takes it from a run, `writing`
writes it. `evaluations`, `curve`, `pictures` and `check` are its parts, `files`
reads them, `card` is its README.md, and `pushing` uploads it.
`attn_agents.runs.exported` says what the files are, and how commands find an
agent in them.
"""
