// Shows what launch/watch.py sends; see attn_agents/watching.

import {Curve} from './curve.js';
import {decode} from './message.js';
import {drawGame, drawHead} from './pictures.js';

const at = (id) => document.getElementById(id);
const count = new Intl.NumberFormat('en-US');
const score = new Intl.NumberFormat('en-US', {maximumFractionDigits: 2});
const STAGES = {
  connecting: 'connecting',
  waiting: 'waiting for a checkpoint',
  preparing: 'compiling',
  playing: 'playing',
  gone: 'disconnected',
};

let facts = null;
let socket = null;
let pending = null;
let shown = null;
let number = null;
let hidden = new Set();
let curves = null;
let times = [];
let dropped = 0;

function connect() {
  if (socket !== null || document.hidden) return;
  socket = new WebSocket(`ws://${location.host}/ws`);
  socket.binaryType = 'arraybuffer';
  number = null;
  curves = null;
  // Messages are handled one by one, so that frames stay in order.
  let last = Promise.resolve();
  const from = socket;
  from.onmessage = ({data}) => {
    last = last.then(async () => {
      if (typeof data === 'string') tell(JSON.parse(data));
      else receive(from, await decode(data));
    });
    // A frame that cannot be decoded must not stop those after it.
    last = last.catch(() => { dropped += 1; });
  };
  from.onclose = () => {
    // Ignored if this page closed the socket because it was hidden.
    if (socket !== from) return;
    socket = null;
    pending = null;
    setStage('gone');
    setTimeout(connect, 2000);
  };
}

// The game pauses while the page is hidden.
document.addEventListener('visibilitychange', () => {
  if (document.hidden && socket !== null) {
    const former = socket;
    socket = null;
    pending = null;
    former.close();
  }
  connect();
});

function tell(news) {
  facts = news;
  const {agent, preset, algorithm, game, trained_game: trained} = facts;
  const [height, width] = facts.screen;
  document.documentElement.style.setProperty('--aspect', width / height);
  document.title = `${facts.run} · live`;
  at('run').textContent = facts.run;
  at('run').title = facts.path;
  at('what').textContent = [
    `${agent} ${preset}, ${algorithm}`,
    game === trained ? game : `${game} (trained on ${trained})`,
    `${facts.policy} actions`,
    facts.protocol === 'noop' ? 'no-op start' : 'sticky actions',
    `seed ${facts.seed}`,
  ].join(' · ');
  at('problem').textContent = facts.problem;
  at('problem').hidden = !facts.problem;
  curves ??= [
    new Curve(at('value'), null),
    new Curve(at('entropy'), [0, Math.log(facts.actions.length)]),
  ];
  setStage(facts.stage);
  if (shown !== null) showCheckpoint(shown.facts);
}

function setStage(stage) {
  document.body.dataset.stage = stage;
  at('view').dataset.stage = stage;
  at('stage').textContent = STAGES[stage];
  at('notice').textContent = notice(stage);
}

function notice(stage) {
  if (stage === 'gone') {
    return 'launch/watch.py has ended. Start it again, and this page ' +
      'reconnects.';
  }
  if (stage === 'waiting' && facts.newest === null) {
    const every = count.format(facts.checkpoint_every_seconds);
    return 'This run has not saved a checkpoint yet. Play starts with the ' +
      `first one. Training saves one every ${every} s.`;
  }
  if (stage === 'waiting') {
    return `Loading checkpoint ${count.format(facts.newest)}.`;
  }
  if (stage === 'preparing') return 'Compiling the agent.';
  return '';
}

function receive(from, message) {
  if (from !== socket) return;
  if (pending === null) requestAnimationFrame(draw);
  else pending.frame.close();
  pending = message;
}

function draw(now) {
  if (pending === null) return;
  const message = pending;
  pending = null;
  if (number !== null) dropped += message.number - number - 1;
  number = message.number;
  socket.send(String(number));
  const before = shown;
  shown = message;
  before?.frame.close();
  drawPictures();
  showNumbers(message.facts, now);
  drawCurves(message.facts, now / 1000, before?.facts.game);
  showCheckpoint(message.facts);
  if (before !== null &&
      before.facts.checkpoint !== message.facts.checkpoint) {
    flash(at('checkpoint-box'));
  }
  const data = at('view').dataset;
  data.framesShown = Number(data.framesShown) + 1;
  data.row = message.facts.row;
  data.checkpoint = message.facts.checkpoint;
}

