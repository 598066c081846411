/// What keeps the page up to date: one script inside it, allowed by its digest.
///
/// It asks for the page again and makes the one that is open like it, element by element, so that
/// focus, scroll positions, open details and a selection stay. It makes no markup of its own: what
/// the server has escaped stays text.
enum PageScript {
  static var element: Markup { Markup(stringLiteral: "<script>\(text)</script>") }

  /// SHA-256 of `text` in Base64; a test compares the two and says what it should be.
  static let digest = "MZutCYxuAhfHdEOO1o4zy0LeUZnEbq74mUl1FkXf++o="

  static let text = #"""
    'use strict';
    const EVERY = 2000, PATIENCE = 6000;
    const AWAY = 'data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22'
      + ' viewBox=%220 0 9 9%22%3E%3Cpath d=%22M1 1l7 7M8 1l-7 7%22 stroke=%22%23888%22'
      + ' stroke-width=%222%22/%3E%3C/svg%3E';
    const $ = id => document.getElementById(id);
    const root = document.documentElement;
    const clock = date => date.toISOString().slice(11, 19) + ' UTC';
    let paused = false, asking = false, held = false, timer = 0;
    let answeredAt = new Date(), title = document.title;

    // Makes `old` like `now`. What has an id is found again wherever it has moved to.
    function morph(old, now) {
      for (const { name, value } of now.attributes)
        if (name !== 'open' && old.getAttribute(name) !== value) old.setAttribute(name, value);
      for (const { name } of [...old.attributes])
        if (name !== 'open' && !now.hasAttribute(name)) old.removeAttribute(name);
      let at = old.firstChild;
      for (const child of [...now.childNodes]) {
        const twin = child.id ? [...old.children].find(one => one.id === child.id)
          : at && !at.id && at.nodeName === child.nodeName ? at : null;
        if (!twin) { old.insertBefore(child, at); continue; }
        if (twin === at) at = at.nextSibling; else old.insertBefore(twin, at);
        if (child.nodeType === 1) morph(twin, child);
        else if (twin.data !== child.data) twin.data = child.data;
      }
      while (at) { const next = at.nextSibling; at.remove(); at = next; }
    }

    function show(page) {
      // Another program answers: its page wants its own script.
      if (page.documentElement.dataset.page !== root.dataset.page) return location.reload();
      const chosen = getSelection(), focused = document.activeElement;
      const home = focused && focused.closest('section');
      const verdict = $('verdict').dataset.said;
      held = false;
      for (const now of page.querySelectorAll('main section, #footer')) {
        const old = $(now.id);
        if (!chosen.isCollapsed && chosen.containsNode(old, true)) held = true;
        else morph(old, now);
      }
      // A row that moved, or went, takes the focus with it.
      if (focused && document.activeElement !== focused)
        (focused.isConnected ? focused : home && $(home.id))?.focus({ preventScroll: true });
      title = page.title;
      $('icon').href = page.getElementById('icon').href;
      const said = $('verdict').dataset.said;
      if (said !== verdict) $('said').textContent = said;
    }

    function state() {
      const away = $('away').textContent !== '';
      root.classList.toggle('away', away);
      root.classList.toggle('paused', paused);
      if (away) $('icon').href = AWAY;
      $('live').textContent = paused ? `Paused at ${clock(answeredAt)}` : away ? 'Not answering'
        : held ? 'Live, but for what is selected' : `Live, ${clock(answeredAt)}`;
      $('pause').textContent = paused ? 'Go on' : 'Pause';
      document.title = away ? `Not answering · ${title}` : paused ? `Paused · ${title}` : title;
    }

    async function ask() {
      if (asking) return;
      asking = true;
      clearTimeout(timer);
      try {
        const answer = await fetch(location.pathname, { cache: 'no-store',
          signal: AbortSignal.timeout(PATIENCE) });
        if (!answer.ok) throw answer.status;
        const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
        if (!page.getElementById('verdict')) throw 'with another page';
        answeredAt = new Date();
        $('away').textContent = '';
        show(page);
      } catch (fault) {
        const how = typeof fault === 'object' ? 'Not answering' : `Answering ${fault}`;
        const text = `${how} since ${clock(answeredAt)}. What is below is from then; `
          + (fault === 401 ? 'load the page again to log in.' : 'this page keeps asking.');
        if ($('away').textContent !== text) $('away').textContent = text;
      }
      asking = false;
      state();
      plan();
    }

    function plan() {
      clearTimeout(timer);
      if (!paused && !document.hidden) timer = setTimeout(ask, EVERY);
    }

    function pause() {
      paused = !paused;
      state();
      if (paused) clearTimeout(timer); else ask();
    }

    function walk(step) {
      const all = [...document.querySelectorAll('main section')];
      const here = document.activeElement && document.activeElement.closest('section');
      const next = all[all.indexOf(here) + step] || all[step > 0 ? all.length - 1 : 0];
      go(next.id);
    }

    function go(id) {
      $(id).focus({ preventScroll: true, focusVisible: true });
      $(id).scrollIntoView();
    }

    const orders = { ' ': pause, r: ask, j: () => walk(1), k: () => walk(-1),
      a: () => go('anomalies'), p: () => go('partitions'), '?': () => $('help').showModal() };

    addEventListener('keydown', event => {
      const order = orders[event.key.toLowerCase()];
      const used = event.target.closest('button, summary, a, input, dialog');
      if (!order || event.ctrlKey || event.metaKey || event.altKey || !$('single').checked) return;
      if ($('help').open || event.key === ' ' && (used || event.shiftKey)) return;
      event.preventDefault();
      order();
    });
    document.addEventListener('visibilitychange', () =>
      document.hidden ? clearTimeout(timer) : paused || ask());
    $('pause').addEventListener('click', pause);
    $('keys').addEventListener('click', () => $('help').showModal());
    $('close').addEventListener('click', () => $('help').close());
    $('controls').hidden = false;
    plan();

    """#
}
