"""Objects of Google Cloud Storage.

Credentials are those of the machine: a service account of the virtual machine,
`gcloud auth application-default login`, or GOOGLE_APPLICATION_CREDENTIALS.
STORAGE_EMULATOR_HOST names a local server, which needs none.
"""

import contextlib
import pathlib
import warnings
from collections.abc import Iterable, Iterator, Mapping

import requests

with warnings.catch_warnings():
  # Of the Python version, at each import.
  warnings.simplefilter('ignore', FutureWarning)
  import google.api_core.exceptions
  import google.auth.exceptions
  from google.cloud import storage

from attn_agents.runs.buckets import addresses, stores

_TIMEOUT = (stores.CONNECT_SECONDS, stores.READ_SECONDS)


class Bucket:
  """A `stores.Store`."""

  def __init__(self, address: addresses.Address):
    """Finds credentials."""
    self.name = str(address)
    self._prefix = f'{address.path}/'
    with self._explaining():
      self._client = storage.Client()
    self._bucket = self._client.bucket(address.bucket)

  def put(self, name: str, content: pathlib.Path | bytes) -> None:
    """See `stores.Store`."""
    blob = self._bucket.blob(self._prefix + name)
    with self._explaining():
      if isinstance(content, bytes):
        blob.upload_from_string(content, timeout=_TIMEOUT, retry=None)
      else:
        blob.upload_from_filename(str(content), timeout=_TIMEOUT, retry=None)

  def get(self, name: str, target: pathlib.Path) -> None:
    """See `stores.Store`."""
    blob = self._bucket.blob(self._prefix + name)
    with self._explaining():
      try:
        blob.download_to_filename(str(target), timeout=_TIMEOUT, retry=None)
      except google.api_core.exceptions.NotFound:
        self._list(name)
        raise stores.BucketError(f'{self.name}/{name} is gone') from None

  def read(self, name: str) -> bytes | None:
    """See `stores.Store`."""
    blob = self._bucket.blob(self._prefix + name)
    with self._explaining():
      try:
        return blob.download_as_bytes(timeout=_TIMEOUT, retry=None)
      except google.api_core.exceptions.NotFound:
        # The bucket may be what is not found.
        self._list(name)
        return None

  def sizes(self, prefix: str = '') -> Mapping[str, int]:
    """See `stores.Store`."""
    with self._explaining():
      return {
        blob.name.removeprefix(self._prefix): blob.size or 0
        for blob in self._list(prefix)
      }

  def delete(self, names: Iterable[str]) -> None:
    """See `stores.Store`."""
    with self._explaining():
      for name in names:
        with contextlib.suppress(google.api_core.exceptions.NotFound):
          blob = self._bucket.blob(self._prefix + name)
          blob.delete(timeout=_TIMEOUT, retry=None)

  def _list(self, prefix: str) -> list[storage.Blob]:
    return list(
      self._client.list_blobs(
        self._bucket,
        prefix=self._prefix + prefix,
        timeout=_TIMEOUT,
        retry=None,
      )
    )

  @contextlib.contextmanager
  def _explaining(self) -> Iterator[None]:
    """Raises what the client raises as BucketError."""
    try:
      yield
    except google.auth.exceptions.GoogleAuthError as error:
      why = (
        'no credentials of Google Cloud were found or taken '
        f'({_short(error)}); expected those of the machine, of gcloud auth '
        'application-default login, or GOOGLE_APPLICATION_CREDENTIALS'
      )
    except google.api_core.exceptions.NotFound:
      bucket = f'gs://{self._bucket.name}'
      why = (
        f'there is no bucket {bucket} (gcloud storage buckets create makes it)'
      )
    except google.api_core.exceptions.Forbidden as error:
      why = (
        'the credentials may not do this; expected the right to list, read, '
        f'write and delete objects ({_short(error)})'
      )
    except google.api_core.exceptions.GoogleAPIError as error:
      why = _short(error)
    except requests.exceptions.RequestException as error:
      why = f'the server cannot be reached ({_short(error)})'
    else:
      return
    raise stores.BucketError(f'{self.name}: {why}')


def _short(error: Exception) -> str:
  return f'{type(error).__name__}: {" ".join(str(error).split())[:200]}'
