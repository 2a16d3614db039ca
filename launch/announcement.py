"""What a run prints before it starts."""

import os
import socket

from attn_agents.algorithms import registry
from attn_agents.environments import registry as environments
from attn_agents.evaluation import protocols
from attn_agents.runs import kept_replays, run_directory, saved_runs
from attn_agents.utils import batch_job, machine, output
from configs import resolution, schema


def print_plan(
  request: resolution.Request,
  config: schema.Config,
  run: run_directory.RunDirectory,
  devices: machine.Devices,
  cores: int,
  continued: bool,
) -> None:
  """Prints what is about to run, and what was chosen for this machine."""
  runtime, algorithm = config.runtime, registry.get(config.algorithm)
  unit = 'threads' if runtime.kind == 'threads' else 'processes'
  _, why = resolution.choose_preset(request.preset, devices.platform)
  ends = [f'{config.max_frames:,} frames'] if config.max_frames else []
  ends += [f'{config.max_hours:g} hours'] if config.max_hours else []
  end = ' or '.join(ends) or 'no end'
  lines = {
    'agent': f'{config.agent} on {config.environment.game}, {end}, '
    f'seed {config.seed}',
    'algorithm': f'{config.algorithm}, {algorithm.describe(config)} '
    f'({resolution.choose_algorithm(request, config)})',
    'preset': f'{config.preset} ({why})',
    'machine': f'{cores} cores, {devices.count} x {devices.kind}',
    'actors': f'{runtime.num_actors} {unit} x {runtime.envs_per_actor} '
    f'environments, {runtime.env_threads} threads each',
    **_games(config),
    'learner': algorithm.describe_batch(config),
    **_replay(config, run, continued),
    **_evaluation(runtime),
    'logdir': f'{run.path} ({"continued" if continued else "new"})',
  }
  ports = (batch_job.WATCH_PORT, batch_job.TENSORBOARD_PORT)
  if line := batch_job.ssh_line(os.environ, socket.gethostname(), *ports):
    lines['pages'] = f'of watch.py and TensorBoard, by {line}'
  for name, text in lines.items():
    output.say(f'{name:<10}{text}')


def _games(config: schema.Config) -> dict[str, str]:
  members = environments.members(config.environment.game)
  if len(members) == 1:
    return {}
  return {
    'games': f'{len(members)}, every actor plays all in turns of '
    f'{config.learning.unroll_length} steps, each an equal share'
  }


def _evaluation(runtime: schema.RuntimeConfig) -> dict[str, str]:
  if not runtime.evaluate_every_frames:
    return {}
  length = f'{runtime.evaluation_episodes} games'
  if runtime.evaluation_steps:
    length = f'{runtime.evaluation_steps:,} steps'
  cap = runtime.evaluation_max_episode_frames
  if cap != protocols.MAX_EPISODE_FRAMES:
    length += f', cut after {cap:,} frames,'
  return {
    'evaluator': f'{length} at least every '
    f'{runtime.evaluate_every_frames:,} frames'
  }


def _replay(
  config: schema.Config, run: run_directory.RunDirectory, continued: bool
) -> dict[str, str]:
  replay = registry.get(config.algorithm).replay(config)
  if replay is None:
    return {}
  memory = machine.describe().memory_bytes
  text = (
    f'{replay.capacity:,} transitions, at most {replay.num_bytes / 1e9:.2f} GB '
    f'of {memory / 1e9:.1f} GB'
  )
  step = saved_runs.newest(run) if continued else None
  if step is not None:
    if kept_replays.find(run.replay, config.runtime.kind, step):
      text += f'; continues with that of update {step}'
    else:
      text += f'; none was kept with update {step}, so it is filled again first'
  elif continued:
    # As on all learner hosts but host 0, which has the checkpoints.
    text += '; none is kept here, so it is filled again first'
  return {'replay': text}
