"""Job arrays of Slurm: which run each element is, here and in the script."""

import abc
import dataclasses
import pathlib
import shlex
from collections.abc import Sequence

from attn_agents.clusters import slurm_values

# Elements at a time, if nothing is said.
AT_A_TIME = 16


@dataclasses.dataclass(frozen=True)
class Array(abc.ABC):
  """The elements of a job array.

  Attributes:
    root: the directory of their directories.
    which: elements and how many run at a time, as Slurm writes it, '0-5%2'.
  """

  root: pathlib.Path
  which: str = dataclasses.field(default='', kw_only=True)

  @property
  @abc.abstractmethod
  def size(self) -> int:
    """Number of runs."""

  @abc.abstractmethod
  def logdir(self, index: int) -> pathlib.Path:
    """The directory of an element's run."""

  @abc.abstractmethod
  def variables(self) -> list[str]:
    """Lines of the script that say which run an element is, as `$logdir`."""

  @abc.abstractmethod
  def arguments(self) -> list[str]:
    """What the command of each element has beside that of all, for Bash."""

  @property
  def chosen(self) -> list[int]:
    """The elements that are submitted."""
    return slurm_values.elements('--array', self.which, self.size)[0]

  @property
  def directive(self) -> str:
    """What sbatch is told."""
    _, most = slurm_values.elements('--array', self.which, self.size)
    which = self.which.partition('%')[0] or f'0-{self.size - 1}'
    return f'{which}%{most or AT_A_TIME}'


@dataclasses.dataclass(frozen=True)
class Runs(Array):
  """Each agent on each game with each seed, in `<agent>_<game>_seed<seed>`.

  Attributes:
    agents, games, seeds: what they differ in. Elements are numbered game by
      game, then seed by seed.
    names: of the games in the names of directories, where they have others.
  """

  agents: tuple[str, ...]
  games: tuple[str, ...]
  seeds: tuple[int, ...]
  names: tuple[str, ...] = ()

  @property
  def size(self) -> int:
    """See `Array`."""
    return len(self.agents) * len(self.games) * len(self.seeds)

  def logdir(self, index: int) -> pathlib.Path:
    """See `Array`."""
    rest, agent = divmod(index, len(self.agents))
    game, seed = divmod(rest, len(self.seeds))
    name = (self.names or self.games)[game]
    return self.root / f'{self.agents[agent]}_{name}_seed{self.seeds[seed]}'

  def variables(self) -> list[str]:
    """See `Array`."""
    agents, seeds = len(self.agents), len(self.seeds)
    of_game = f'i / {agents * seeds}'
    lines = [
      _words('agents', self.agents),
      _words('games', self.games),
      _words('seeds', [str(seed) for seed in self.seeds]),
      'i=$SLURM_ARRAY_TASK_ID',
      f'agent=${{agents[i % {agents}]}}',
      f'seed=${{seeds[i / {agents} % {seeds}]}}',
      f'game=${{games[{of_game}]}}',
    ]
    name = '${game}'
    if self.names not in ((), self.games):
      lines += [_words('names', self.names), f'name=${{names[{of_game}]}}']
      name = '${name}'
    root = shlex.quote(str(self.root))
    return [*lines, f'logdir={root}/${{agent}}_{name}_seed$seed']

  def arguments(self) -> list[str]:
    """See `Array`."""
    return [f'--{x}="${x}"' for x in ('agent', 'game', 'seed', 'logdir')]


@dataclasses.dataclass(frozen=True)
class Members(Array):
  """The members of a population.

  Attributes:
    names: of their directories, in the order of their numbers.
  """

  names: tuple[str, ...]

  @property
  def size(self) -> int:
    """See `Array`."""
    return len(self.names)

  def logdir(self, index: int) -> pathlib.Path:
    """See `Array`."""
    return self.root / self.names[index]

  def variables(self) -> list[str]:
    """See `Array`."""
    return [
      _words('names', self.names),
      'name=${names[SLURM_ARRAY_TASK_ID]}',
      f'logdir={shlex.quote(str(self.root))}/$name',
    ]

  def arguments(self) -> list[str]:
    """See `Array`."""
    return ['--member="$SLURM_ARRAY_TASK_ID"']


def _words(name: str, words: Sequence[str]) -> str:
  """A list of names, in lines of 80 columns."""
  lines, line = [], f'{name}=('
  for word in words:
    if len(line) + len(word) > 78:
      lines.append(line.rstrip())
      line = '  '
    line += f'{word} '
  return '\n'.join([*lines, f'{line.rstrip()})'])
