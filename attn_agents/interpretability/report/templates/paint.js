/* Draws maps over frames, with the formulas of drawing/overlays.py. */

const LUMINANCE = [0.299, 0.587, 0.114];

/** For each of size pixels: the cells around it, and the second one's share. */
function interpolation(size, cells) {
  const low = new Uint16Array(size);
  const high = new Uint16Array(size);
  const share = new Float32Array(size);
  for (let i = 0; i < size; i += 1) {
    const free = ((i + 0.5) * cells) / size - 0.5;
    const place = Math.min(Math.max(free, 0), cells - 1);
    low[i] = Math.floor(place);
    high[i] = Math.min(low[i] + 1, cells - 1);
    share[i] = place - low[i];
  }
  return { low, high, share };
}

class Painter {
  constructor(data) {
    this.width = data.width;
    this.height = data.height;
    this.tint = data.tint;
    this.signedColours = data.signedColours;
    this.tables = new Map();
  }

  /** A map [height, width] enlarged to the frame, times a factor. */
  enlarge(values, height, width, factor) {
    const key = `${height}x${width}`;
    if (!this.tables.has(key)) {
      this.tables.set(key, [
        interpolation(this.height, height),
        interpolation(this.width, width),
      ]);
    }
    const [down, across] = this.tables.get(key);
    const rows = new Float32Array(height * this.width);
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < this.width; x += 1) {
        const left = values[y * width + across.low[x]];
        const right = values[y * width + across.high[x]];
        const share = across.share[x];
        rows[y * this.width + x] = left + (right - left) * share;
      }
    }
    const large = new Float32Array(this.height * this.width);
    for (let y = 0; y < this.height; y += 1) {
      const above = down.low[y] * this.width;
      const below = down.high[y] * this.width;
      const share = down.share[y];
      for (let x = 0; x < this.width; x += 1) {
        const top = rows[above + x];
        const value = top + (rows[below + x] - top) * share;
        large[y * this.width + x] = value * factor;
      }
    }
    return large;
  }

  /** Makes pixels grey. */
  grey(pixels) {
    for (let i = 0; i < pixels.length; i += 4) {
      const level = pixels[i] * LUMINANCE[0] + pixels[i + 1] * LUMINANCE[1]
        + pixels[i + 2] * LUMINANCE[2];
      pixels[i] = level;
      pixels[i + 1] = level;
      pixels[i + 2] = level;
    }
  }

  /** Makes pixels white. */
  white(pixels) {
    pixels.fill(255);
  }

  /** Brightens where heads attend, in their colours; levels from enlarge. */
  spotlight(pixels, levels, colours, opacity) {
    for (let i = 0, p = 0; p < pixels.length; i += 1, p += 4) {
      let light = 0;
      let total = 1e-12;
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let n = 0; n < levels.length; n += 1) {
        const level = levels[n][i];
        if (level > light) light = level;
        total += level;
        red += level * colours[n][0];
        green += level * colours[n][1];
        blue += level * colours[n][2];
      }
      const paint = opacity * this.tint * light;
      const lit = (1 - opacity * (1 - light)) * (1 - paint);
      const share = paint / total;
      pixels[p] = pixels[p] * lit + red * share;
      pixels[p + 1] = pixels[p + 1] * lit + green * share;
      pixels[p + 2] = pixels[p + 2] * lit + blue * share;
    }
  }

  /** Adds a colour where a map is large. */
  heat(pixels, level, colour, opacity) {
    for (let i = 0, p = 0; p < pixels.length; i += 1, p += 4) {
      this.mix(pixels, p, colour, level[i] * opacity);
    }
  }

  /** Adds red where a map is positive and blue where it is negative. */
  signed(pixels, level, opacity) {
    for (let i = 0, p = 0; p < pixels.length; i += 1, p += 4) {
      const colour = this.signedColours[level[i] > 0 ? 0 : 1];
      this.mix(pixels, p, colour, Math.abs(level[i]) * opacity);
    }
  }

  mix(pixels, p, colour, share) {
    for (let c = 0; c < 3; c += 1) {
      pixels[p + c] = pixels[p + c] * (1 - share) + colour[c] * share;
    }
  }
}
