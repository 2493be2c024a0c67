// Conveniences; every page works without them. `wear`, `memory` and `since` are first.js's.
const help = document.querySelector('.help');

function current() {
  return document.activeElement.closest('.paper, .similar li');
}

function go(step) {
  const titles = [...document.querySelectorAll('.paper h2 a, .similar h3 a')];
  const here = titles.findIndex((title) => title.closest('li') === current());
  const next = titles[here < 0 ? (step > 0 ? 0 : -1) : here + step];
  if (!next) return;
  next.focus({ preventScroll: true, focusVisible: true });
  next.closest('li').scrollIntoView({ block: 'nearest' });
}

function open() {
  const abstract = current()?.querySelector('.abstract');
  if (abstract) abstract.open = !abstract.open;
}

function press(button) {
  (current() ?? document.querySelector('.one'))?.querySelector(button)?.click();
}

const keys = {
  j: () => go(1),
  k: () => go(-1),
  o: open,
  s: () => press('.save'),
  '+': () => press('[name=more], .others'),
  '-': () => press('[name=less], .others'),
  u: () => press('.votes button, .votes a'),
  '/': () => document.querySelector('.search input').select(),
  '?': () => help.showModal(),
};
document.addEventListener('keydown', (event) => {
  const busy = event.ctrlKey || event.metaKey || event.altKey || help.open || event.target.closest('input, select, textarea');
  if (busy || !Object.hasOwn(keys, event.key)) return;
  event.preventDefault();
  keys[event.key]();
});
document.querySelector('.keys button').addEventListener('click', keys['?']);

// Selecting words of an open abstract doesn't close it.
document.addEventListener('click', (event) => {
  const abstract = event.target.closest('.abstract[open]');
  if (abstract && !getSelection().isCollapsed && abstract.contains(getSelection().anchorNode)) event.preventDefault();
});

for (const choice of document.querySelectorAll('.theme input')) {
  choice.checked = choice.value === memory.get('theme');
  choice.addEventListener('change', () => {
    memory.set('theme', choice.value);
    wear(choice.value);
  });
}

for (const choice of document.querySelectorAll('.density input')) {
  choice.checked = choice.value === memory.get('density');
  choice.addEventListener('change', () => {
    memory.set('density', choice.value);
    root.dataset.density = choice.value;
  });
}

for (const choice of document.querySelectorAll('[name=fade]')) {
  choice.checked = memory.get('fade') === choice.value;
  choice.addEventListener('change', () => {
    root.dataset.fade = choice.checked ? choice.value : '';
    memory.set('fade', root.dataset.fade);
  });
}

const forYou = document.querySelector('.for-you');
if (forYou) {
  forYou.open = root.dataset.forYou !== 'folded';
  root.dataset.forYou = '';
  forYou.addEventListener('toggle', () => memory.set('for-you', forYou.open ? '' : 'folded'));
}

// What is new since the last visit. The places are kept free and the sentence fits a phone's line, so that nothing moves.
// English does without Intl, which takes a slow phone longer than everything else here.
function spoken(moment) {
  const [weekday, month, day] = moment.toDateString().split(' ');
  const time = moment.toTimeString().slice(0, 5);
  if (moment.toDateString() === new Date().toDateString()) return time;
  if (root.lang === 'en') return `${weekday} ${Number(day)} ${month}, ${time}`;
  return moment.toLocaleString(root.lang, { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
}

if (since) {
  const fresh = [...document.querySelectorAll('[data-seen]')].filter((entry) => entry.dataset.seen * 1000 > since);
  for (const entry of fresh) {
    const word = document.createElement('span');
    word.className = 'fresh';
    word.textContent = root.dataset.fresh;
    entry.querySelector('.votes').append(word);
  }
  const sentence = document.querySelector('.since');
  if (sentence) {
    const told = fresh.length ? sentence.dataset.some.replace('{number}', fresh.length) : sentence.dataset.none;
    sentence.textContent = told.replace('{time}', spoken(new Date(since)));
  }
}

// The time zone that this device keeps: for a new account, and offered in the settings.
function guess(places) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const cities = document.querySelector('#cities');
  const city = cities?.querySelector(`[data-zones~="${zone}"]`)?.value ?? zone;
  for (const place of places) {
    if (place.matches('input')) place.value = place.list ? city : zone;
    if (place.matches('button')) offer(place, place.closest('.field').querySelector('input'), city);
  }
}

function offer(button, field, city) {
  if (field.value === city) return;
  button.append(` ${city}`);
  button.hidden = false;
  button.addEventListener('click', () => {
    field.value = city;
    button.hidden = true;
  });
}

// Typing begins a new search.
const zone = document.querySelector('#time_zone');
zone?.addEventListener('focus', () => zone.select());

const guesses = document.querySelectorAll('[data-guess=zone]');
if (guesses.length) guess(guesses);

// A letter's frame is as high as the letter.
const letter = document.querySelector('.letter iframe');
function fit() {
  const page = letter.contentDocument.documentElement; // null for a moment, while it begins to load
  if (page) letter.style.height = `${page.offsetHeight + 2}px`;
}
if (letter) {
  letter.addEventListener('load', fit);
  if (letter.contentDocument.URL !== 'about:blank') fit();
  addEventListener('resize', fit);
}

// A formula wider than its column can be scrolled by keyboard.
for (const formula of document.querySelectorAll('math[display=block]')) {
  if (formula.scrollWidth > formula.clientWidth && !formula.closest('a, summary')) formula.tabIndex = 0;
}

// Sharing a paper: the fields can be copied by hand; these buttons do it where the browser lets them.
const share = document.querySelector('.share');
if (share) {
  const told = share.querySelector('[role=status]');
  for (const button of share.querySelectorAll('.copy')) {
    const field = button.previousElementSibling;
    button.hidden = false;
    button.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(field.value);
        told.textContent = share.dataset.copied;
      } catch { // without https, or without permission
        field.select();
        told.textContent = document.execCommand('copy') ? share.dataset.copied : share.dataset.selected;
      }
    });
  }
  const passOn = share.querySelector('.pass-on');
  passOn.hidden = !navigator.share;
  passOn.addEventListener('click', async () => {
    try {
      await navigator.share({ title: document.title, url: share.querySelector('input').value });
    } catch (error) {
      if (error.name !== 'AbortError') told.textContent = share.dataset.unshared;
    }
  });
}

// The map tells the title of the point that one points at; the lists below have it.
const map = document.querySelector('.map');
if (map) {
  const titles = new Map([...document.querySelectorAll('.groups a')].map((link) => [link.getAttribute('href'), link.textContent]));
  const pointed = document.querySelector('.pointed');
  map.addEventListener('pointerover', (event) => {
    const link = event.target.closest('a');
    if (link) pointed.textContent = titles.get(link.getAttribute('href'));
  });
}
