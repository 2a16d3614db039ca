"""What a bucket can do, whoever keeps it."""

import importlib
import pathlib
from collections.abc import Iterable, Mapping
from typing import Protocol

from attn_agents.runs.buckets import addresses
from configs import errors

# Modules of clients, what each imports, and the extra that installs it.
_CLIENTS = {
  'gs': ('gcs', 'google.cloud.storage', 'gcs'),
  's3': ('s3', 'boto3', 's3'),
}
# Seconds until a host must have answered, and between two packets.
CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
# How often a client asks again by itself; who uploads tries again anyway.
RETRIES = 2


class BucketError(RuntimeError):
  """A bucket did not do what was asked: one line on which one, and why."""


class Store(Protocol):
  """The objects below one path of a bucket, by their names there.

  All but `name` raise BucketError.
  """

  name: str

  def put(self, name: str, content: pathlib.Path | bytes) -> None:
    """Writes an object: the content of a file, or bytes. All or nothing."""

  def get(self, name: str, target: pathlib.Path) -> None:
    """Reads an object into a file, whose directory exists."""

  def read(self, name: str) -> bytes | None:
    """The bytes of a small object; None if it does not exist."""

  def sizes(self, prefix: str = '') -> Mapping[str, int]:
    """The bytes of each object whose name begins so."""

  def delete(self, names: Iterable[str]) -> None:
    """Removes objects, of which some may be gone."""


def connect(address: addresses.Address) -> Store:
  """The store of an address; asks nobody yet.

  Raises:
    ConfigError: its client is not installed.
    BucketError: this user has no credentials.
  """
  module, library, extra = _CLIENTS[address.scheme]
  try:
    client = importlib.import_module(f'{__package__}.{module}')
  except ModuleNotFoundError as error:
    raise errors.ConfigError(
      f'{address}: {library} is not installed; install it with make '
      f"setup-buckets, or with pip install 'attn_agents[{extra}]'"
    ) from error
  return client.Bucket(address)
