"""The experiment with a novel object (S3TA section 4.2, Figure 3).

Two comparisons. *Paired*: the game is played twice from one seed, with the
object and without; from the first differing action on these are two games, and
differences are the game's as much as the object's. *Teacher-forced*: the
network is shown the rows of the game without the object once more, with the
same actions, and the object pasted into them; whatever differs then is due to
the object, seen now or remembered.
"""

import pathlib
from collections.abc import Iterator

import numpy as np

from attn_agents import types
from attn_agents.interpretability.injection import compute as injection
from attn_agents.interpretability.injection import divergence
from attn_agents.interpretability.recordings import (
  agent_view,
  record,
  recording,
  trained_agent,
)
from attn_agents.interpretability.screen import cells

# Of two networks without attention.
_NO_HEADS = np.zeros((2, 0, 1, 1), np.float32)


def record_pair(
  played: trained_agent.TrainedAgent,
  plan: record.Plan,
  injected: injection.Injection,
  directory: pathlib.Path,
) -> tuple[recording.Recording, recording.Recording]:
  """Plays from one seed with the object and without it.

  Args:
    played: who plays.
    plan: how, both times.
    injected: the object.
    directory: gets the recordings `with` and `without`.

  Returns:
    The recordings with the object and without it.
  """
  return (
    record.record(
      played, plan, directory / 'with', edit=injected, facts=injected.facts()
    ),
    record.record(played, plan, directory / 'without'),
  )


def paired(
  with_object: recording.Recording,
  without: recording.Recording,
  injected: injection.Injection,
  grid: cells.Grid | None,
) -> divergence.Divergence:
  """Compares the recordings of `record_pair`, as long as the first game lasts.

  Args:
    with_object: the one with the object.
    without: the other.
    injected: the object.
    grid: of attention's cells; None where they cover the screen evenly, or
      there are none.
  """
  length = min(
    int((recorded['game'] == 0).sum()) for recorded in (with_object, without)
  )
  shown, hidden = (_trace(r, length) for r in (with_object, without))
  return divergence.compare(
    shown,
    hidden,
    without['row'][:length],
    injected,
    grid or _even(shown, without.frame_size),
  )


def teacher_forced(
  played: trained_agent.TrainedAgent,
  without: recording.Recording,
  injected: injection.Injection,
  grid: cells.Grid | None = None,
) -> divergence.Divergence:
  """Shows the network all rows of a recording with the object and without.

  Args:
    played: the agent.
    without: a recording without the object.
    injected: the object.
    grid: see `paired`.

  Returns:
    The comparison; its actions are the likeliest of either policy, while those
    of the recording are taken.
  """
  # Both at once: the first sees the object.
  state = played.agent.initial_state(2)
  said: list[tuple[np.ndarray, ...]] = []
  for timestep, action in _seen_both_ways(played, without, injected):
    seen = played.inspect(played.params, timestep, state)
    said.append(
      (
        np.asarray(seen.intermediates.get('attention', _NO_HEADS)),
        np.asarray(seen.outputs.policy_logits),
        np.asarray(seen.outputs.baseline),
      )
    )
    state = types.AgentState(seen.core_state, np.repeat(action, 2))
  attention, logits, baseline = (
    np.stack(rows, axis=1) for rows in zip(*said, strict=True)
  )
  shown, hidden = (
    divergence.Trace(
      attention[i], logits[i], baseline[i], logits[i].argmax(axis=-1)
    )
    for i in range(2)
  )
  return divergence.compare(
    shown,
    hidden,
    without['row'],
    injected,
    grid or _even(shown, without.frame_size),
  )


def _seen_both_ways(
  played: trained_agent.TrainedAgent,
  without: recording.Recording,
  injected: injection.Injection,
) -> Iterator[tuple[types.TimeStep, np.ndarray]]:
  """Each row as `types.TimeStep` [2], with object and without, and its action.

  Actions are those of the recording, int32 [].
  """
  names = ('observation', 'reward', 'discount', 'step_type')
  view = agent_view.AgentView(played.environment_spec)
  for _, arrays in without.parts(*names, 'frame', 'row', 'action'):
    for offset, frame in enumerate(arrays['frame']):
      observation, *others = (arrays[name][offset] for name in names)
      edited = view.edit(
        observation,
        frame,
        injected(frame, int(arrays['row'][offset])),
        bool(others[-1] == types.StepType.FIRST),
      )
      timestep = types.TimeStep(
        np.stack([edited, observation]), *(np.stack([x, x]) for x in others)
      )
      yield timestep, arrays['action'][offset]


def _trace(recorded: recording.Recording, length: int) -> divergence.Trace:
  attention = np.repeat(_NO_HEADS[:1], length, axis=0)
  if 'attention' in recorded:
    attention = recorded['attention'][:length]
  names = ('policy_logits', 'baseline', 'action')
  return divergence.Trace(
    attention, *(recorded[name][:length] for name in names)
  )


def _even(trace: divergence.Trace, frame: tuple[int, int]) -> cells.Grid:
  height, width = trace.attention.shape[-2:]
  return cells.even((height, width), frame)
