"""What an object never seen before does to the agent (S3TA 4.2, Fig. 3)."""

import dataclasses

import numpy as np

from attn_agents.interpretability import context, findings
from attn_agents.interpretability.injection import (
  compute,
  figure,
  novel_object,
)

_MOMENTS = 6


def run(given: context.Context) -> findings.Findings:
  """Plays from the recording's seed with the object and without it."""
  injected = given.options.injected or compute.load(compute.DEFAULT)
  directory = given.directory / 'injection' / injected.digest
  plan = dataclasses.replace(
    given.plan, num_episodes=1, max_steps=given.options.injection_steps
  )
  shown, hidden = novel_object.record_pair(
    given.played, plan, injected, directory
  )
  grid = given.grid if 'attention' in given.recorded else None
  given.say('injection: the same rows are shown with the object')
  forced = novel_object.teacher_forced(given.played, hidden, injected, grid)
  paired = novel_object.paired(shown, hidden, injected, grid)
  visible = np.flatnonzero(forced.visible)
  if not len(visible):
    raise context.DoesNotApplyError(
      f'the object was never on the screen in {len(hidden)} rows'
    )
  times = np.arange(len(hidden)) * given.step_seconds
  rows = _moments(visible, len(paired.visible))
  seen = None
  if 'attention' in shown:
    seen = given.to_draw(shown.rows('attention', rows))
  first = paired.first_difference
  differ = 'never' if first is None else f'from row {first} on'
  return findings.Findings(
    how_to_read=(
      'The object is pasted into what the agent sees; the emulator knows '
      'nothing of it. The curves come from showing the network the rows of '
      'the game without the object, with the same actions, and the object '
      'pasted into them: what differs is due to the object alone. Playing on '
      'by itself, the agent acts differently with the object '
      f'{differ}; then these are two games.'
    ),
    figures={
      'frames': figure.frames(
        hidden.rows('frame', rows),
        shown.rows('frame', rows),
        seen,
        times[rows].tolist(),
      ),
      'divergence': figure.divergence(times, forced),
    },
    captions={
      'frames': 'The game without the object and with it, each played on.',
      'divergence': 'What the object changes, the game being the same.',
    },
    numbers={'same_rows': forced.summary(), 'played_on': paired.summary()},
    arrays={
      f'{name}_{field}': getattr(found, field)
      for name, found in (('same_rows', forced), ('played_on', paired))
      for field in ('total_variation', 'policy_kl', 'value_difference', 'mass')
    },
  )


def _moments(visible: np.ndarray, common: int) -> np.ndarray:
  """Rows that both games have and that show the object, evenly spread."""
  both = visible[visible < common]
  places = np.linspace(0, len(both) - 1, min(_MOMENTS, len(both)))
  return both[np.unique(np.rint(places).astype(int))]
