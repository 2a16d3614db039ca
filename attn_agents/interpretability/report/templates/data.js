/* Reads the recording in the page: see ../encoding.py. */

const ZERO = 128;
const CACHED_FRAMES = 128;

/** Decodes length bytes of base64 text, from byte start. */
function decodeBytes(text, start, length) {
  const from = Math.floor(start / 3) * 4;
  const to = Math.ceil((start + length) / 3) * 4;
  const binary = atob(text.slice(from, to));
  const offset = start % 3;
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i += 1) {
    bytes[i] = binary.charCodeAt(i + offset);
  }
  return bytes;
}

/** Maps [count, height, width], each with its scale, read one at a time. */
class Maps {
  constructor(encoded, signed) {
    this.height = encoded.height;
    this.width = encoded.width;
    this.signed = signed;
    this.scales = encoded.scales;
    this.largest = Math.max(0, limits(encoded.scales)[1]);
    this.values = encoded.values;
  }

  /** Map index over its own scale, in [0, 1] or [-1, 1]. */
  shares(index) {
    const size = this.height * this.width;
    const bytes = decodeBytes(this.values, index * size, size);
    const shares = new Float32Array(size);
    for (let i = 0; i < size; i += 1) {
      shares[i] = this.signed ? (bytes[i] - ZERO) / 127 : bytes[i] / 255;
    }
    return shares;
  }

  /** The factor that brings shares to the scale of the largest map. */
  relative(index) {
    return this.largest > 0 ? this.scales[index] / this.largest : 0;
  }
}

/** Frames as RGBA pixels; the most recently used stay decoded. */
class Frames {
  constructor(data) {
    this.texts = data.frames;
    this.canvas = new OffscreenCanvas(data.width, data.height);
    this.context = this.canvas.getContext('2d', { willReadFrequently: true });
    this.cache = new Map();
  }

  /** A promise of the pixels of a row, a Uint8ClampedArray. */
  get(row) {
    const found = this.cache.get(row) ?? this.decode(row);
    // A Map keeps the order of insertion: written again, it is the newest.
    this.cache.delete(row);
    this.cache.set(row, found);
    if (this.cache.size > CACHED_FRAMES) {
      this.cache.delete(this.cache.keys().next().value);
    }
    return found;
  }

  /** Decodes the next rows ahead of time. */
  expect(row, count) {
    const end = Math.min(this.texts.length, row + count);
    for (let next = row; next < end; next += 1) {
      if (!this.cache.has(next)) this.get(next);
    }
  }

  async decode(row) {
    const image = new Image();
    image.src = `data:image/png;base64,${this.texts[row]}`;
    await image.decode();
    const { width, height } = this.canvas;
    this.context.drawImage(image, 0, 0);
    return this.context.getImageData(0, 0, width, height).data;
  }
}

/** The index of the last of ascending rows that is not after row, or -1. */
function lastNotAfter(rows, row) {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle] <= row) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
