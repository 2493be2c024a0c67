// Forms of who is signed in, without leaving the page. Each works without this: it then leads back here.
async function sent(form, submitter, signal) {
  const fields = new FormData(form, submitter);
  fields.delete('library');
  const address = submitter?.getAttribute('formaction') ?? form.dataset.preview ?? form.action;
  const answer = await fetch(address, { method: 'POST', body: new URLSearchParams(fields), signal });
  if (!answer.ok && !form.dataset.preview) throw new Error(answer.status);
  return new DOMParser().parseFromString(await answer.text(), 'text/html');
}

// What lies under the finger stays: a row that folds or opens ends where it ended.
function keep(row, end) {
  row.style.contentVisibility = 'visible'; // else it has no height of its own yet
  scrollBy({ top: row.getBoundingClientRect().bottom - end, behavior: 'instant' });
  const left = end - row.getBoundingClientRect().bottom;
  if (left > 0 && row.matches('.folded')) row.style.marginTop = `${left}px`; // at the top of a page nothing scrolls
}

// A vote, a saved paper, a rating: the page that the form leads to has the paper as it is now.
function put(place, page, pressed) {
  const now = place.id ? page.getElementById(place.id) : page.querySelector('.one > header');
  const learned = page.querySelector('#learned');
  if (learned) document.querySelector('#learned')?.replaceWith(learned);
  if (!now) {
    const next = place.nextElementSibling ?? place.previousElementSibling;
    place.remove();
    (next?.querySelector('h2 a') ?? document.querySelector('main')).focus();
    return;
  }
  const end = place.getBoundingClientRect().bottom;
  place.replaceWith(now);
  keep(now, end);
  const target = pressed.getAttribute('formaction');
  const same = target ? `[formaction="${target}"]` : '[name=more], [name=less], [name=undo]';
  (now.querySelector(same) ?? now.querySelector('a, button'))?.focus({ preventScroll: true });
}

// The other topics come to the paper.
document.addEventListener('click', async (event) => {
  const link = event.target.closest('.actions .others');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const open = link.parentElement.querySelector('.choice');
  if (open) return open.remove();
  try {
    const answer = await fetch(link.href);
    if (!answer.ok) throw new Error(answer.status);
    const choice = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('.choice');
    link.parentElement.append(choice);
    choice.querySelector('select, a').focus({ preventScroll: true });
  } catch { location = link.href }
});

// Without a connection one stays where one reads; leaving would only lead to the browser's own error.
function unsent(place) {
  const line = place.querySelector('.unsent') ?? document.createElement('p');
  line.className = 'error unsent';
  line.role = 'alert';
  line.textContent = root.dataset.unsent;
  (place.querySelector('article') ?? place).append(line);
}

document.addEventListener('submit', async (event) => {
  const { target: form, submitter } = event;
  const place = submitter?.closest('.paper, .one > header');
  if (!place || !form.matches('#mark, .choice form') || form.dataset.plain) return;
  event.preventDefault();
  let page;
  try {
    page = await sent(form, submitter);
  } catch (error) {
    if (error instanceof TypeError) return unsent(place); // nothing came back
    form.dataset.plain = 'true';
    return form.requestSubmit(submitter);
  }
  put(place, page, submitter);
});

// Following: each button of the page becomes as it is on the page that the form leads to.
document.addEventListener('submit', async (event) => {
  const { target: form, submitter } = event;
  if (form.id !== 'follow' || form.dataset.plain) return;
  event.preventDefault();
  const place = submitter.closest('li, p, div');
  try {
    const page = await sent(form, submitter);
    place.querySelector('.unsent')?.remove();
    for (const button of document.querySelectorAll('[form=follow]')) {
      const now = [...page.querySelectorAll('[form=follow]')].find((one) => one.value === button.value);
      if (!now) continue;
      button.replaceWith(now);
      if (button === submitter) now.focus({ preventScroll: true });
    }
  } catch (error) {
    if (error instanceof TypeError) return unsent(place); // nothing came back
    form.dataset.plain = 'true';
    form.requestSubmit(submitter);
  }
});

// What a topic would match, while it is written.
const draft = document.querySelector('form[data-preview]');
let asked, waiting;
draft?.addEventListener('input', () => {
  clearTimeout(waiting);
  waiting = setTimeout(async () => {
    asked?.abort();
    asked = new AbortController();
    try {
      const page = await sent(draft, undefined, asked.signal);
      document.querySelector('#preview').replaceChildren(...page.body.childNodes);
    } catch { /* the button asks again */ }
  }, 400);
});
