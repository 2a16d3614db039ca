"""Numbers that something outside the code counts on, and times that must fit.

A batch system, a file on disk, a published protocol: each would notice another
number. What only the code itself counts on is not here.
"""

import importlib

import pytest

_KEPT = {
  # Exit codes, which batch systems and manifests are told.
  'attn_agents.utils.stopping': {'TO_BE_CONTINUED': 75},
  'attn_agents.clusters.manifests': {
    'COORDINATOR_PORT': 55527, '_TO_BE_CONTINUED': 75, '_BAD_INPUT': 2,
    '_STOPPED': (129, 138, 143),
  },
  'attn_agents.clusters.slurm_body': {'STOPPED': (75, 129, 138, 143)},
  'launch.command_line': {'FAILED': 1, 'USAGE_ERROR': 2, 'INTERRUPTED': 130},
  # Ports that documents name.
  'attn_agents.utils.batch_job': {'WATCH_PORT': 8712, 'TENSORBOARD_PORT': 6006},
  # What files on disk say.
  'attn_agents.runs.run_directory': {'FORMAT': 2},
  'attn_agents.runs.exported': {'FORMAT': 1},
  'attn_agents.exporting.check': {'STEPS': 16, 'TOLERANCE': 0.001, '_SEED': 0},
  'attn_agents.interpretability.recordings.recording': {'VERSION': 1},
  # Seeds of old runs come from these.
  'attn_agents.environments.seeding': {
    'MAX_HOSTS': 32, 'MAX_ACTORS_PER_HOST': 256, 'MAX_ENVS_PER_ACTOR': 255,
    'INCARNATIONS_PER_ERA': 1024,
  },
  # What numbers in metrics.csv and in reports are of.
  'attn_agents.learning.metrics': {'_RECENT_GAMES': 100},
  'attn_agents.learning.game_scores': {'_RECENT_GAMES': 100},
  'attn_agents.learning.sight': {
    'MAX_ENVIRONMENTS': 16, 'MAX_ROWS': 16, '_SATURATED': 2.65,
  },
  'attn_agents.learning.blindness': {
    'SETTLED_STEPS': 100_000, 'LEAST_DEVIATION': 0.02, 'BLIND_ROWS': 3,
  },
  'attn_agents.evaluation.protocols': {'MAX_EPISODE_FRAMES': 108_000},
  'attn_agents.interpretability.weights.compute': {
    'QUANTILES': (0.05, 0.25, 0.5, 0.75, 0.95),
  },
  'attn_agents.interpretability.grad_cam.training_stages': {
    'FRACTIONS': (0.0, 0.36, 0.72, 1.0),
  },
  # Published: Jaderberg et al. 2017, Espeholt et al. 2018.
  'attn_agents.population.rules': {
    '_IMPALA_PROBABILITY': 0.33, '_TRUNCATED': 0.2,
    '_TRUNCATION_FACTORS': (1.2, 0.8),
  },
  'attn_agents.interpretability.hard_attention.compute': {
    '_PUBLISHED_THRESHOLD': 0.1,
  },
  # DARQN's code.
  'attn_agents.networks.layers.q_core': {
    '_LSTM_SPREAD': 0.08, '_LEAST_WEIGHT': 1e-5,
  },
}  # fmt: skip


@pytest.mark.parametrize('module', _KEPT)
def test_numbers_are_what_others_count_on(module):
  loaded = importlib.import_module(module)
  found = {name: getattr(loaded, name) for name in _KEPT[module]}
  assert found == _KEPT[module]


def test_times_fit_each_other():
  def of(module, name):
    return getattr(importlib.import_module(f'attn_agents.{module}'), name)

  stop = of('distributed.supervisor', '_STOP_SECONDS')
  # A learner gives up within what its parent waits, and Launchpad's 10 s.
  assert of('distributed.roles.base', 'GRACE_SECONDS') < 10 < stop
  # What is left of a killed parent's run may take as long.
  assert of('distributed.lifecycle', 'FORMER_RUN_SECONDS') == stop
  assert of('distributed.mirroring', '_STOP_SECONDS') > stop
  # Pods and jobs have time for both.
  both = stop + of('distributed.mirroring', '_STOP_SECONDS')
  assert both <= of('clusters.manifests', '_GRACE_SECONDS')
  assert both <= of('clusters.slurm_script', '_LEAST_SAVE_SECONDS')
  # Seeds of 32 hosts are 16 of learners and 16 of actors.
  assert of('clusters.manifests', '_MAX_HOSTS') == 32
