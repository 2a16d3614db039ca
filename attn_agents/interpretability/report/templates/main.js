/* Connects the controls with the player. */

const data = JSON.parse(document.getElementById('report-data').textContent);
const element = (id) => document.getElementById(id);
const all = (selector) => [...document.querySelectorAll(selector)];
const clock = (row) => {
  const seconds = row / data.rowsPerSecond;
  const rest = (seconds % 60).toFixed(1).padStart(4, '0');
  return `${Math.floor(seconds / 60)}:${rest}`;
};

/** The head's largest weight and its effective number of cells. */
function headText(player, head) {
  const index = player.row * player.headCount + head;
  const { largest, cells } = data.attention;
  if (largest[index] === 0) return 'no weight';
  return `max ${short(largest[index])} · ${cells[index].toFixed(1)} cells`;
}

const player = new Player(element('player'), data, (row, layerRows) => {
  timeline.draw(row);
  element('scrub').value = row;
  element('scrub').setAttribute(
    'aria-valuetext', `step ${row} of ${data.frames.length - 1}, ${clock(row)}`,
  );
  element('clock').textContent = `${clock(row)} / ${
    clock(data.frames.length - 1)} · step ${row}`;
  element('play').setAttribute(
    'aria-label', player.playing ? 'Pause' : 'Play',
  );
  element('speed').value = String(player.speed);
  timeline.readings(row).forEach(([, text], i) => {
    element(`reading-${i}`).textContent = text;
  });
  all('[data-head]').forEach((button, head) => {
    button.setAttribute('aria-pressed', player.heads.has(head));
    element(`head-text-${head}`).textContent = headText(player, head);
  });
  all('[data-layer]').forEach((button, i) => {
    button.setAttribute('aria-pressed', player.shown.has(i));
    const at = layerRows[i];
    let text = `of step ${at}`;
    if (at === null) text = 'none so far';
    else if (at === row) text = 'of this step';
    element(`layer-text-${i}`).textContent = text;
  });
});
const timeline = new Timeline(element('timeline'), data, (row) => {
  player.go(row);
});

function togglePlay() {
  if (player.playing) player.pause();
  else player.play();
}

/** Goes to the previous or next row at which a layer has a map. */
function goLayer(i, step) {
  const { rows } = player.layers[i];
  const at = lastNotAfter(rows, player.row);
  const back = at >= 0 && rows[at] < player.row ? at : at - 1;
  const next = rows[step > 0 ? at + 1 : back];
  if (next !== undefined) player.go(next);
}

function allHeads() {
  const full = player.heads.size === player.headCount;
  player.heads = new Set(full ? [] : Array(player.headCount).keys());
  player.refresh();
}

/** Of the pinned player of a narrow page: 'small', or this one. */
function toggleSize(size) {
  const { dataset } = element('player');
  dataset.size = dataset.size === size ? 'small' : size;
  element('fold').setAttribute('aria-expanded', dataset.size !== 'folded');
  element('enlarge').setAttribute('aria-pressed', dataset.size === 'large');
}

const actions = {
  ' ': togglePlay,
  ArrowLeft: (event) => player.go(player.row - (event.shiftKey ? 15 : 1)),
  ArrowRight: (event) => player.go(player.row + (event.shiftKey ? 15 : 1)),
  Home: () => player.go(0),
  End: () => player.go(player.count - 1),
  '+': () => player.shift(1),
  '=': () => player.shift(1),
  '-': () => player.shift(-1),
  0: allHeads,
  '?': () => element('help').showModal(),
};
for (let head = 0; head < Math.min(player.headCount, 8); head += 1) {
  actions[head + 1] = () => player.toggle(player.heads, head);
}

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (element('help').open) return;
  const { target } = event;
  // A focused control keeps its own keys, except the scrub bar.
  if (target.matches('select, input:not(#scrub)')) return;
  if (event.key === ' ' && target.matches('button, a, summary')) return;
  const action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  action(event);
});

const clicks = {
  play: togglePlay,
  first: () => player.go(0),
  back: () => player.go(player.row - 1),
  forward: () => player.go(player.row + 1),
  last: () => player.go(player.count - 1),
  'help-button': () => element('help').showModal(),
  fold: () => toggleSize('folded'),
  enlarge: () => toggleSize('large'),
};
Object.entries(clicks).forEach(([id, action]) => {
  element(id).addEventListener('click', action);
});
element('scrub').addEventListener('input', (event) => {
  player.go(Number(event.target.value));
});
element('speed').addEventListener('change', (event) => {
  player.speed = Number(event.target.value);
  player.refresh();
});
element('opacity').addEventListener('input', (event) => {
  player.opacity = Number(event.target.value) / 100;
  player.refresh();
});
element('scale').addEventListener('change', (event) => {
  player.sharedScale = event.target.value === 'shared';
  player.refresh();
});
all('[data-head]').forEach((button, head) => {
  button.addEventListener('click', () => player.toggle(player.heads, head));
});
all('[data-layer]').forEach((button, i) => {
  button.addEventListener('click', () => player.toggle(player.shown, i));
});
all('[data-layer-step]').forEach((button) => {
  const { layerStep, of } = button.dataset;
  button.addEventListener('click', () => {
    goLayer(Number(of), Number(layerStep));
  });
});

const root = document.documentElement;
root.style.setProperty('--aspect', data.width / data.height);
new ResizeObserver(() => {
  const height = element('player').offsetHeight;
  root.style.setProperty('--player-height', `${height}px`);
}).observe(element('player'));
player.refresh();
