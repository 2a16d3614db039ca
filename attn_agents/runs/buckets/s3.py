"""Objects of Amazon S3, and of what speaks its protocol.

Credentials, region and AWS_ENDPOINT_URL are those that the AWS command line
takes: environment, ~/.aws, or the machine's role.
"""

import contextlib
import pathlib
from collections.abc import Iterable, Iterator, Mapping

import boto3
import boto3.exceptions
import botocore.config
import botocore.exceptions

from attn_agents.runs.buckets import addresses, stores

# Objects that one request may delete.
_MOST_DELETED = 1000
_MISSING = ('404', 'NoSuchKey')
_REFUSED = (
  *('403', 'AccessDenied', 'InvalidAccessKeyId', 'SignatureDoesNotMatch'),
  *('ExpiredToken', 'InvalidToken'),
)


class Bucket:
  """A `stores.Store`."""

  def __init__(self, address: addresses.Address):
    """Asks nobody yet."""
    self.name = str(address)
    self._bucket = address.bucket
    self._prefix = f'{address.path}/'
    with self._explaining():
      self._client = boto3.client(
        's3',
        config=botocore.config.Config(
          connect_timeout=stores.CONNECT_SECONDS,
          read_timeout=stores.READ_SECONDS,
          retries={'total_max_attempts': stores.RETRIES, 'mode': 'standard'},
        ),
      )

  def put(self, name: str, content: pathlib.Path | bytes) -> None:
    """See `stores.Store`."""
    key = self._prefix + name
    with self._explaining():
      if isinstance(content, bytes):
        self._client.put_object(Bucket=self._bucket, Key=key, Body=content)
      else:
        self._client.upload_file(str(content), self._bucket, key)

  def get(self, name: str, target: pathlib.Path) -> None:
    """See `stores.Store`."""
    with self._explaining():
      self._client.download_file(self._bucket, self._prefix + name, str(target))

  def read(self, name: str) -> bytes | None:
    """See `stores.Store`."""
    with self._explaining():
      try:
        found = self._client.get_object(
          Bucket=self._bucket, Key=self._prefix + name
        )
        return found['Body'].read()
      except self._client.exceptions.NoSuchKey:
        return None

  def sizes(self, prefix: str = '') -> Mapping[str, int]:
    """See `stores.Store`."""
    pages = self._client.get_paginator('list_objects_v2')
    with self._explaining():
      return {
        item['Key'].removeprefix(self._prefix): item['Size']
        for page in pages.paginate(
          Bucket=self._bucket, Prefix=self._prefix + prefix
        )
        for item in page.get('Contents', ())
      }

  def delete(self, names: Iterable[str]) -> None:
    """See `stores.Store`."""
    keys = [{'Key': self._prefix + name} for name in names]
    for start in range(0, len(keys), _MOST_DELETED):
      with self._explaining():
        done = self._client.delete_objects(
          Bucket=self._bucket,
          Delete={
            'Objects': keys[start : start + _MOST_DELETED],
            'Quiet': True,
          },
        )
      if failed := done.get('Errors'):
        raise stores.BucketError(
          f'{self.name}: {failed[0].get("Key")} cannot be deleted '
          f'({failed[0].get("Code")})'
        )

  @contextlib.contextmanager
  def _explaining(self) -> Iterator[None]:
    """Raises what the client raises as BucketError."""
    try:
      yield
    except (
      botocore.exceptions.NoCredentialsError,
      botocore.exceptions.PartialCredentialsError,
      botocore.exceptions.ProfileNotFound,
      botocore.exceptions.CredentialRetrievalError,
    ) as error:
      why = (
        f'no credentials of AWS were found ({_short(error)}); expected '
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ~/.aws, or the machine's "
        'role'
      )
    except botocore.exceptions.ClientError as error:
      why = self._refusal(error)
    except (
      botocore.exceptions.HTTPClientError,
      botocore.exceptions.ConnectionError,
    ) as error:
      why = f'the server cannot be reached ({_short(error)})'
    except (
      botocore.exceptions.BotoCoreError,
      boto3.exceptions.Boto3Error,
      ValueError,
    ) as error:
      # A ValueError is a malformed endpoint.
      why = _short(error)
    else:
      return
    raise stores.BucketError(f'{self.name}: {why}')

  def _refusal(self, error: botocore.exceptions.ClientError) -> str:
    """What the server says."""
    code = error.response.get('Error', {}).get('Code', '')
    if code == 'NoSuchBucket':
      bucket = f's3://{self._bucket}'
      return f'there is no bucket {bucket} (aws s3 mb {bucket} makes it)'
    if code in _MISSING:
      return f'an object is gone ({_short(error)})'
    if code in _REFUSED:
      return (
        'the credentials may not do this; expected the right to list, read, '
        f'write and delete objects ({_short(error)})'
      )
    return _short(error)


def _short(error: Exception) -> str:
  return f'{type(error).__name__}: {" ".join(str(error).split())[:200]}'
