/**
 * The page's script: converts times to the browser's time zone, and refreshes the page while it is
 * visible.
 */
export const SCRIPT = `
'use strict';
(() => {
  const EVERY_MS = 5000;
  const zoned = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
  const stale = document.getElementById('stale');
  const served = new Map();
  let answered = new Date();

  const localise = (root) => {
    for (const time of root.querySelectorAll('time[datetime]')) {
      time.title = time.textContent;
      time.textContent = zoned.format(new Date(time.dateTime));
    }
  };
  const openIn = (section) => [...section.querySelectorAll('details')].map((details) => details.open);

  const show = (page) => {
    for (const section of page.querySelectorAll('main > section')) {
      const here = document.getElementById(section.id);
      if (here === null || served.get(section.id) === section.innerHTML) continue;
      served.set(section.id, section.innerHTML);
      const open = openIn(here);
      here.innerHTML = section.innerHTML;
      localise(here);
      here.querySelectorAll('details').forEach((details, at) => { details.open = open[at] === true; });
    }
    document.title = page.title;
  };

  const refresh = async () => {
    if (document.visibilityState !== 'visible') return;
    try {
      const answer = await fetch('/', { cache: 'no-store', signal: AbortSignal.timeout(10000) });
      if (!answer.ok) throw new Error(answer.statusText);
      show(new DOMParser().parseFromString(await answer.text(), 'text/html'));
      answered = new Date();
      stale.hidden = true;
    } catch {
      stale.textContent = 'The agent does not answer. This page shows its state of ' + zoned.format(answered) + '.';
      stale.hidden = false;
    }
  };
  const loop = async () => {
    await refresh();
    setTimeout(loop, EVERY_MS);
  };

  for (const section of document.querySelectorAll('main > section')) {
    served.set(section.id, section.innerHTML);
    localise(section);
  }
  document.getElementById('zone').textContent =
    'Times are in the time zone of this browser, ' + Intl.DateTimeFormat().resolvedOptions().timeZone + '.';
  document.addEventListener('visibilitychange', refresh);
  setTimeout(loop, EVERY_MS);
})();
`;
