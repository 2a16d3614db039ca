"""The same agent at several stages of its training (DRARL Fig. 7)."""

import dataclasses
import pathlib
from collections.abc import Iterator, Sequence

from attn_agents import experiment
from attn_agents.interpretability.recordings import trained_agent
from attn_agents.runs import parameters
from configs import schema

# Of DRARL's figure.
FRACTIONS = (0.0, 0.36, 0.72, 1.0)


@dataclasses.dataclass(frozen=True)
class Stage:
  """What stands for a stage of training.

  Attributes:
    wanted: fraction of training that was asked for.
    step: learner step of what there is; 0 are the parameters that training
      starts from, which need no checkpoint.
    fraction: of training at that step.
  """

  wanted: float
  step: int
  fraction: float


def choose(
  steps: Sequence[int], end: int, fractions: Sequence[float] = FRACTIONS
) -> list[Stage]:
  """The checkpoints nearest to some fractions of training.

  Args:
    steps: of the checkpoints there are, see `saved_runs.steps`.
    end: the learner step of the agent that is shown, which counts as the whole
      of training, whether or not its checkpoint is among `steps`.
    fractions: of it. 0 is the start; any other gets a checkpoint, the earlier
      of two that are equally near.
  """
  if not end:
    return [Stage(0.0, 0, 0.0)]
  trained = sorted({end, *(step for step in steps if 0 < step < end)})

  def nearest(wanted: float) -> int:
    return min(trained, key=lambda step: abs(step - wanted * end))

  steps_of = {wanted: nearest(wanted) if wanted else 0 for wanted in fractions}
  return [Stage(wanted, step, step / end) for wanted, step in steps_of.items()]


def agents(
  played: trained_agent.TrainedAgent,
  trained: schema.Config,
  directory: pathlib.Path,
  stages: Sequence[Stage],
) -> Iterator[tuple[Stage, trained_agent.TrainedAgent]]:
  """The agent at each stage; functions compiled for `played` are kept.

  Args:
    played: the agent that is shown, at its own stage.
    trained: config of the run.
    directory: of its checkpoints.
    stages: from `choose`.
  """
  for stage in stages:
    if stage.step == played.facts.get('checkpoint'):
      yield stage, played
      continue
    if stage.step:
      restored = parameters.restore(trained, directory, stage.step)
      params, frames = restored.params, restored.counters.frames
    else:
      start = experiment.Experiment(trained).initial_snapshot()
      params, frames = start.state.params, 0
    yield (
      stage,
      played.with_params(params, checkpoint=stage.step, training_frames=frames),
    )
