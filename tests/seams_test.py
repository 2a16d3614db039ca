"""A toy agent, algorithm, environment and analysis, each from a test's file.

All four together are registered, trained, saved, scored and analysed. Nothing
of the project is edited for them.
"""

import json

import numpy as np
import pytest

from attn_agents.algorithms import registry as algorithms
from attn_agents.environments import registry as environments
from attn_agents.evaluation import evaluator
from attn_agents.interpretability import context, pipeline
from attn_agents.interpretability import registry as analyses
from attn_agents.interpretability.recordings import record, trained_agent
from attn_agents.runs import checkpoints, parameters, run_directory, saved_runs
from attn_agents.utils import machine
from configs import agents, resolution
from tests import in_process
from tests.algorithms import toy_test as toy_algorithm
from tests.environments import toy as toy_environment
from tests.interpretability import toy_analysis
from tests.networks import toy_agent_test as toy_agent

_ALGORITHM = toy_algorithm.Reinforce()


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
  # Copies, so that other tests do not find them.
  for module, name in (
    (agents, 'AGENTS'),
    (algorithms, 'ALGORITHMS'),
    (environments, 'SUITES'),
    (analyses, 'ANALYSES'),
  ):
    monkeypatch.setattr(module, name, dict(getattr(module, name)))
  agents.register('linear', toy_agent.PRESETS)
  algorithms.register(_ALGORITHM)
  environments.register(toy_environment.SUITE)
  module = toy_analysis.__name__
  analyses.register('toy', analyses.Analysis('How bright', module, module))


def _config():
  return resolution.resolve(
    resolution.Request(
      agent='linear',
      game='lights',
      preset='small',
      algorithm=_ALGORITHM.name,
      settings=[
        'learning.batch_size=16',
        'learning.discount=0',
        'runtime.envs_per_actor=16',
        'optimizer.learning_rate=1e-2',
      ],
    ),
    'cpu',
    num_devices=1,
    cores=2,
  )


def _train(config, directory):
  """Returns the learner step of the checkpoint that is left there."""
  directory.open(config, machine.Devices('cpu', 1, 'cpu'))
  run = in_process.InMemory(config)
  actor, feeder = run.make_actor(), run.feeder()
  try:
    for _ in range(100):
      actor.run_unroll()
      run.learner.step(*feeder.get(timeout=60))
    snapshot = run.learner.snapshot()
  finally:
    run.close()
  checkpointer = checkpoints.Checkpointer(directory.checkpoints)
  checkpointer.save(snapshot)
  checkpointer.close()


def _score(config, params):
  plan = evaluator.Plan(num_episodes=20, num_envs=4, policy='greedy')
  games = evaluator.Evaluator(config, plan).evaluate(params)
  return np.mean([game.game_return for game in games])


def test_four_toys_work_together(tmp_path):
  _train(_config(), run_directory.RunDirectory(tmp_path / 'run'))

  run, config = saved_runs.open_run(str(tmp_path / 'run'))
  assert (config.agent, config.algorithm) == ('linear', _ALGORITHM.name)
  directory, step = saved_runs.find(run, 'newest')
  restored = parameters.restore(config, directory, step)
  # Of eight points; chance gives 1.6.
  assert _score(config, restored.params) > 7
  assert restored.counters.frames == 3 * restored.counters.agent_steps

  played = trained_agent.restore(config, config, directory, step)
  plan = record.Plan(num_episodes=2, max_steps=40, seed=0)
  out = tmp_path / 'analyses'
  given = context.Context(
    played=played,
    recorded=record.record(played, plan, out / 'recording'),
    plan=plan,
    directory=out,
    trained=config,
    checkpoints=run.checkpoints,
    chosen=[toy_analysis.Options()],
  )
  page = pipeline.run(given, ['toy', 'gradients'], 'a test').read_text()
  assert 'How bright' in page and 'leap' in page
  numbers = json.loads((out / 'toy' / 'numbers.json').read_text())
  assert numbers['rows'] == len(given.recorded)
  # One column of ten is lit, of half the width; see toy.Lights.
  assert 0 < numbers['mean'] < 255
