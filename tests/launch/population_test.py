"""Populations from the command line: what is refused, planned and done."""

import dataclasses
import itertools
import signal
import subprocess
import sys
import time

import psutil
import pytest

from attn_agents.population import decisions, history, members
from launch import population, suite_worker
from tests.launch import commands, running
from tests.population import populations

_FLAGS = [
  '--size=4', '--interval_frames=4000', '--max_frames=12000',
  '--runtime=threads', *running.TINY_CATCH,
]  # fmt: skip


@pytest.mark.parametrize(
  ('changed', 'line'),
  [
    (['--root='], '--root is not set'),
    (['--size=1'], '--size=1: expected 2 to 100'),
    (['--size=101'], '--size=101: expected 2 to 100'),
    (['--rule=impalla'], "did you mean 'impala'"),
    (['--burn_in_frames=12000'], '=12000: expected more than 12000'),
    (['--member=4'], '--member=4: expected 0 to 3'),
    (['--max_hours=2'], '--max_hours=2.0: expected none: generations end by'),
    (['--logdir=x'], '--logdir=x: members have directories in --root'),
  ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, changed, line):
  flags = [*_FLAGS, f'--root={tmp_path / "root"}', *changed]
  assert line in commands.refused('run_population', *flags)
  assert not (tmp_path / 'root').exists()


def test_an_algorithm_with_a_replay_is_refused(tmp_path):
  line = commands.refused(
    'run_population', '--agent=dqn', '--game=pong', '--preset=small',
    '--max_frames=9000', '--interval_frames=4000', f'--root={tmp_path}',
  )  # fmt: skip
  assert '--algorithm=q_learning: expected an algorithm without a' in line


def test_another_population_is_refused(tmp_path):
  asked = populations.make(arguments=('--agent=impala_ff', '--set=a=b'))
  history.History(tmp_path).create(asked)
  line = commands.refused('run_population', *_FLAGS, f'--root={tmp_path}')
  assert '(seed: 7 there' in line
  assert '; --set=a=b only there; --game=catch only now; ' in line
  assert '--agent=impala_ff' not in line


def test_a_dry_run_shows_what_each_member_does_next(tmp_path):
  done = commands.run(
    'run_population', *_FLAGS, f'--root={tmp_path / "root"}', '--seed=5',
    '--dry_run',
  )  # fmt: skip
  assert done.returncode == 0, done
  lines = done.stdout.splitlines()
  assert len(lines) == 2 * 4
  assert not (tmp_path / 'root').exists()
  assert '--seed=8 --max_frames=4000' in lines[6]
  assert f'--logdir={tmp_path}/root/member_03' in lines[6]
  assert '--agent=impala_ff' in lines[6]
  assert '--seed=5' not in lines[6]
  assert f'turn --root={tmp_path}/root --member=3' in lines[7]


def test_members_are_the_elements_of_a_job_array(tmp_path):
  arguments = [*_FLAGS, f'--root={tmp_path}', '--backend=slurm', '--dry_run']
  done = commands.run('run_population', *arguments, '--time=60', '--seed=5')
  assert done.returncode == 0, done
  script = done.stdout.splitlines()
  assert '#SBATCH --array=0-3%4' in script
  assert '#SBATCH --time=60' in script
  command = done.stdout.partition('command=(')[2].partition('\n)')[0].split()
  assert command[1].endswith('launch/run_population.py')
  assert command[-1] == '--member="$SLURM_ARRAY_TASK_ID"'
  # What an element asks for is what was submitted.
  element = commands.run(
    'run_population', *command[2:-1], '--member=2', '--dry_run'
  )
  local = commands.run(
    'run_population', *arguments[:-2], '--dry_run', '--seed=5'
  )
  assert element.returncode == 0, element
  assert element.stdout == local.stdout
  # Of those that are done, nothing is left.
  for member in (0, 2):
    run = members.run_of(tmp_path, member)
    run.path.mkdir()
    run.metrics.write_text('frames,steps\n12000,1\n')
  left = commands.run('run_population', *arguments, '--jobs=1').stdout
  assert '#SBATCH --array=1,3%1' in left.splitlines()


def test_flags_of_jobs_need_jobs(tmp_path):
  line = commands.refused(
    'run_population', *_FLAGS, f'--root={tmp_path}', '--time=30'
  )
  assert '--time with --backend=local; expected --backend=slurm' in line


_STAND_IN = """
import pathlib, sys
from attn_agents.population import decisions, history, members
root, member, frames, fails = sys.argv[1:]
root, member = pathlib.Path(root), int(member)
run = members.run_of(root, member)
run.path.mkdir(exist_ok=True)
if fails == 'True':
  sys.exit('no luck')
log = history.History(root)
with log.lock():
  record, population = log.record(), log.population()
  step = 10 * record.generation(member)
  (run.checkpoints / str(step + 1)).mkdir(parents=True, exist_ok=True)
  run.metrics.write_text('frames\\n' + frames + '\\n')
  if int(frames) < population.max_frames:
    log.append(decisions.decide(population, record, member, 0, 0, member / 10))
"""


def _work(root, population_, jobs, monkeypatch, failing=(), only=None):
  """All generations, by a stand-in for training and turns."""
  history.History(root).create(population_)
  order = []

  def left(self):
    generation = self.record.generation(self.member)
    order.append((self.member, generation))
    frames = str(population_.end_of(generation))
    fails = str(self.member in failing)
    arguments = [str(self.root), str(self.member), frames, fails]
    return [[sys.executable, '-c', _STAND_IN, *arguments]]

  monkeypatch.setattr(population.Generation, 'left', left)
  monkeypatch.setattr(suite_worker, '_POLL_SECONDS', 0.02)
  worker = suite_worker.Worker(jobs, lambda line: None)
  outcome = worker.run(population.Turns(root, lambda: worker.active, only))
  return order, outcome, worker.exit_code(outcome)


@pytest.mark.usefixtures('restored_handlers')
def test_members_take_turns(tmp_path, monkeypatch):
  asked = populations.make(size=2, max_frames=200)
  order, outcome, code = _work(tmp_path, asked, 1, monkeypatch)
  assert order == [(m, g) for g, m in itertools.product(range(3), range(2))]
  assert (outcome, code) == (suite_worker.Outcome(), 0)
  entries = history.History(tmp_path).entries()
  assert len(entries) == 4
  assert decisions.replay(asked, entries) == []


@pytest.mark.usefixtures('restored_handlers')
def test_members_that_are_done_go_on_when_more_frames_are_asked(
  tmp_path, monkeypatch
):
  asked = populations.make(size=2, max_frames=150)
  _work(tmp_path, asked, 1, monkeypatch)
  more = dataclasses.replace(asked, max_frames=200)
  order, outcome, code = _work(tmp_path, more, 1, monkeypatch)
  # The one that was the last goes on to its turn.
  assert order == [(0, 1), (1, 1), (0, 2), (1, 2)]
  assert (outcome, code) == (suite_worker.Outcome(), 0)


@pytest.mark.usefixtures('restored_handlers')
def test_several_members_work_at_a_time_but_none_twice(tmp_path, monkeypatch):
  asked = populations.make(size=3, max_frames=150)
  order, outcome, code = _work(tmp_path, asked, 3, monkeypatch)
  assert sorted(order) == [(m, g) for m in range(3) for g in range(2)]
  assert (outcome, code) == (suite_worker.Outcome(), 0)


@pytest.mark.usefixtures('restored_handlers')
def test_a_member_that_fails_three_times_is_named_and_others_go_on(
  tmp_path, monkeypatch
):
  asked = populations.make(size=3, max_frames=150)
  order, outcome, code = _work(tmp_path, asked, 1, monkeypatch, failing=[1])
  assert [m for m, _ in order].count(1) == 3
  assert outcome.failed == {'member_01': 'exit code 1: no luck'}
  assert code == 1
  for member in (0, 2):
    assert members.frames_of(members.run_of(tmp_path, member)) == 150


@pytest.mark.usefixtures('restored_handlers')
def test_an_element_of_an_array_works_for_its_member(tmp_path, monkeypatch):
  asked = populations.make(size=3, max_frames=150)
  order, _, code = _work(tmp_path, asked, 1, monkeypatch, only=[2])
  assert order == [(2, 0), (2, 1)]
  assert code == 0


def test_a_member_that_was_killed_before_it_saved_has_its_last_turn(tmp_path):
  log = history.History(tmp_path)
  log.create(populations.make(size=2))
  for member, saved in ((0, 70), (1, 60)):
    run = members.run_of(tmp_path, member)
    (run.checkpoints / str(saved)).mkdir(parents=True)
    run.metrics.write_text('frames,learner_steps\n300,70\n')
  first = next(iter(population.Turns(tmp_path, lambda: ())))
  assert first.name == 'member_01'


def test_turns_wait_for_who_is_at_work_and_end_with_the_last(tmp_path):
  asked = populations.make(size=2, max_frames=150)
  history.History(tmp_path).create(asked)
  for member in range(2):
    run = members.run_of(tmp_path, member)
    (run.checkpoints / '9').mkdir(parents=True)
    run.metrics.write_text('frames,learner_steps\n150,9\n')
  busy = ['member_01']
  turns = iter(population.Turns(tmp_path, lambda: busy))
  assert list(itertools.islice(turns, 3)) == [None, None, None]
  busy.clear()
  assert list(itertools.islice(turns, 3)) == []


def test_the_last_generation_needs_no_turn_and_a_pending_one_comes_first(
  tmp_path,
):
  asked = populations.make(size=2, max_frames=150)
  record = decisions.Record(asked)
  generation = population.Generation(tmp_path, 0, asked, record)

  def modules(generation):
    return [
      'turn' if 'attn_agents.population.turn' in command else 'train'
      for command in generation.left()
    ]

  assert modules(generation) == ['train', 'turn']
  record.add(decisions.decide(asked, record, 0, 100, 5, 0.5))
  (tmp_path / 'member_00' / 'checkpoints' / '5').mkdir(parents=True)
  assert modules(generation) == ['turn', 'train']
  (tmp_path / 'member_00' / 'checkpoints' / '6').mkdir()
  assert modules(generation) == ['train']
  other = dataclasses.replace(generation, member=1)
  assert modules(other) == ['train', 'turn']


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_population_learns_catch_while_members_and_controller_are_killed(
  tmp_path,
):
  """Four members; whoever is killed goes on, and the history holds."""
  command = [
    sys.executable, str(commands.LAUNCH / 'run_population.py'), *_FLAGS,
    '--size=4', '--interval_frames=30000', '--max_frames=90000',
    f'--root={tmp_path}',
  ]  # fmt: skip
  log = history.History(tmp_path)

  def start():
    return subprocess.Popen(
      command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )

  def wait_for(decisions, process):
    deadline = time.monotonic() + 900
    while len(log.entries()) < decisions:
      assert process.poll() is None, process.stdout.read()
      assert time.monotonic() < deadline
      time.sleep(0.5)

  first = start()
  wait_for(2, first)
  # The member that trains at this moment, and with it its generation.
  trains = psutil.Process(first.pid).children()
  trains[0].send_signal(signal.SIGKILL)
  wait_for(4, first)
  first.kill()
  first.wait(30)
  second = start()
  output, _ = second.communicate(timeout=1500)
  assert second.returncode == 0, output
  entries = log.entries()
  assert len(entries) == 4 * 2
  assert 'replayed  8 decisions, all the same' in output
  assert (tmp_path / 'population.png').stat().st_size > 10_000
  best = max(
    members.fitness_of(members.run_of(tmp_path, m), 'catch') for m in range(4)
  )
  assert best > 0.8
