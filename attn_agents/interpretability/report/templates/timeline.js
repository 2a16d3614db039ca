/* Draws values over the rows; a click or a drag goes to a row. */

const LINE_HEIGHT = 46;
const ACTION_HEIGHT = 14;
const LANE_GAP = 24;
const MARGIN = { right: 14, top: 34, bottom: 22 };
// Of the left margin, which fits the names of the actions.
const LEFT = [62, 120];
const FONT = '12px system-ui, sans-serif';

class Timeline {
  /** onRow is called with the row that the user goes to. */
  constructor(canvas, data, onRow) {
    this.canvas = canvas;
    this.data = data;
    this.onRow = onRow;
    this.count = data.frames.length;
    this.row = 0;
    this.picture = document.createElement('canvas');
    this.left = this.leftMargin();
    let top = MARGIN.top;
    this.lanes = data.timelines.map((lane) => {
      const height = this.laneHeight(lane);
      const placed = { ...lane, top, height, range: this.range(lane) };
      top += height + LANE_GAP;
      return placed;
    });
    this.height = top - LANE_GAP + MARGIN.bottom;
    canvas.style.height = `${this.height}px`;
    new ResizeObserver(() => this.resize()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)')
      .addEventListener('change', () => this.resize());
    this.listen();
  }

  leftMargin() {
    const context = this.picture.getContext('2d');
    context.font = FONT;
    const widths = this.data.actionNames.map(
      (name) => context.measureText(name).width + 10,
    );
    return Math.min(Math.max(LEFT[0], ...widths), LEFT[1]);
  }

  laneHeight(lane) {
    if (lane.kind !== 'action') return LINE_HEIGHT;
    return Math.max(LINE_HEIGHT, this.data.actionNames.length * ACTION_HEIGHT);
  }

