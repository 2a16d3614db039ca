import dataclasses
import pathlib

import jax
import numpy as np
import pytest

from attn_agents import experiment
from attn_agents.interpretability.grad_cam import training_stages
from attn_agents.interpretability.recordings import trained_agent
from attn_agents.runs import checkpoints, saved_runs, snapshots
from tests import in_process


def test_the_nearest_checkpoint_stands_for_a_stage():
  stages = training_stages.choose([100, 40, 30, 70], end=100)
  assert [(s.wanted, s.step, s.fraction) for s in stages] == [
    (0.0, 0, 0.0),
    (0.36, 40, 0.4),
    (0.72, 70, 0.7),
    (1.0, 100, 1.0),
  ]
  # Only the last ones were kept: still no beginner stands for a third.
  stages = training_stages.choose([98, 99], end=100)
  assert [s.step for s in stages] == [0, 98, 98, 100]


@pytest.mark.parametrize('steps', [[], [200, 300]])
def test_the_agent_that_is_shown_needs_no_checkpoint_among_those_kept(steps):
  # As the best one, which may be older than all of these.
  stages = training_stages.choose(steps, end=100)
  assert [(s.step, s.fraction) for s in stages] == [(0, 0.0)] + 3 * [(100, 1.0)]
  config = in_process.catch_config(agent='impala_shallow')
  params = experiment.Experiment(config).initial_snapshot().state.params
  played = trained_agent.TrainedAgent(config, params, {'checkpoint': 100})
  found = list(
    training_stages.agents(
      played, config, pathlib.Path('nowhere'), [stages[0], stages[-1]]
    )
  )
  assert found[1] == (stages[-1], played)


def test_agents_have_the_parameters_of_start_and_checkpoints(tmp_path):
  config = in_process.catch_config(agent='impala_shallow')
  start = experiment.Experiment(config).initial_snapshot()
  checkpointer = checkpoints.Checkpointer(tmp_path / 'checkpoints')
  for step in (5, 10):
    params = jax.tree.map(lambda x, by=step: by * x, start.state.params)
    checkpointer.save(
      dataclasses.replace(
        start,
        state=start.state._replace(params=params),
        counters=snapshots.Counters(frames=400 * step, learner_steps=step),
      )
    )
  checkpointer.close()
  played = trained_agent.TrainedAgent(
    config, start.state.params, {'agent': 'a'}
  )
  there = saved_runs.steps(tmp_path / 'checkpoints')
  stages = training_stages.choose(there, 10, (0.0, 0.4, 1.0))
  found = list(
    training_stages.agents(played, config, tmp_path / 'checkpoints', stages)
  )
  assert [stage.step for stage, _ in found] == [0, 5, 10]
  for (stage, at), factor in zip(found, (1, 5, 10), strict=True):
    assert at.facts == {
      'agent': 'a',
      'checkpoint': stage.step,
      'training_frames': 400 * stage.step,
    }
    assert at.inspect is played.inspect
    jax.tree.map(
      lambda ours, first, by=factor: np.testing.assert_allclose(
        ours, by * first
      ),
      at.params,
      start.state.params,
    )
