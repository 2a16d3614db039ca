"""Answers the questions of `runner.ask`; not started by hand.

`python -m attn_agents.diagnostics.child FD KIND NAME...` writes one JSON line
`[ok, detail]` per name to the file descriptor FD. Stdout and stderr are left to
the libraries.
"""

import json
import os
import sys
from collections.abc import Callable


def _question(kind: str, name: str) -> Callable[[], str]:
  if kind == 'game':
    from attn_agents.diagnostics import games

    return lambda: games.play(name)
  if kind == 'agent':
    from attn_agents.diagnostics import agents

    return lambda: agents.describe(name)
  from attn_agents.diagnostics import checks

  return checks.by_name(name).ask


def main(argv: list[str]) -> None:
  """Answers every name of `argv` = [FD, KIND, NAME...] in order."""
  with os.fdopen(int(argv[0]), 'w') as answers:
    # A process that a check starts must not keep the pipe open.
    os.set_inheritable(answers.fileno(), False)
    for name in argv[2:]:
      try:
        ok, detail = True, _question(argv[1], name)()
      except Exception as e:
        ok, detail = False, f'{type(e).__name__}: {e}'
      # Native destructors may abort on the way out, after the answer is known.
      print(
        json.dumps([ok, detail.replace('\n', ' ')]), file=answers, flush=True
      )


if __name__ == '__main__':
  main(sys.argv[1:])
