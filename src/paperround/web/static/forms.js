// Forms of who is signed in, without leaving the page. Each works without this: it then leads back here.
async function sent(form, submitter, signal) {
  const fields = new FormData(form, submitter);
  fields.delete('library');
  const address = submitter?.getAttribute('formaction') ?? form.dataset.preview ?? form.action;
  const answer = await fetch(address, { method: 'POST', body: new URLSearchParams(fields), signal });
  if (!answer.ok && !form.dataset.preview) throw new Error(answer.status);
  return new DOMParser().parseFromString(await answer.text(), 'text/html');
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
  place.replaceWith(now);
  const target = pressed.getAttribute('formaction');
  const same = target ? `[formaction="${target}"]` : '[name=more], [name=less], [name=undo]';
  (now.querySelector(same) ?? now.querySelector('a, button'))?.focus({ preventScroll: true });
}

document.addEventListener('submit', async (event) => {
  const { target: form, submitter } = event;
  const place = submitter?.closest('.paper, .one > header');
  if (!place || form.id !== 'mark' || form.dataset.plain) return;
  event.preventDefault();
  try {
    put(place, await sent(form, submitter), submitter);
  } catch {
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
