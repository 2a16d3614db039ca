"""What an object never seen before does to the agent (S3TA 4.2, Fig. 3)."""

import dataclasses

import numpy as np

from attn_agents.interpretability import context, findings
from attn_agents.interpretability.injection import (
  compute,
  figure,
  novel_object,
  options,
)

_MOMENTS = 6


def run(given: context.Context) -> findings.Findings:
  """Plays from the recording's seed with the object and without it."""
  chosen = given.options_of(options.Options)
  injected = (chosen.injected or compute.load()).fitted(
    given.recorded.frame_size
  )
  directory = given.directory / 'injection' / injected.digest
  plan = dataclasses.replace(given.plan, num_episodes=1, max_steps=chosen.steps)
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
  return findings.Findings(
    how_to_read=(
      'The object is pasted into the frames that the agent sees. The emulator '
      'does not know it, so nothing in the game reacts to it.\n\n'
      'Frames: the agent plays two games from the same seed, one with the '
      f'object and one without. {_differ(paired.first_difference)}\n\n'
      'Curves: the network is shown the game without the object, with the '
      'same actions, once as it was and once with the object pasted in. Every '
      'difference is due to the object alone.'
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
      'frames': 'The game without and with the object.',
      'divergence': 'Changes that the object causes in one and the same game.',
    },
    numbers={'same_rows': forced.summary(), 'played_on': paired.summary()},
    arrays={
      f'{name}_{field}': getattr(found, field)
      for name, found in (('same_rows', forced), ('played_on', paired))
      for field in ('total_variation', 'policy_kl', 'value_difference', 'mass')
    },
  )


def _differ(first: int | None) -> str:
  """From which step on the actions with the object are others."""
  if first is None:
    return 'Its actions never differ.'
  return f'Its actions differ from step {first} on, and so do the games.'


def _moments(visible: np.ndarray, common: int) -> np.ndarray:
  """Evenly spaced rows that both games have and that show the object."""
  both = visible[visible < common]
  places = np.linspace(0, len(both) - 1, min(_MOMENTS, len(both)))
  return both[np.unique(np.rint(places).astype(int))]
