"""A run of Catch whose learner is played by the test."""

import jax
import numpy as np

from attn_agents import experiment
from attn_agents.runs import checkpoints, run_directory, snapshots
from attn_agents.utils import machine
from tests import in_process


class Run:
  """Leaves checkpoints, all of one state times a factor."""

  def __init__(self, path, agent='s3ta', game='catch'):
    self.config = in_process.catch_config(agent=agent, game=game)
    self.directory = run_directory.RunDirectory(path)
    self.directory.open(self.config, machine.Devices('cpu', 1, 'cpu'))
    rng = np.random.default_rng(0)
    # Drawn here, because compiling the real initialisers takes long.
    self._state = jax.tree.map(
      lambda x: (0.1 * rng.normal(size=x.shape)).astype(x.dtype),
      experiment.Experiment(self.config).state_spec(),
    )

  def save(self, step, factor=1.0):
    """Returns the parameters."""
    params = jax.tree.map(lambda x: factor * x, self._state.params)
    checkpointer = checkpoints.Checkpointer(self.directory.checkpoints, keep=2)
    checkpointer.save(
      snapshots.Snapshot(
        self._state._replace(params=params),
        snapshots.Counters(
          agent_steps=10 * step, frames=40 * step, learner_steps=step
        ),
      )
    )
    checkpointer.close()
    return params
