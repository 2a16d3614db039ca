"""It learns: Catch, through the real actor, Reverb and learner."""

import collections

import numpy as np

from tests import in_process

TARGET = 0.8
# Seeds and timing move the two plateaus on the way: 600 to 1200 are usual.
MAX_UPDATES = 4000


def test_s3ta_learns_catch_through_the_whole_path():
  run = in_process.InProcess(in_process.catch_config())
  returns = collections.deque(maxlen=200)
  first = None
  try:
    with run.actor_threads(2):
      feeder = run.feeder()
      for _ in range(MAX_UPDATES):
        batch = feeder.get(timeout=60)
        assert batch is not None, 'no data'
        run.learner.step(*batch)
        returns.extend(batch[1].game_returns.tolist())
        if first is None and len(returns) == returns.maxlen:
          first = np.mean(returns)
        if len(returns) == returns.maxlen and np.mean(returns) > TARGET:
          break
  finally:
    run.close()
  assert first is not None and first < 0, 'it did not start from ignorance'
  assert np.mean(returns) > TARGET
