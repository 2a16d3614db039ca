import pathlib

import pytest

from attn_agents.runs.buckets import addresses
from configs import errors


@pytest.mark.parametrize(
  'value, expected',
  [
    ('gs://my-bucket/runs/a', ('gs', 'my-bucket', 'runs/a')),
    ('s3://my.bucket_1/a/', ('s3', 'my.bucket_1', 'a')),
    ('GS:///abc//a//b', ('gs', 'abc', 'a/b')),
    (f'gs://{63 * "b"}/a', ('gs', 63 * 'b', 'a')),
  ],
)
def test_addresses_are_read(value, expected, monkeypatch, tmp_path):
  monkeypatch.chdir(tmp_path)
  assert addresses.is_address(value)
  found = addresses.parse('--logdir', value)
  assert (found.scheme, found.bucket, found.path) == expected
  assert addresses.parse('--logdir', str(found)) == found
  assert found.directory == tmp_path.joinpath('runs', *expected)


@pytest.mark.parametrize(
  'value', ['runs/a', '/gs/a', './s3:/a', 'a:b', '~/runs', 'runs/gs://a']
)
def test_directories_are_no_addresses(value):
  assert not addresses.is_address(value)


@pytest.mark.parametrize(
  'value, said',
  [
    ('gcs://bucket/a', 'did you mean gs://bucket/a?'),
    ('https://bucket/a', 'expected a directory, gs://bucket/path or s3://'),
    ('gs://My_Bucket/a', "is 'My_Bucket'; expected 3 to 63"),
    ('gs://My Bucket/a', 'the nearest is my-bucket'),
    ('s3://ab/a', "is 'ab'; expected 3 to 63"),
    ('s3://' + 64 * 'a' + '/a', f'the nearest is {63 * "a"}'),
    ('s3://-ab-/a', "is '-ab-'"),
    ('s3://', "is ''"),
    ('gs://bucket', 'expected a path in the bucket, e.g. gs://bucket/runs'),
    ('gs://bucket/', 'expected a path in the bucket'),
    ('gs://bucket/a/../b', 'expected gs://bucket/a/b'),
  ],
)
def test_what_is_no_address_is_refused_in_one_line(value, said):
  with pytest.raises(errors.ConfigError) as caught:
    addresses.parse('--logdir', value)
  assert str(caught.value).startswith(f'--logdir={value}: ')
  assert said in str(caught.value)
  assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
  ('value', 'end'),
  [
    ('https://bucket/a', ' or s3://bucket/path'),
    ('s3://ab/a', ', dashes or underscores'),
    ('s3://-ab-/a', ', dashes or underscores'),
    ('s3://-abc-/a', '; the nearest is abc'),
  ],
)
def test_a_hint_is_given_only_where_there_is_one(value, end):
  with pytest.raises(errors.ConfigError) as caught:
    addresses.parse('--logdir', value)
  assert str(caught.value).endswith(end)


def test_no_address_leads_out_of_its_directory():
  place = addresses.parse('--logdir', 'gs://abc/a').directory
  assert place.is_relative_to(pathlib.Path('runs/gs/abc').absolute())
