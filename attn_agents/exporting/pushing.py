"""Uploads an exported agent to a model hub, with huggingface_hub.

That library is an extra: `make setup-hub`. Its own variables hold: HF_TOKEN,
HF_ENDPOINT, HF_HUB_OFFLINE.
"""

import dataclasses
import pathlib

from attn_agents.runs import exported
from configs import errors

# Besides evaluations. Nothing else that lies in the directory goes up.
_FILES = (
  exported.CARD,
  'config.json',
  exported.PARAMETERS,
  exported.CHECK,
  exported.CURVE,
  exported.FIGURE,
  exported.EVALUATION_CURVE,
  f'{exported.EVALUATION}/*/evaluation.csv',
  f'{exported.EVALUATION}/*/summary.json',
)


class PushError(RuntimeError):
  """The hub did not take it: one line on why."""


@dataclasses.dataclass(frozen=True)
class Push:
  """An upload that was checked as far as it can be without a network.

  Attributes:
    directory: of the exported agent.
    repository: `owner/name` on the hub.
    files: what is uploaded, relative to the directory.
  """

  directory: pathlib.Path
  repository: str
  files: tuple[str, ...]

  def in_words(self) -> str:
    """What would be uploaded, a line for each file."""
    sizes = {
      name: (self.directory / name).stat().st_size for name in self.files
    }
    lines = [f'{size:>12,} {name}' for name, size in sizes.items()]
    return '\n'.join(
      [f'{self.repository}: {sum(sizes.values()):,} bytes', *lines]
    )

  def upload(self) -> str:
    """Makes the repository if need be and uploads; returns its address.

    Raises:
      PushError: the hub cannot be reached or refused it.
    """
    import huggingface_hub

    try:
      api = huggingface_hub.HfApi()
      made = api.create_repo(self.repository, exist_ok=True)
      api.upload_folder(
        repo_id=self.repository,
        folder_path=self.directory,
        allow_patterns=list(self.files),
        commit_message=f'Upload {self.directory.name}',
      )
    except Exception as error:
      # Its client has errors of its own, those of HTTP and the system's.
      line = ' '.join(f'{type(error).__name__}: {error}'.split())
      raise PushError(
        f'--push={self.repository}: {line[:300]}; {self.directory} is written '
        'and can be pushed again'
      ) from error
    return str(made)


def require_possible(repository: str) -> None:
  """Checks what can be checked before anything is written.

  Raises:
    ConfigError: the client is not installed, or the name is not well formed.
  """
  try:
    from huggingface_hub import errors as hub_errors
    from huggingface_hub import utils
  except ImportError:
    raise errors.ConfigError(
      f'--push={repository} needs huggingface_hub: make setup-hub (or pip '
      "install 'attn_agents[hub]')"
    ) from None
  try:
    utils.validate_repo_id(repository)
  except hub_errors.HFValidationError as error:
    raise errors.ConfigError(f'--push={repository}: {error}') from error
  errors.require(repository.count('/') == 1, '--push', repository, 'owner/name')


def plan(directory: pathlib.Path, repository: str) -> Push:
  """The upload of an exported agent.

  Args:
    directory: of the agent.
    repository: `owner/name`, see `require_possible`.

  Raises:
    ConfigError: its card has no front matter that the hub's client reads.
  """
  import huggingface_hub

  card = directory / exported.CARD
  try:
    huggingface_hub.ModelCard.load(card).data.to_dict()
  except Exception as error:
    raise errors.ConfigError(f'{card}: {error}') from error
  files = tuple(
    str(path.relative_to(directory))
    for pattern in _FILES
    for path in sorted(directory.glob(pattern))
  )
  return Push(directory, repository, files)
