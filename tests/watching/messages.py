"""Reads messages as the page does."""

import io
import json

import numpy as np
from PIL import Image


def decode(message):
  """Facts, maps uint8 [h, w] in a list, and the frame uint8 [H, W, 3]."""
  length = int.from_bytes(message[:4], 'little')
  facts = json.loads(message[4 : 4 + length])
  offset, maps = 4 + length, []
  for described in facts.pop('maps'):
    shape = described['height'], described['width']
    maps.append(
      np.frombuffer(message, np.uint8, shape[0] * shape[1], offset).reshape(
        shape
      )
    )
    offset += maps[-1].size
  return facts, maps, np.asarray(Image.open(io.BytesIO(message[offset:])))


def described(message):
  """What the header says of each map."""
  length = int.from_bytes(message[:4], 'little')
  return json.loads(message[4 : 4 + length])['maps']
