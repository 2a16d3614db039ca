"""It learns: Catch, through the real actor, queue and learner."""

import collections
import concurrent.futures
import functools
import importlib.util
import multiprocessing

import numpy as np
import pytest

from attn_agents.evaluation import evaluator
from configs import agents
from tests import in_process

TARGET = 0.8
# Seeds and timing move the plateaus on the way; a third of this is usual.
MAX_AGENT_STEPS = 2_000_000


# The rest is slow. Every algorithm learns in `environments/toy_suite_test.py`.
_IN_CI = ('s3ta', 'vtrace')

_HAS_REVERB = importlib.util.find_spec('reverb') is not None
_needs_reverb = pytest.mark.skipif(
  not _HAS_REVERB, reason='Reverb is not installed'
)


@pytest.fixture(name='learn')
def _learn(monkeypatch):
  """`_play_and_learn` in a process that compiles for speed, as users' do."""
  monkeypatch.delenv('XLA_FLAGS')
  spawn = multiprocessing.get_context('spawn')
  with concurrent.futures.ProcessPoolExecutor(1, spawn) as pool:
    yield lambda *args, **options: pool.submit(
      _play_and_learn, *args, **options
    ).result()


def _play_and_learn(
  agent, algorithm, *settings, make=in_process.InProcess, game='catch'
):
  """Mean return of 200 games of Catch at the start and at the end.

  Where actors explore, and so play worse than they could, the last is of 200
  games more without exploring.
  """
  config = in_process.catch_config(
    *settings, agent=agent, algorithm=algorithm, game=game
  )
  run = make(config)
  returns = collections.deque(maxlen=200)
  first = None
  try:
    with run.actor_threads(run.parts.config.runtime.num_actors):
      feeder = run.feeder()
      while run.learner.counters.agent_steps < MAX_AGENT_STEPS:
        batch = feeder.get(timeout=60)
        assert batch is not None, 'no data'
        run.learner.step(*batch)
        is_catch = batch[1].games == run.parts.games.index('catch')
        returns.extend(batch[1].game_returns[is_catch].tolist())
        if len(returns) < returns.maxlen:
          continue
        first = np.mean(returns) if first is None else first
        if np.mean(returns) > TARGET:
          break
  finally:
    counters = run.learner.counters
    print(agent, algorithm, counters, np.mean(returns))
    run.close()
  last = np.mean(returns)
  if run.parts.algorithm.head == 'action_values':
    last = _greedy(config, run.learner.snapshot().state.params)
    print('greedily', last)
  return first, last


def _greedy(config, params):
  plan = evaluator.Plan(num_episodes=200, policy='greedy')
  games = evaluator.Evaluator(config, plan).evaluate(params)
  return np.mean([game.game_return for game in games])


@_needs_reverb
@pytest.mark.parametrize(
  ('agent', 'algorithm'),
  [
    pytest.param(
      *pair, marks=() if pair == _IN_CI else pytest.mark.slow,
      id='-'.join(pair),
    )
    for pair in agents.pairs()
  ],
)  # fmt: skip
def test_learns_catch_through_the_whole_path(learn, agent, algorithm):
  first, last = learn(agent, algorithm)
  assert first is not None and first < 0, 'it did not start from ignorance'
  assert last > TARGET


@pytest.mark.parametrize(
  'make',
  [
    # On the other stack the one test of learning, here one of many.
    pytest.param(
      in_process.InMemory, marks=pytest.mark.slow if _HAS_REVERB else ()
    ),
    # What an accelerator does, on the CPU device.
    pytest.param(
      functools.partial(in_process.InMemory, keep_on_device=True),
      marks=pytest.mark.slow,
    ),
  ],
  ids=['host', 'device'],
)
def test_learns_catch_in_memory(learn, make):
  first, last = learn('impala_ff', 'vtrace', make=make)
  assert first is not None and first < 0, 'it did not start from ignorance'
  assert last > TARGET


@pytest.mark.slow
def test_learns_catch_from_a_replay_in_memory(learn):
  first, last = learn('drqn', 'q_learning', make=in_process.InMemory)
  assert first is not None and first < 0, 'it did not start from ignorance'
  assert last > TARGET


@pytest.mark.slow
@pytest.mark.parametrize('agent', ['s3ta', 'impala_ff'])
def test_learns_catch_in_bfloat16(learn, agent):
  first, last = learn(
    agent, 'vtrace', 'network.dtype=bfloat16', make=in_process.InMemory
  )
  assert first is not None and first < 0, 'it did not start from ignorance'
  assert last > TARGET


@pytest.mark.slow
# A third of its steps are Catch's.
@pytest.mark.timeout(3600)
@_needs_reverb
def test_learns_catch_while_it_plays_other_games(learn):
  first, last = learn('impala_ff', 'vtrace', game='catch,pong,breakout')
  assert first is not None and first < 0, 'it did not start from ignorance'
  assert last > TARGET