  listen() {
    const { canvas } = this;
    const go = (event) => {
      const box = canvas.getBoundingClientRect();
      this.onRow(this.rowAt(event.clientX - box.left));
    };
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      go(event);
    });
    canvas.addEventListener('pointermove', (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) go(event);
    });
  }

  range(lane) {
    if (lane.kind === 'action') return [0, this.data.actionNames.length - 1];
    let [low, high] = limits(lane.lines.flat());
    if (low > high) return [0, 1];
    if (lane.kind === 'reward') {
      high = Math.max(Math.abs(low), Math.abs(high)) || 1;
      low = -high;
    }
    return high > low ? [low, high] : [low - 0.5, high + 0.5];
  }

  x(row) {
    const width = this.width - this.left - MARGIN.right;
    return this.left + (row / Math.max(1, this.count - 1)) * width;
  }

  y(lane, value) {
    const [low, high] = lane.range;
    const share = high > low ? (value - low) / (high - low) : 0.5;
    // Half the height of an action's mark.
    const inset = lane.kind === 'action' ? 4 : 0;
    return lane.top + inset + (lane.height - 2 * inset) * (1 - share);
  }

  rowAt(x) {
    const width = this.width - this.left - MARGIN.right;
    const row = Math.round(((x - this.left) / width) * (this.count - 1));
    return Math.min(Math.max(row, 0), this.count - 1);
  }

  resize() {
    this.width = this.canvas.clientWidth;
    const ratio = window.devicePixelRatio || 1;
    for (const canvas of [this.canvas, this.picture]) {
      canvas.width = Math.round(this.width * ratio);
      canvas.height = Math.round(this.height * ratio);
      canvas.getContext('2d').setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    const style = getComputedStyle(this.canvas);
    this.colour = (name) => style.getPropertyValue(`--${name}`).trim();
    this.drawPicture();
    this.draw(this.row);
  }

  /** Everything except the cursor. */
  drawPicture() {
    const context = this.picture.getContext('2d');
    context.clearRect(0, 0, this.width, this.height);
    context.font = FONT;
    context.lineJoin = 'round';
    this.drawAxis(context);
    for (const lane of this.lanes) {
      context.fillStyle = this.colour('text');
      context.textAlign = 'left';
      context.fillText(lane.name, this.left, lane.top - 5);
      if (lane.kind === 'action') this.drawActions(context, lane);
      else this.drawFrame(context, lane);
      if (lane.kind === 'line') this.drawLines(context, lane);
      if (lane.kind === 'reward') this.drawRewards(context, lane);
    }
  }

  /** The seconds at the bottom, and the starts of games. */
  drawAxis(context) {
    const perSecond = this.data.rowsPerSecond;
    const seconds = (this.count - 1) / perSecond;
    const most = Math.max(2, Math.floor(this.width / 90));
    const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600];
    const step = steps.find((x) => seconds / x <= most) ?? 1800;
    const bottom = this.height - MARGIN.bottom;
    context.textAlign = 'center';
    for (let second = 0; second <= seconds + 1e-9; second += step) {
      const x = this.x(second * perSecond);
      context.fillStyle = this.colour('muted');
      const text = `${Number(second.toFixed(1))} s`;
      context.fillText(text, x, this.height - 6);
      this.line(context, x, MARGIN.top, x, bottom, 'grid');
    }
    for (const row of this.data.starts.filter((start) => start > 0)) {
      context.setLineDash([4, 3]);
      this.line(context, this.x(row), 4, this.x(row), bottom, 'muted');
      context.setLineDash([]);
      context.fillStyle = this.colour('muted');
      context.textAlign = 'left';
      context.fillText('new game', this.x(row) + 6, 12);
    }
  }

  /** The limits of the lane's range. */
  drawFrame(context, lane) {
    context.textAlign = 'right';
    context.fillStyle = this.colour('muted');
    lane.range.forEach((value, index) => {
      const y = this.y(lane, value);
      const text = fixed(value, lane.range);
      context.fillText(text, this.left - 6, y + (index ? 9 : 0));
      this.line(context, this.left, y, this.width - MARGIN.right, y, 'line');
    });
  }

  drawLines(context, lane) {
    lane.lines.forEach((values, index) => {
      context.strokeStyle = this.lineColour(lane, index);
      context.lineWidth = 1.5;
      drawPath(context, this.visible(values).map(([row, value]) => (
        value === null ? null : [this.x(row), this.y(lane, value)]
      )));
    });
    const room = this.width - this.left - MARGIN.right;
    const widths = [lane.name, ...lane.labels].map(
      (label) => context.measureText(label).width + 28,
    );
    // Without room for a legend, the cards show the colours of the heads.
    if (widths.reduce((sum, width) => sum + width, 0) > room) return;
    let x = this.width - MARGIN.right;
    context.textAlign = 'right';
    [...lane.labels.entries()].reverse().forEach(([index, label]) => {
      context.fillStyle = this.colour('muted');
      context.fillText(label, x, lane.top - 5);
      x -= context.measureText(label).width + 6;
      context.fillStyle = this.lineColour(lane, index);
      context.fillRect(x - 10, lane.top - 11, 10, 4);
      x -= 20;
    });
  }

  visible(values) {
    return visible(values, (row) => Math.floor(this.x(row)));
  }

  lineColour(lane, index) {
    if (!lane.labels.length) return this.colour('accent');
    const { headColours } = this.data;
    return `rgb(${headColours[index % headColours.length].join()})`;
  }

  drawActions(context, lane) {
    const names = this.data.actionNames;
    context.textAlign = 'right';
    context.fillStyle = this.colour('muted');
    names.forEach((name, action) => {
      const y = this.y(lane, action);
      this.line(context, this.left, y, this.width - MARGIN.right, y, 'grid');
      context.fillText(name, this.left - 6, y + 4, this.left - 8);
    });
    context.fillStyle = this.colour('accent');
    const width = Math.max(1.5, this.x(1) - this.x(0));
    const drawn = new Set();
    lane.lines[0].forEach((action, row) => {
      const mark = `${action} ${Math.round(this.x(row))}`;
      if (action === null || drawn.has(mark)) return;
      drawn.add(mark);
      const y = this.y(lane, action);
      context.fillRect(this.x(row) - width / 2, y - 2, width, 4);
    });
  }

  drawRewards(context, lane) {
    const zero = this.y(lane, 0);
    this.line(
      context, this.left, zero, this.width - MARGIN.right, zero, 'muted',
    );
    this.visible(lane.lines[0]).forEach(([row, reward]) => {
      if (!reward) return;
      const colour = reward > 0 ? 'gain' : 'loss';
      const [x, y] = [this.x(row), this.y(lane, reward)];
      this.line(context, x, zero, x, y, colour, 2);
      context.fillStyle = this.colour(colour);
      context.beginPath();
      context.arc(x, y, 3.5, 0, 2 * Math.PI);
      context.fill();
    });
  }

  line(context, x0, y0, x1, y1, colour, width = 1) {
    context.strokeStyle = this.colour(colour);
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
    context.stroke();
  }

  /** Draws the picture and the cursor at a row. */
  draw(row) {
    this.row = row;
    if (!this.width) return;
    const context = this.canvas.getContext('2d');
    context.clearRect(0, 0, this.width, this.height);
    context.drawImage(this.picture, 0, 0, this.width, this.height);
    const x = this.x(row);
    this.line(context, x, 4, x, this.height - MARGIN.bottom, 'text', 1.5);
    context.fillStyle = this.colour('text');
    context.beginPath();
    context.arc(x, 5, 4, 0, 2 * Math.PI);
    context.fill();
  }

  /** The lanes' values at a row: pairs of name and text. */
  readings(row) {
    return this.lanes.map((lane) => {
      const texts = lane.lines.map((values) => {
        const value = values[row];
        if (value === null) return 'none';
        if (lane.kind === 'action') {
          return this.data.actionNames[value] ?? String(value);
        }
        return fixed(value, lane.range);
      });
      return [lane.name, texts.join(' · ')];
    });
  }
}

/** A number with enough digits for its range. */
function fixed(value, [low, high]) {
  const needed = 2 - Math.floor(Math.log10(high - low));
  const digits = Math.min(Math.max(needed, 0), 6);
  return String(Number(value.toFixed(digits)));
}

/** A number in about four characters. */
function short(value) {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1000 || size < 0.01) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}
