"""Made-up trajectories that carry a number wherever they can."""

import numpy as np

from attn_agents import types

_RNG = np.random.default_rng(0)


def numbered(number: int, steps: int = 3, envs: int = 2) -> types.Trajectory:
  """A trajectory that carries `number` in a scalar and in its frames."""
  rows, few = (steps + 1, envs), (steps, envs)
  return types.Trajectory(
    unroll=types.Unroll(
      timestep=types.TimeStep(
        observation=np.full((*rows, 4, 5, 1), number % 256, np.uint8),
        reward=np.full(rows, number, np.float32),
        discount=np.ones(rows, np.float32),
        step_type=np.ones(rows, np.int8),
      ),
      action=np.full(few, number, np.int32),
      behaviour_logits=np.full((*few, 6), number, np.float32),
      agent_state=types.AgentState(
        core_state=(np.full((envs, 7), number, np.float32),),
        prev_action=np.zeros(envs, np.int32),
      ),
    ),
    report=types.ActorReport(
      params_version=np.int64(number),
      actor_id=np.int32(0),
      games=np.zeros(envs, np.int32),
      game_end=types.GameEnd(
        np.full(few, np.nan, np.float32), np.zeros(few, np.int32)
      ),
      env_seconds=np.float32(0),
      inference_seconds=np.float32(0),
      queue_seconds=np.float32(0),
      total_seconds=np.float32(1),
    ),
  )


def changing(shape: tuple[int, ...], changed: int = 3) -> np.ndarray:
  """Frames, uint8 [R, N, ...], of which few bytes change from row to row."""
  first = _RNG.integers(0, 256, (1, *shape[1:]), np.uint8)
  frames = np.repeat(first, shape[0], axis=0)
  for t in range(1, shape[0]):
    rows = frames[t:].reshape(shape[0] - t, -1)
    places = _RNG.integers(0, rows.shape[1], changed)
    rows[:, places] = _RNG.integers(0, 256, changed)
  return frames
