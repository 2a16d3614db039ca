"""What `launch/evaluate.py` hands to its parts, each of them a stand-in."""

import types

import pytest

from attn_agents.evaluation import evaluator, results, waiting
from attn_agents.runs import parameters
from attn_agents.utils import machine
from configs import errors
from tests.launch import loading, terminals


class _Scorer:
  """Who plays one game; its mean is the length of the game's name."""

  def __init__(self, config, plan):
    self.config, self.plan = config, plan
    self.environment = config.environment
    self.spec = types.SimpleNamespace(
      action_repeat=config.environment.action_repeat
    )

  def of_game(self, game):
    return types.SimpleNamespace(
      **{**vars(self), 'environment': types.SimpleNamespace(game=game)},
      facts=lambda: {'of': game},
      evaluate=lambda params, report, progress: [params, game],
      describe=lambda progress: '',
    )


@pytest.fixture(name='evaluate')
def _evaluate(monkeypatch, tmp_path, capsys):
  """Evaluates; returns the scorer, what was written and what was said."""
  monkeypatch.chdir(tmp_path)

  def evaluate(*arguments, members=None):
    made, written, same = [], [], []

    def make(config, plan):
      made.append(_Scorer(config, plan))
      return made[-1]

    def write(out, played, summary, *, first_seed, action_repeat, facts):
      assert summary == (played[1], action_repeat)
      written.append((str(out), played[0], first_seed, action_repeat, facts))

    def summarise(game, played, action_repeat):
      class Summary(tuple):
        mean = len(game)

      return Summary((game, action_repeat))

    monkeypatch.setattr(evaluator, 'Evaluator', make)
    monkeypatch.setattr(results, 'summarise', summarise)
    monkeypatch.setattr(results, 'write', write)
    monkeypatch.setattr(
      results, 'in_words', lambda game, summary, cap: f'{game}, {cap}'
    )
    monkeypatch.setattr(
      results, 'require_same', lambda *given: same.append(given)
    )
    monkeypatch.setattr(
      results, 'of_several_in_words', lambda means: f'{means}'
    )
    monkeypatch.setattr(
      parameters, 'restore',
      lambda config, directory, step: types.SimpleNamespace(
        params=f'{config.agent} of {directory.name}, {step}',
        counters=types.SimpleNamespace(frames=7),
      ),
    )  # fmt: skip
    with loading.command('evaluate', *arguments) as command:
      if members:
        monkeypatch.setattr(command.games, 'members', lambda game: members)
        monkeypatch.setattr(
          command.command_line, 'check_actions', lambda *given: None
        )
      assert command.main() == 0
    said = capsys.readouterr().out.splitlines()
    return types.SimpleNamespace(
      scorer=made[0], written=written, same=same, said=said
    )

  return evaluate


def _must_not(*_):
  pytest.fail('played')


_RANDOM = ('--policy=random', '--game=pong')


def test_all_flags_are_in_the_plan(evaluate):
  done = evaluate(
    *_RANDOM, '--episodes=30', '--num_envs=4', '--protocol=sticky', '--seed=5',
    '--max_episode_frames=800', '--action_repeat=8',
  )  # fmt: skip
  plan = done.scorer.plan
  assert plan == evaluator.Plan(
    num_episodes=30,
    num_envs=4,
    num_threads=machine.describe().cores,
    protocol='sticky',
    policy='random',
    seed=5,
    max_episode_frames=800,
  )
  assert done.scorer.environment.game == 'pong'
  name = 'pong_random_sticky_30_seed5_max800_envs4_repeat8'
  facts = {'of': 'pong'}
  seed = plan.seeds.environment
  assert done.written == [(f'evaluations/{name}', None, seed, 8, facts)]
  ((out, asked, episodes),) = done.same
  assert (str(out), asked, episodes) == (f'evaluations/{name}', facts, 30)
  assert done.said == ['pong, 800', f'written   evaluations/{name}']


def test_no_more_environments_play_than_there_are_games(evaluate):
  done = evaluate(*_RANDOM, '--episodes=3')
  assert done.scorer.plan.num_envs == 3
  # A default has no part in the name.
  assert done.written[0][0] == 'evaluations/pong_random_noop_3_seed0'
  assert evaluate(*_RANDOM, '--out=there').written[0][0] == 'there'


def test_several_games_are_scored_side_by_side(evaluate, tmp_path):
  run = ('--run=zoo:s3ta_catch', '--episodes=2')
  done = evaluate(*run, f'--out={tmp_path}', members=('catch', 'boxing'))
  assert [x[0] for x in done.written] == [
    f'{tmp_path}/catch', f'{tmp_path}/boxing'
  ]  # fmt: skip
  assert len(done.same) == 2
  assert done.said[-1] == "{'catch': 5, 'boxing': 6}"
  params = done.written[0][1]
  assert params.startswith('s3ta of s3ta_catch, ')
  facts = done.written[1][4]
  assert (facts['of'], facts['frames']) == ('boxing', 7)


@pytest.mark.parametrize(
  ('given', 'line'),
  [
    (['--policy=random'], '--run is missing'),
    (['--game=pong'], '--run is missing'),
    ([*_RANDOM, '--max_episode_frames=3'], '--max_episode_frames=3: expected'),
    ([*_RANDOM, '--game=pogn'], "did you mean 'pong'"),
    (['--run=zoo:s3ta_pong', '--game=boxing'], 'cannot play boxing'),
  ],
)
def test_what_cannot_be_scored_is_refused(given, line, monkeypatch):
  monkeypatch.setattr(evaluator, 'Evaluator', _must_not)
  with (
    loading.command('evaluate', *given) as command,
    pytest.raises(errors.ConfigError) as caught,
  ):
    command.main()
  assert line in str(caught.value)


def test_a_directory_that_cannot_be_written_is_refused_first(
  tmp_path, monkeypatch
):
  (tmp_path / 'file').touch()
  monkeypatch.setattr(evaluator, 'Evaluator', _must_not)
  out = f'{tmp_path}/file/a'
  with (
    loading.command('evaluate', *_RANDOM, f'--out={out}') as command,
    pytest.raises(errors.ConfigError, match=f'--out={out}: '),
  ):
    command.main()


def test_a_terminal_has_a_bar_and_lines_in_full(monkeypatch):
  terminal, reminded = terminals.Terminal(), []
  line = f'0 of 3 games are over, {"x" * 60}'

  class Reminder:
    def __init__(self, say, describe, seconds):
      reminded.append((say, describe, seconds))

  monkeypatch.setattr(waiting, 'Reminder', Reminder)

  class Scorer:
    plan = evaluator.Plan(num_episodes=3)
    environment = types.SimpleNamespace(game='catch')
    describe = 'where it is'

    def evaluate(self, params, report, progress):
      assert isinstance(progress, Reminder)
      for game_return in (1.0, -20.5, 2.0):
        report(types.SimpleNamespace(game_return=game_return))
      reminded[0][0](line)
      return params

  with loading.command('evaluate') as command:
    monkeypatch.setattr(command.rich.console, 'Console', terminal)
    assert command._play(Scorer(), 'params') == 'params'
  assert terminal.to_stderr == [True]
  # Neither broken in two, nor with colours for its numbers.
  assert f'{line} (--max_episode_frames)\n' in terminal.text()
  assert reminded[0][1:] == ('where it is', 30.0)
  *_, last = [x for x in terminal.lines() if x]
  assert 'catch' in last and '3/3' in last and 'last 2' in last
  assert '100%' in last
