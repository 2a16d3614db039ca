"""Loads the newest checkpoint of a run in a thread, while a game goes on."""

import pathlib
import threading
from collections.abc import Callable
from typing import Any

from attn_agents.interpretability.recordings import trained_agent
from attn_agents.runs import parameters, run_directory, saved_runs
from configs import schema


class Follower:
  """Watches a run's directory and keeps the agent of its newest checkpoint."""

  def __init__(
    self,
    run: run_directory.RunDirectory,
    trained: schema.Config,
    played: schema.Config,
    tell: Callable[[dict[str, Any]], None] = lambda news: None,
  ):
    """Reads nothing yet.

    Args:
      run: the run, training or not.
      trained: its config.
      played: the same with the game to be played.
      tell: called with `newest`, the learner step of the newest checkpoint on
        disk, and with `problem`: one line if it cannot be read, else ''.
    """
    self._run, self._trained, self._played = run, trained, played
    self._tell = tell
    self._looked_at: int | None = None
    self._agent: trained_agent.TrainedAgent | None = None

  @property
  def newest(self) -> trained_agent.TrainedAgent | None:
    """The newest agent that was loaded; None before the first."""
    return self._agent

  def look(self) -> None:
    """Loads the newest checkpoint if it is not the one of the last look."""
    directory = self._run.checkpoints
    steps = saved_runs.steps(directory)
    if not steps or steps[-1] == self._looked_at:
      return
    step = steps[-1]
    self._tell({'newest': step})
    try:
      self._agent = self._read(directory, step)
    except (OSError, KeyError, ValueError) as error:
      if step not in saved_runs.steps(directory):
        # Training has removed it: there are newer ones.
        return
      line = ' '.join(str(error).split())[:200]
      self._tell({'problem': f'checkpoint {step:,} cannot be read: {line}'})
    else:
      self._tell({'problem': ''})
    self._looked_at = step

  def follow(
    self, wanted: threading.Event, stop: threading.Event, every: float = 1.0
  ) -> None:
    """Looks every `every` seconds until `stop` is set.

    Once there is an agent, it looks only while `wanted` is set.
    """
    self.look()
    while not stop.wait(every):
      if self._agent is None or wanted.is_set():
        self.look()

  def _read(
    self, directory: pathlib.Path, step: int
  ) -> trained_agent.TrainedAgent:
    if self._agent is None:
      return trained_agent.restore(self._trained, self._played, directory, step)
    restored = parameters.restore(self._trained, directory, step)
    return self._agent.with_params(
      restored.params,
      checkpoint=step,
      training_frames=restored.counters.frames,
    )
