"""Times, sizes and numbers that something outside the code counts on.

A user who waits, another machine, a file on disk, a table in a document: each
of these would notice, and no other test looks at the number itself. By hand; a
number that is meant to change is changed here, too.
"""

import importlib

import pytest

_KEPT = {
  # Exit codes, which batch systems and manifests are told.
  'attn_agents.utils.stopping': {'TO_BE_CONTINUED': 75},
  'attn_agents.clusters.manifests': {
    'COORDINATOR_PORT': 55527, '_TO_BE_CONTINUED': 75, '_BAD_INPUT': 2,
    '_STOPPED': (129, 138, 143), '_GRACE_SECONDS': 60, '_RESTARTS': 3,
    '_MAX_HOSTS': 32,
  },
  'attn_agents.clusters.slurm_body': {
    'STOPPED': (75, 129, 138, 143), '_STRAGGLER_SECONDS': 900,
  },
  'attn_agents.clusters.slurm_arrays': {'AT_A_TIME': 16},
  'attn_agents.clusters.slurm_script': {
    'MAX_NODES': 32, '_LEAST_SAVE_SECONDS': 60,
  },
  'attn_agents.clusters.slurm_commands': {'_SECONDS': 60.0},
  'attn_agents.clusters.slurm_values': {'_LONGEST_NAME': 100},
  'attn_agents.clusters.tpu_slices': {'_LONGEST_NAME': 50},
  'launch.command_line': {'FAILED': 1, 'USAGE_ERROR': 2, 'INTERRUPTED': 130},
  # Ports that documents name.
  'attn_agents.utils.batch_job': {
    'WATCH_PORT': 8712, 'TENSORBOARD_PORT': 6006, '_MEBIBYTE': 1_048_576,
  },
  # What files on disk say.
  'attn_agents.runs.run_directory': {
    'FORMAT': 2, '_MOST_CONFIG_BYTES': 10_000_000, '_PARTIAL_SECONDS': 60.0,
    '_LOCK_SECONDS': 1.0,
  },
  'attn_agents.runs.exported': {
    'FORMAT': 1, '_MOST': 9_223_372_036_854_775_808, '_DIGEST_LENGTH': 64,
  },
  'attn_agents.runs.tensor_files': {
    '_SIZE_BYTES': 8, '_MOST_HEADER_BYTES': 1_000_000, '_MOST_OF_CAUSE': 120,
  },
  'attn_agents.runs.parameters': {'_MOST_BYTES': 2_000_000_000},
  'attn_agents.runs.checkpoints': {
    '_ADDED_BYTES': 65_536, '_MOST_OF_CAUSE': 200,
  },
  'attn_agents.runs.named_trees': {'_NAMES_LISTED': 6},
  'attn_agents.runs.initial_parameters': {'_CHECK_SECONDS': 300},
  'attn_agents.runs.buckets.stores': {
    'CONNECT_SECONDS': 10.0, 'READ_SECONDS': 60.0, 'RETRIES': 2,
  },
  'attn_agents.runs.buckets.mirror': {'_FILES_SECONDS': 60.0},
  'attn_agents.exporting.files': {'_MOST_BYTES': 10_000_000},
  'attn_agents.exporting.check': {
    'STEPS': 16, 'TOLERANCE': 0.001, '_SEED': 0,
  },
  'attn_agents.exporting.curve': {'_MOST_ROWS': 500},
  'attn_agents.interpretability.recordings.recording': {'VERSION': 1},
  'attn_agents.interpretability.recordings.parts': {'PART_ROWS': 256},
  'attn_agents.interpretability.report.size': {
    'MOST_BYTES': 60_000_000, '_OTHER_BYTES': 6_000_000,
    '_BYTES_PER_PIXEL': 0.08, '_BYTES_PER_NUMBER': 11,
  },
  # Seeds of old runs come from these.
  'attn_agents.environments.seeding': {
    'MAX_HOSTS': 32, 'MAX_ACTORS_PER_HOST': 256, 'MAX_ENVS_PER_ACTOR': 255,
    'INCARNATIONS_PER_ERA': 1024,
  },
  # Who waits for whom, and how long.
  'attn_agents.distributed.lifecycle': {
    'FORMER_RUN_SECONDS': 14.0, '_PR_SET_PDEATHSIG': 1,
    '_PR_SET_CHILD_SUBREAPER': 36, '_PARENT_SECONDS': 0.5, '_READ_TRIES': 5,
    '_READ_AGAIN_SECONDS': 0.01, 'UNKNOWN_PID': 0,
  },
  'attn_agents.distributed.supervisor': {
    '_STOP_SECONDS': 14.0, '_STUCK_SECONDS': 30.0, '_POLL_SECONDS': 0.2,
  },
  'attn_agents.distributed.roles.base': {'GRACE_SECONDS': 6.0},
  'attn_agents.distributed.roles.learner': {
    '_SAVED_SECONDS': 20.0, '_HURRY_SECONDS': 2.0,
  },
  'attn_agents.distributed.roles.actor_supervisor': {
    '_HEALTHY_SECONDS': 600.0, '_BACKOFF_SECONDS': (1.0, 2.0, 4.0, 8.0),
  },
  'attn_agents.distributed.mirroring': {
    '_LOOK_SECONDS': 1.0, '_RETRY_SECONDS': 15.0, '_LAST_RETRY_SECONDS': 2.0,
    '_STOP_SECONDS': 20.0, '_ALONE_SECONDS': 30.0,
  },
  'attn_agents.distributed.opening': {
    '_AGAIN_SECONDS': 1.0, '_TRY_SECONDS': 10.0,
  },
  'attn_agents.distributed.console': {
    '_PLAIN_SECONDS': 10.0, '_READ_SECONDS': 1.0, '_NOTABLE_WAIT': 0.2,
    '_MOST_GAMES': 7,
  },
  'attn_agents.distributed.run_key': {'_MOST_BYTES': 65_536},
  'attn_agents.distributed.hosts.store': {'ASK_SECONDS': 0.2},
  'attn_agents.distributed.hosts.meeting': {'_LAST_SECONDS': 10.0},
  'attn_agents.distributed.hosts.finding': {'_SECONDS': 120.0},
  'attn_agents.distributed.hosts.facts': {'_MOST_DIFFERENCES': 3},
  'attn_agents.distributed.hosts.membership': {
    '_FLUSH_SECONDS': 1.5, '_LINGER_SECONDS': 2.0,
  },
  'attn_agents.distributed.hosts.company': {
    '_STATES_TOLD': 3, '_COMPARE_SECONDS': 10.0, '_COMPILED_AFTER': 3,
  },
  'attn_agents.distributed.relay.ends': {
    'PIECE_BYTES': 262_144, '_RECORD_BYTES': 16_384, '_FAREWELL_SECONDS': 1.0,
  },
  'attn_agents.distributed.relay.check': {
    '_AGAIN_SECONDS': 1.0, '_TRY_SECONDS': 10.0,
  },
  'attn_agents.distributed.relay.start': {
    '_MOST_PATH_BYTES': 107, '_BACKLOG': 128, '_START_SECONDS': 30.0,
    '_STOP_SECONDS': 5.0,
  },
  'attn_agents.distributed.relay.serving': {
    '_LOOK_SECONDS': 0.5, '_TELL_SECONDS': 10.0,
  },
  'attn_agents.distributed.relay.attendance': {
    '_GONE_SECONDS': 5.0, '_MOST_NAMED': 4,
  },
  'attn_agents.distributed.relay.addresses': {'_BACKLOG': 128},
  'attn_agents.learning.training': {
    '_LONG_UPDATE_SECONDS': 2.0, '_RETRY_SECONDS': 30.0,
    '_LAST_RETRY_SECONDS': 2.0, '_MAX_NONFINITE_ROWS': 3,
  },
  'attn_agents.utils.patience': {'_LONGEST_LOOK': 5.0, '_FRESH_SECONDS': 10.0},
  'attn_agents.utils.tpu_metadata': {'_SECONDS': 5.0},
  'attn_agents.utils.compile_cache': {
    '_MOST_BYTES': 1_073_741_824, '_SETTLED_SECONDS': 120.0,
  },
  'attn_agents.utils.disk': {'_LEAST_ROOM': 65_536},
  'attn_agents.utils.whole_files': {'_MOST_WAITING': 10_000},
  'attn_agents.utils.metrics_table': {'_TAIL_BYTES': 4096},
  'attn_agents.diagnostics.games': {'TIMEOUT_SECONDS': 60.0, '_STEPS': 8},
  'attn_agents.diagnostics.agents': {
    'TIMEOUT_SECONDS': 60.0, 'NUM_ACTIONS': 18,
  },
  'launch.suite': {'MAX_RUNS': 10_000},
  'launch.suite_worker': {
    '_FORMER_SECONDS': 30.0, '_LONGEST_END': 4096, '_POLL_SECONDS': 0.2,
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
  'attn_agents.interpretability.context': {'_SETTLED_ROWS': 50},
  'attn_agents.interpretability.behaviour.compute': {
    'MAX_LAG': 15, '_MIN_PAIRS': 30, '_CHANCE_SHIFTS': 20, '_STILL': 0.001,
  },
  'attn_agents.interpretability.weights.compute': {
    'QUANTILES': (0.05, 0.25, 0.5, 0.75, 0.95),
  },
  'attn_agents.interpretability.grad_cam.training_stages': {
    'FRACTIONS': (0.0, 0.36, 0.72, 1.0),
  },
  'attn_agents.interpretability.screen.targets': {'_MAX_MOVING': 0.25},
  'attn_agents.interpretability.drawing.video': {'ROWS_PER_SECOND': 15.0},
  'attn_agents.interpretability.drawing.figures': {
    'WIDTH': 6.75, 'FONT_SIZE': 9, '_DPI': 150,
  },
  'attn_agents.interpretability.drawing.overlays': {
    'OPACITY': 0.65, 'TINT': 0.7,
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
  # How runs are fitted to machines.
  'configs.resolution': {
    '_MAX_ENVS_PER_ACTOR': 16, '_MAX_BATCHES_IN_ACTORS': 8,
    '_MAX_REPLAY_ACTORS': 4, '_REPLAY_ENVS_PER_ACTOR': 8,
  },
  'configs.memory': {'_BYTES_BESIDE': 13},
  'configs.games': {'_MOST_OF_NAME': 60},
  'configs.schema': {'_MOST_PROFILED': 1000},
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
