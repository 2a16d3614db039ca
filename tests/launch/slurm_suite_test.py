"""Job arrays of suites and of `launch/slurm.py`, without Slurm."""

import re

from configs import games
from tests.launch import commands

# Imports of launch modules define flags, which other tests must not have.
_SUITE = (
  '--games=catch,pong',
  '--agents=s3ta,impala_ff',
  '--seeds=2',
  '--max_frames=1000',
)


def _lines(*arguments: str) -> list[str]:
  done = commands.run('run_suite', *_SUITE, *arguments, '--dry_run')
  assert done.returncode == 0, done.stderr
  return done.stdout.splitlines()


def test_the_array_has_the_runs_that_are_left(tmp_path):
  arguments = ('--backend=slurm', f'--root={tmp_path}', '--episodes=0')
  script = _lines(*arguments, '--time=30', '--jobs=3')
  assert '#SBATCH --array=0-7%3' in script
  local = _lines(f'--root={tmp_path}', '--episodes=0')
  # Game by game, then seed by seed: these are pong's with s3ta and seed 1, and
  # catch's with impala_ff and seed 0.
  names = [re.search(r'--logdir=\S+/(\S+)', line)[1] for line in local]
  assert names[6] == 's3ta_pong_seed1'
  assert names[1] == 'impala_ff_catch_seed0'
  for index in (1, 6):
    run = tmp_path / names[index]
    run.mkdir()
    (run / 'metrics.csv').write_text('frames,steps\n1000,250\n')
    (run / 'evaluations').mkdir()
  left = _lines(*arguments, '--max_hours=3')
  assert '#SBATCH --array=0,2-5,7%16' in left
  assert '  --max_frames=1000' in left
  assert '  --max_hours=3.0' in left
  assert 'afterwards=()' in left


def test_each_run_is_scored_at_its_end(tmp_path):
  script = '\n'.join(
    _lines('--backend=slurm', f'--root={tmp_path}', '--episodes=7')
  )
  afterwards = script.partition('afterwards=(')[2].partition('\n)')[0]
  assert afterwards.split()[2:] == [
    '--episodes=7', '--max_episode_frames=108000', '--run="$logdir"',
  ]  # fmt: skip


def test_a_long_list_of_games_is_a_short_name_in_directories(tmp_path):
  listed = ','.join(sorted(games.ATARI_GAMES)[1:])
  name = games.in_directory(listed)
  done = commands.run(
    'slurm', f'--game={listed}', '--seeds=2', '--max_frames=9',
    f'--root={tmp_path}', '--dry_run',
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  lines = done.stdout.splitlines()
  assert f'names=({name})' in lines
  assert f'logdir={tmp_path}/${{agent}}_${{name}}_seed$seed' in lines
  assert (
    max(map(len, re.split(r'[\s/]+', done.stdout.replace(listed, '')))) < 255
  )


def test_flags_of_jobs_need_jobs():
  assert commands.refused('run_suite', *_SUITE, '--time=30') == (
    'error: --time with --backend=local; expected --backend=slurm'
  )
  assert "did you mean 'slurm'" in commands.refused(
    'run_suite', *_SUITE, '--backend=slrum'
  )


def test_an_unknown_agent_is_refused_before_there_is_a_job(tmp_path):
  line = commands.refused(
    'slurm', '--agents=s3ta,imapla_ff', '--game=catch', '--max_frames=9',
    f'--root={tmp_path}', '--dry_run',
  )  # fmt: skip
  assert line == "error: unknown agent 'imapla_ff'; did you mean 'impala_ff'?"
