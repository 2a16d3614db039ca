"""What suites and populations ask of their worker, and say of its outcome."""

import types

import pytest

from attn_agents.population import decisions, history, members, report
from attn_agents.utils import machine
from configs import errors
from tests.launch import loading

_POPULATION = (
  '--size=4', '--interval_frames=4000', '--max_frames=12000', '--game=catch',
  '--agent=impala_ff', '--preset=small', '--runtime=threads',
)  # fmt: skip
_SUITE = (
  '--agents=impala_ff', '--games=catch,pong', '--seeds=2', '--max_frames=9',
  '--preset=small', '--runtime=threads', '--algorithm=vtrace',
)  # fmt: skip


@pytest.fixture(autouse=True)
def _this_machine(monkeypatch):
  devices = machine.Devices('cpu', 1, 'cpu')
  monkeypatch.setattr(machine, 'probe_devices', lambda: devices)
  monkeypatch.setattr(machine, 'missing_libraries', list)


@pytest.fixture(name='work')
def _work(monkeypatch, tmp_path, capsys):
  """Runs a command whose worker is a stand-in: (code, what it said, worker)."""

  def work(script, *given, failed=(), unfinished=(), signalled=0):
    made = types.SimpleNamespace(active=('busy',), stop_signal=signalled)

    class Worker:
      def __new__(cls, jobs, say):
        made.jobs = jobs
        say('begins')
        return made

    def run(runs):
      made.runs = runs
      return types.SimpleNamespace(
        failed=dict(failed), unfinished=list(unfinished)
      )

    made.run = run
    made.exit_code = lambda outcome: (42, outcome.failed)
    root = f'--root={tmp_path / "root"}'
    with loading.command(script, *given, root) as command:
      monkeypatch.setattr(command.suite_worker, 'Worker', Worker)
      if script == 'run_population':
        monkeypatch.setattr(
          command.population, 'Turns', lambda *given: made.__dict__.update(
            turns=(given[0], given[1](), given[2])
          ),
        )  # fmt: skip
        monkeypatch.setattr(command, '_show', lambda log: print('shown'))
      code, lost = command.main()
    assert (code, lost) == (42, dict(failed))
    said = capsys.readouterr().out.splitlines()
    assert said.pop(0) == 'begins'
    return said, made

  return work


_FAILED = [('a', 'exit code 3: why')]


@pytest.mark.parametrize(
  ('given', 'outcome', 'said'),
  [
    ([], {}, ['shown', 'all 4 done']),
    (['--member=2'], {}, []),
    ([], {'failed': _FAILED}, ['a: failed with exit code 3: why']),
    ([], {'unfinished': ['b']}, ['stopped; the same command goes on']),
    ([], {'signalled': 2}, ['stopped; the same command goes on']),
  ],
)
def test_a_population_says_how_it_ended(work, tmp_path, given, outcome, said):
  found, worker = work(
    'run_population', *_POPULATION, '--jobs=3', *given, **outcome
  )
  assert (found, worker.jobs) == (said, 3)
  only = [2] if given else None
  assert worker.turns == (tmp_path / 'root', ('busy',), only)
  assert history.History(tmp_path / 'root').population().size == 4


@pytest.mark.parametrize(
  ('outcome', 'said'),
  [
    ({}, ['all 4 done']),
    (
      {'failed': _FAILED},
      ['a: failed with exit code 3: why', '1 of 4 failed'],
    ),
    (
      {'unfinished': ['b', 'c']},
      ['2 of 4 were stopped (b, c); the same command goes on with them'],
    ),
    (
      {'unfinished': ['b'], 'signalled': 15},
      ['stopped; the same command goes on'],
    ),
  ],
)
def test_a_suite_says_how_it_ended(work, outcome, said):
  found, worker = work('run_suite', *_SUITE, '--jobs=3', **outcome)
  assert (found, worker.jobs) == (said, 3)
  assert [run.name for run in worker.runs] == [
    f'impala_ff_{game}_seed{seed}' for game in ('catch', 'pong')
    for seed in range(2)
  ]  # fmt: skip


def test_each_run_of_a_suite_is_asked_for_as_it_will_be(monkeypatch, tmp_path):
  asked = []
  flags = (
    *_SUITE, '--max_hours=2', '--set=learning.discount=0.9',
    '--max_episode_frames=800', '--dry_run', f'--root={tmp_path}',
  )  # fmt: skip
  with loading.command('run_suite', *flags) as run_suite:
    monkeypatch.setattr(
      run_suite.suite, 'require_any_valid', lambda *given: asked.append(given)
    )
    assert run_suite.main() == 0
    # What --set says counts more.
    for setting, hours in (('max_hours=3', 3.0), (' max_hours =4', 4.0)):
      run_suite.flags.FLAGS['set'].value = [setting]
      assert run_suite._max_hours() == hours
    run_suite.flags.FLAGS['set'].value = ['max_hours=-1']
    with pytest.raises(errors.ConfigError, match='max_hours'):
      run_suite._max_hours()
  ((requests, cap, there),) = asked
  assert (len(requests), cap, there) == (4, 800, {})
  request = requests[tmp_path / 'impala_ff_pong_seed1']
  assert (request.agent, request.game, request.seed) == ('impala_ff', 'pong', 1)
  assert (request.preset, request.algorithm) == ('small', 'vtrace')
  assert (request.runtime, request.max_frames) == ('threads', 9)
  assert request.max_hours == 2.0
  assert request.settings == ['learning.discount=0.9']


