"""A run with all that an export takes, of an agent that never learned."""

import dataclasses
import pathlib

from attn_agents import experiment
from attn_agents.evaluation import evaluator, results
from attn_agents.runs import checkpoints, run_directory, snapshots
from attn_agents.utils import machine
from tests import in_process

STEP = 12
_METRICS = """\
wall_time,frames,agent_steps,learner_steps,episodes,episode_return_mean,loss
1,400,100,1,0,,0.5
2,2400,600,6,60,-0.6,0.4
3,4800,1200,12,120,-0.25,0.3
"""


def make_run(
  path: pathlib.Path, *settings: str, agent: str = 's3ta', seed: int = 0
) -> run_directory.RunDirectory:
  """A run of Catch with one checkpoint, metrics and an evaluation of it."""
  config = in_process.catch_config(*settings, f'seed={seed}', agent=agent)
  run = run_directory.RunDirectory(path)
  run.open(config, machine.Devices('cpu', 1, 'cpu'))
  start = experiment.Experiment(config).initial_snapshot()
  counters = snapshots.Counters(1200, 4800, STEP, 120, 3.0)
  checkpointer = checkpoints.Checkpointer(run.checkpoints)
  checkpointer.save(dataclasses.replace(start, counters=counters))
  checkpointer.close()
  run.metrics.write_text(_METRICS)
  scorer = evaluator.Evaluator(
    config, evaluator.Plan(num_episodes=4, num_envs=2)
  )
  played = scorer.evaluate(start.state.params)
  results.write(
    run.evaluations / 'catch_12_sampled',
    played,
    results.summarise('catch', played, 4),
    first_seed=0,
    action_repeat=4,
    facts={'run': str(run.path), 'checkpoint': STEP, **scorer.facts()},
  )
  return run
