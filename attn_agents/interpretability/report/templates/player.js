/* The state of the player, and how one row is drawn. */

const SPEEDS = [0.25, 0.5, 1, 2, 4];
const AHEAD = 16;

class Player {
  /** onDraw is called with a row after it has been drawn. */
  constructor(root, data, onDraw) {
    this.root = root;
    this.data = data;
    this.onDraw = onDraw;
    this.count = data.frames.length;
    this.frames = new Frames(data);
    this.painter = new Painter(data);
    this.drawn = data.attention && new Maps(data.drawnAttention, false);
    this.headCount = data.attention ? data.attention.heads : 0;
    this.layers = data.layers.map((layer) => ({
      ...layer,
      maps: new Maps(layer, layer.kind === 'signed'),
    }));
    this.screen = this.context('screen');
    this.headContexts = this.contexts('head', this.headCount);
    this.layerContexts = this.contexts('layer', this.layers.length);
    this.row = 0;
    this.playing = false;
    this.speed = 1;
    this.opacity = data.opacity;
    this.sharedScale = false;
    this.heads = new Set(Array(this.headCount).keys());
    this.shown = new Set();
    this.drawing = false;
    this.stale = false;
    this.seen = new Set();
    this.watch();
  }

  /** While it plays, only visible pictures are drawn. */
  wants(context) {
    return !this.playing || this.seen.has(context.canvas);
  }

  contexts(name, count) {
    const indices = [...Array(count).keys()];
    return indices.map((i) => this.context(`${name}-canvas-${i}`));
  }

  context(id) {
    const canvas = document.getElementById(id);
    canvas.width = this.data.width;
    canvas.height = this.data.height;
    return canvas.getContext('2d', { alpha: false });
  }

  /** Tracks which small pictures are visible. */
  watch() {
    const small = [...this.headContexts, ...this.layerContexts];
    const observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) this.seen.add(target);
        else this.seen.delete(target);
      }
    });
    small.forEach((context) => observer.observe(context.canvas));
  }

  /** Goes to the nearest row that exists. */
  go(row) {
    this.row = Math.min(Math.max(Math.round(row), 0), this.count - 1);
    this.refresh();
  }

  play() {
    if (this.playing) return;
    if (this.row === this.count - 1) this.row = 0;
    this.playing = true;
    let place = this.row;
    let last = null;
    const tick = (now) => {
      if (!this.playing) return;
      // After a jump it continues from there.
      if (Math.floor(place) !== this.row) place = this.row;
      if (last !== null) {
        place += ((now - last) / 1000) * this.data.rowsPerSecond * this.speed;
      }
      last = now;
      if (place >= this.count - 1) this.playing = false;
      const row = Math.min(Math.floor(place), this.count - 1);
      this.frames.expect(row, AHEAD);
      if (row !== this.row || !this.playing) this.go(row);
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
    this.refresh();
  }

  pause() {
    this.playing = false;
    this.refresh();
  }

  /** Changes the speed by a number of steps. */
  shift(steps) {
    const place = SPEEDS.indexOf(this.speed) + steps;
    this.speed = SPEEDS[Math.min(Math.max(place, 0), SPEEDS.length - 1)];
    this.refresh();
  }

  toggle(set, index) {
    if (!set.delete(index)) set.add(index);
    this.refresh();
  }

  /** Draws the newest state; changes during a drawing cause another. */
  async refresh() {
    this.stale = true;
    if (this.drawing) return;
    this.drawing = true;
    while (this.stale) {
      this.stale = false;
      await this.draw();
    }
    this.drawing = false;
  }

  async draw() {
    const { row } = this;
    const layers = this.layers.map((layer) => lastNotAfter(layer.rows, row));
    const rows = layers.map(
      (at, i) => (at < 0 ? row : this.layers[i].rows[at]),
    );
    // All at once, so that none waits for another.
    const [frame, ...others] = await Promise.all(
      [row, ...rows].map((each) => this.frames.get(each)),
    );
    const levels = this.headLevels(row);
    levels.forEach((level, head) => this.drawHead(frame, level, head));
    const overlays = this.layers.map((layer, i) => {
      const over = this.shown.has(i) && layers[i] >= 0 && rows[i] === row;
      const seen = this.wants(this.layerContexts[i]);
      if (!over && !seen) return null;
      const level = layers[i] < 0 ? null : this.layerLevel(layer, layers[i]);
      if (seen) this.drawLayer(i, others[i], level);
      return over ? level : null;
    });
    this.drawScreen(frame, levels, overlays);
    this.report(row, rows, layers);
  }

  headLevels(row) {
    return Array.from({ length: this.headCount }, (_, head) => {
      const index = row * this.headCount + head;
      const factor = this.sharedScale ? this.drawn.relative(index) : 1;
      const { height, width } = this.drawn;
      const shares = this.drawn.shares(index);
      return this.painter.enlarge(shares, height, width, factor);
    });
  }

  layerLevel(layer, at) {
    const factor = this.sharedScale ? layer.maps.relative(at) : 1;
    const { height, width } = layer.maps;
    return this.painter.enlarge(layer.maps.shares(at), height, width, factor);
  }

  drawScreen(frame, levels, overlays) {
    const pixels = new Uint8ClampedArray(frame);
    const { painter, opacity } = this;
    if (overlays.some((level) => level)) painter.grey(pixels);
    overlays.forEach((level, i) => {
      if (level) this.paintLayer(pixels, i, level, opacity);
    });
    const heads = sorted(this.heads);
    if (heads.length) {
      painter.spotlight(
        pixels, heads.map((head) => levels[head]),
        heads.map((head) => this.colour(head)), opacity,
      );
    }
    this.put(this.screen, pixels);
  }

  drawHead(frame, level, head) {
    if (!this.wants(this.headContexts[head])) return;
    const pixels = new Uint8ClampedArray(frame);
    const colours = [this.colour(head)];
    this.painter.spotlight(pixels, [level], colours, this.opacity);
    this.put(this.headContexts[head], pixels);
  }

  /** A layer alone, over the frame for which it was computed. */
  drawLayer(i, frame, level) {
    const pixels = new Uint8ClampedArray(frame);
    if (level && this.layers[i].kind === 'signed') this.painter.white(pixels);
    else this.painter.grey(pixels);
    if (level) {
      const strong = this.layers[i].kind === 'signed' ? 1 : this.opacity;
      this.paintLayer(pixels, i, level, strong);
    }
    this.put(this.layerContexts[i], pixels);
  }

  paintLayer(pixels, i, level, opacity) {
    const { kind, colour } = this.layers[i];
    if (kind === 'signed') this.painter.signed(pixels, level, opacity);
    else this.painter.heat(pixels, level, colour, opacity);
  }

  put(context, pixels) {
    const { width, height } = this.data;
    context.putImageData(new ImageData(pixels, width, height), 0, 0);
  }

  colour(head) {
    return this.data.headColours[head % this.data.headColours.length];
  }

  /** Reports what was drawn to the controls and to tests. */
  report(row, layerRows, layerPlaces) {
    Object.assign(this.root.dataset, {
      row,
      playing: this.playing,
      speed: this.speed,
      heads: sorted(this.heads).join(),
      layers: sorted(this.shown).join(),
    });
    this.onDraw(row, layerRows.map((r, i) => (layerPlaces[i] < 0 ? null : r)));
  }
}

function sorted(numbers) {
  return [...numbers].sort((a, b) => a - b);
}
