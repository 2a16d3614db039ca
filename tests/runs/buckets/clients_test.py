"""What clients of buckets are asked, and what is made of their errors."""

import pathlib
import types as stdlib_types

import boto3
import botocore.exceptions
import pytest

from attn_agents.runs.buckets import addresses, gcs, s3, stores

# Imported there without the warning that they give.
exceptions = gcs.google.api_core.exceptions
auth_exceptions = gcs.google.auth.exceptions
_LONG = 300 * 'x'


class _Google:
  """A client, its bucket and its objects, that answer as they are told."""

  name = 'bucket'

  def __init__(self):
    self.asked, self.answer = [], None

  def bucket(self, name):
    assert name == 'bucket'
    return self

  def blob(self, name):
    self.asked.append(name)
    return self

  def __getattr__(self, method):
    def call(*args, **options):
      assert options.pop('timeout') == (
        stores.CONNECT_SECONDS, stores.READ_SECONDS
      )  # fmt: skip
      # Who copies tries again, and says so.
      assert options.pop('retry') is None
      self.asked.append((method, *args, *options.values()))
      if isinstance(self.answer, Exception) and method != 'list_blobs':
        raise self.answer
      return [] if method == 'list_blobs' else self.answer

    return call


@pytest.fixture(name='google')
def _google(monkeypatch):
  client = _Google()
  monkeypatch.setattr(gcs.storage, 'Client', lambda: client)
  return client, gcs.Bucket(addresses.Address('gs', 'bucket', 'a'))


def test_google_is_asked_once_and_not_for_long(google):
  client, bucket = google
  bucket.put('x', b'1')
  bucket.put('x', pathlib.Path('file'))
  bucket.get('x', pathlib.Path('target'))
  bucket.read('x')
  bucket.delete(['x', 'y'])
  assert bucket.sizes('x') == {}
  assert client.asked == [
    'a/x', ('upload_from_string', b'1'),
    'a/x', ('upload_from_filename', 'file'),
    'a/x', ('download_to_filename', 'target'), 'a/x', ('download_as_bytes',),
    'a/x', ('delete',), 'a/y', ('delete',), ('list_blobs', client, 'a/x'),
  ]  # fmt: skip


def test_an_object_that_google_lacks_is_gone_or_nothing(google):
  client, bucket = google
  client.answer = exceptions.NotFound('no such object')
  assert bucket.read('x') is None
  bucket.delete(['x'])
  with pytest.raises(stores.BucketError) as caught:
    bucket.get('x', pathlib.Path('target'))
  assert str(caught.value) == 'gs://bucket/a/x is gone'
  # The bucket itself is looked for each time.
  assert client.asked.count(('list_blobs', client, 'a/x')) == 2


@pytest.mark.parametrize(
  ('error', 'words'),
  [
    (exceptions.Forbidden('n'), 'the credentials may not do this; expected'),
    (exceptions.ServiceUnavailable(_LONG), 'ServiceUnavailable: 503 xxx'),
    (auth_exceptions.RefreshError('n'), 'no credentials of Google Cloud were'),
    (
      gcs.requests.exceptions.ConnectionError('n'),
      'the server cannot be reached (ConnectionError: n)',
    ),
  ],
)
def test_errors_of_google_are_one_line(google, error, words):
  client, bucket = google
  client.answer = error
  with pytest.raises(stores.BucketError) as caught:
    bucket.put('x', b'1')
  line = str(caught.value)
  assert line.startswith(f'gs://bucket/a: {words}')
  if words.startswith('ServiceUnavailable'):
    # 200 characters of what the client says are enough.
    assert len(line) == len('gs://bucket/a: ServiceUnavailable: ') + 200


class _Amazon:
  """Answers as it is told."""

  exceptions = stdlib_types.SimpleNamespace(NoSuchKey=KeyError)

  def __init__(self):
    self.deleted, self.answer = [], {}

  def delete_objects(self, Bucket, Delete):  # noqa: N803
    assert Bucket == 'bucket'
    self.deleted.append([x['Key'] for x in Delete['Objects']])
    return self.answer

  def put_object(self, **given):
    raise self.answer


@pytest.fixture(name='amazon')
def _amazon(monkeypatch):
  client = _Amazon()

  def connect(service, config):
    assert service == 's3'
    assert config.connect_timeout == stores.CONNECT_SECONDS
    assert config.read_timeout == stores.READ_SECONDS
    return client

  monkeypatch.setattr(boto3, 'client', connect)
  return client, s3.Bucket(addresses.Address('s3', 'bucket', 'a'))


def test_amazon_deletes_a_thousand_at_a_time(amazon):
  client, bucket = amazon
  bucket.delete([f'{n}' for n in range(2001)])
  assert [len(keys) for keys in client.deleted] == [1000, 1000, 1]
  deleted = [key for keys in client.deleted for key in keys]
  assert deleted == [f'a/{n}' for n in range(2001)]
  client.answer = {'Errors': [{'Key': 'a/7', 'Code': 'SlowDown'}]}
  with pytest.raises(stores.BucketError) as caught:
    bucket.delete(['7'])
  assert str(caught.value) == (
    's3://bucket/a: a/7 cannot be deleted (SlowDown)'
  )


@pytest.mark.parametrize(
  ('code', 'words'),
  [
    ('NoSuchBucket', 'there is no bucket s3://bucket (aws s3 mb s3://bucket m'),
    ('404', 'an object is gone (ClientError: '),
    ('NoSuchKey', 'an object is gone (ClientError: '),
    ('AccessDenied', 'the credentials may not do this; expected the right to'),
    ('ExpiredToken', 'the credentials may not do this; expected the right to'),
    ('SlowDown', 'ClientError: An error occurred (SlowDown) when calling the'),
  ],
)
def test_refusals_of_amazon_are_one_line(amazon, code, words):
  client, bucket = amazon
  client.answer = botocore.exceptions.ClientError(
    {'Error': {'Code': code, 'Message': _LONG}}, 'PutObject'
  )
  with pytest.raises(stores.BucketError) as caught:
    bucket.put('x', b'1')
  line = str(caught.value)
  assert line.startswith(f's3://bucket/a: {words}')
  if code == 'SlowDown':
    assert len(line) == len('s3://bucket/a: ClientError: ') + 200
