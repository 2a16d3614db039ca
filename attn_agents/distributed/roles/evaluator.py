"""The evaluator beside training, a process or a thread of its own."""

from typing import TYPE_CHECKING

from attn_agents.distributed import lifecycle, topology
from attn_agents.distributed.roles import base
from attn_agents.runs import run_directory
from attn_agents.utils import disk

if TYPE_CHECKING:
  from configs import schema

# Checkpoints are minutes apart.
_POLL_SECONDS = 1.0
# Between two tries to write a score that found no room.
_RETRY_SECONDS = 30.0


class EvaluatorRole(base.Role):
  """Scores checkpoints while the learner goes on."""

  name = 'evaluator'

  def work(
    self, status: lifecycle.StatusFile, stop: lifecycle.StopSignal
  ) -> None:
    """Evaluates until told to stop."""
    evaluate(self.place, self._experiment().config, status, stop)


def evaluate(
  place: topology.Topology,
  config: 'schema.Config',
  status: lifecycle.StatusFile,
  stop: lifecycle.StopSignal,
) -> None:
  """Scores checkpoints as they come, until told to stop.

  A stop in the middle of an evaluation drops it: the run must end in seconds,
  and `launch/evaluate.py` scores its last checkpoint as well.
  """
  from attn_agents.evaluation import episodes, evaluator, following, waiting

  runtime = config.runtime
  plan = evaluator.Plan(
    num_episodes=runtime.evaluation_episodes,
    agent_steps=runtime.evaluation_steps,
    num_envs=(
      runtime.evaluation_envs
      if runtime.evaluation_steps
      else min(runtime.evaluation_episodes, runtime.evaluation_envs)
    ),
    seed=config.seed,
    max_episode_frames=runtime.evaluation_max_episode_frames,
  )
  run = run_directory.RunDirectory(place.logdir)
  follower = following.Follower(
    run, config, plan, runtime.evaluate_every_frames
  )

  def say(line: str) -> None:
    print(line)
    status.set('running', line)

  status.set('running', 'waiting for a checkpoint to evaluate')
  while not stop():
    # One for each evaluation, which begins with nothing to say.
    reminder = waiting.Reminder(say, follower.describe)
    try:
      result = follower.follow(stop, reminder)
    except episodes.StoppedError:
      break
    except disk.StorageError as error:
      print(error)
      status.set('running', f'the score waits: {error}')
      stop.event.wait(_RETRY_SECONDS)
      continue
    if result is None:
      stop.event.wait(_POLL_SECONDS)
    else:
      say(result)
  status.set('stopped')