function drawPictures() {
  const {frame, facts: {maps}} = shown;
  const smooth = !at('cells').checked;
  if (Number(at('view').dataset.heads ?? -1) !== maps.length) makeHeads(maps);
  const chosen = [...maps.keys()].filter((i) => !hidden.has(i));
  const opacity = at('opacity').value / 100;
  const colours = maps.map((_, index) => colourOf(index));
  drawGame(at('game'), frame, maps, chosen, colours, opacity, smooth);
  maps.forEach((map, index) => {
    const head = at('heads').children[index];
    drawHead(head.querySelector('canvas'), frame, map, colours[index], smooth);
    head.querySelector('output').textContent =
      `${map.cells.toFixed(0)} of ${map.height * map.width}`;
  });
}

function makeHeads(maps) {
  at('view').dataset.heads = maps.length;
  hidden = new Set();
  at('no-attention').hidden = maps.length > 0;
  at('no-attention').textContent =
    `${facts.agent} has no attention. Only the game is shown.`;
  at('heads').replaceChildren(...maps.map((map, index) => {
    const head = document.createElement('button');
    head.type = 'button';
    head.className = 'head';
    head.setAttribute('aria-pressed', 'true');
    head.style.setProperty('--colour', `rgb(${colourOf(index)})`);
    const canvas = document.createElement('canvas');
    const line = document.createElement('span');
    const name = document.createElement('b');
    name.textContent = map.name;
    line.append(name, document.createElement('output'));
    head.append(canvas, line);
    head.addEventListener('click', () => toggle(index));
    return head;
  }));
}

function colourOf(index) {
  return facts.colours[index % facts.colours.length];
}

function toggle(index) {
  const head = at('heads').children[index];
  if (!head) return;
  if (!hidden.delete(index)) hidden.add(index);
  head.setAttribute('aria-pressed', String(!hidden.has(index)));
  drawPictures();
}

document.addEventListener('keydown', (event) => {
  const held = event.ctrlKey || event.metaKey || event.altKey;
  if (!held && /^[1-9]$/.test(event.key)) toggle(Number(event.key) - 1);
});
for (const id of ['opacity', 'cells']) {
  at(id).addEventListener('input', () => shown !== null && drawPictures());
}

function showNumbers(row, now) {
  at('score').textContent = score.format(row.score);
  at('games').textContent = `game ${count.format(row.game)}` +
    (row.last_score === null ? '' :
      `, previous score ${score.format(row.last_score)}`);
  times = times.filter((time) => time > now - 2000);
  times.push(now);
  if (times.length > 1) {
    const fps = 1000 * (times.length - 1) / (now - times[0]);
    at('fps').textContent = `${fps.toFixed(1)}/s`;
  }
  at('pace').textContent = `of ${score.format(facts.rows_per_second)} steps/s` +
    `, ${count.format(dropped)} dropped`;
}

function drawCurves(row, seconds, gameBefore) {
  at('action').textContent = facts.actions[row.action];
  const begins = gameBefore !== undefined && row.game !== gameBefore;
  curves[0].add(seconds, row.value, begins);
  curves[1].add(seconds, row.entropy, begins);
  ['value', 'entropy'].forEach((name, index) => {
    const [low, high] = curves[index].scale.map((x) => x.toFixed(2));
    at(`${name}-now`).textContent = row[name]?.toFixed(2) ?? 'none';
    at(`${name}-range`).textContent = `${low} to ${high}`;
  });
}

function showCheckpoint(row) {
  at('checkpoint').textContent = count.format(row.checkpoint);
  const other = count.format(facts.newest);
  let newest = 'newest';
  if (facts.newest !== row.checkpoint) {
    newest = facts.problem ? `${other} failed` : `loading ${other}`;
  }
  at('trained').textContent =
    `${count.format(row.training_frames)} frames, ${newest}`;
}

function flash(element) {
  element.classList.remove('changed');
  // Restarts the animation.
  void element.offsetWidth;
  element.classList.add('changed');
}

connect();