@pytest.mark.parametrize('left', [0, 1])
def test_a_suite_in_part_done_is_submitted(monkeypatch, tmp_path, capsys, left):
  submitted = []
  flags = (*_SUITE, '--backend=slurm', f'--root={tmp_path}', '--dry_run')
  with loading.command('run_suite', *flags) as run_suite:
    monkeypatch.setattr(
      run_suite.suite.Run, 'left', lambda run: [['x']] * (left * run.seed)
    )
    monkeypatch.setattr(
      run_suite.slurm_flags, 'submit_array',
      lambda *given: submitted.append(given) or 5,
    )  # fmt: skip
    assert run_suite.main() == (5 if left else 0)
  if left:
    ((runs, dry_run),) = submitted
    assert runs.array.which == '1,3' and dry_run is True
  assert capsys.readouterr().out == ('' if left else 'all 4 done\n')


def test_a_population_is_what_its_flags_say():
  flags = (
    *_POPULATION, '--rule=truncation', '--margin=0.25', '--seed=5',
    '--burn_in_frames=6000', '--set=optimizer.learning_rate=0.002',
    '--set=optimizer.epsilon=0.003', '--set=optimizer.clip_threshold=7',
    '--set=learning.entropy_cost=0.04', '--algorithm=vtrace',
  )  # fmt: skip
  with loading.command('run_population', *flags) as run_population:
    found = run_population._population()
  assert found == decisions.Population(
    size=4,
    seed=5,
    rule='truncation',
    margin=0.25,
    burn_in_frames=6000,
    interval_frames=4000,
    max_frames=12000,
    hyperparameters={
      'learning_rate': 0.002,
      'entropy_cost': 0.04,
      'epsilon': 0.003,
      'clip_threshold': 7.0,
    },
    game='catch',
    arguments=found.arguments,
  )
  assert set(found.arguments) == {
    x for x in (*_POPULATION, *flags) if x.partition('=')[0] in
    ('--game', '--agent', '--preset', '--runtime', '--set', '--algorithm')
  }  # fmt: skip


@pytest.mark.parametrize(
  ('given', 'line'),
  [
    (['--burn_in_frames=12000'], '=12000: expected more than 12000'),
    (['--interval_frames=12000'], '=12000: expected more than 12000'),
    (['--preset=smal'], "did you mean 'small'"),
    (['--backend=slrum'], "did you mean 'slurm'"),
    (['--root={file}'], 'expected a directory'),
  ],
)
def test_what_no_population_is_is_refused(tmp_path, given, line):
  given = [x.format(file=__file__) for x in given]
  root = f'--root={tmp_path / "root"}'
  with (
    loading.command('run_population', *_POPULATION, root, *given) as command,
    pytest.raises(errors.ConfigError) as caught,
  ):
    command.main()
  assert line in str(caught.value)
  assert not (tmp_path / 'root').exists()


@pytest.mark.parametrize('differ', [[], ['decision 1 differs']])
def test_a_population_that_is_shown_replays_its_decisions(
  monkeypatch, tmp_path, capsys, differ
):
  flags = (*_POPULATION, f'--root={tmp_path}')
  monkeypatch.setattr(report, 'table', lambda *given: [f'{given[0].name}'])
  monkeypatch.setattr(report, 'draw', lambda *given: f'{given[0]}/a.png')
  monkeypatch.setattr(decisions, 'replay', lambda asked, entries: differ)
  with loading.command('run_population', *flags) as run_population:
    history.History(tmp_path).create(run_population._population())
  with loading.command('run_population', *flags, '--show') as run_population:
    assert run_population.main() == (1 if differ else 0)
  replayed = differ or ['replayed  0 decisions, all the same']
  assert capsys.readouterr().out.splitlines() == [
    tmp_path.name, *replayed, f'figure    {tmp_path}/a.png'
  ]  # fmt: skip


def test_nothing_is_submitted_of_a_population_that_is_done(
  monkeypatch, tmp_path, capsys
):
  for member in range(4):
    run = members.run_of(tmp_path, member)
    run.path.mkdir()
    run.metrics.write_text('frames,steps\n12000,1\n')
  flags = (*_POPULATION, f'--root={tmp_path}', '--backend=slurm')
  with loading.command('run_population', *flags) as run_population:
    monkeypatch.setattr(
      run_population.slurm_flags, 'submit_array',
      lambda *given: pytest.fail('submitted'),
    )  # fmt: skip
    assert run_population.main() == 0
  assert capsys.readouterr().out == 'all 4 done\n'
