// In a punchout session, for shops that draw their pages again in the browser (React, Vue ...): there what the proxy wrote
// into a page is undone, and a click runs the shop's own script. So this keeps the proxy's bar and forms on the page, keeps
// hidden what is hidden, and takes whatever would lead to checkout back to the procurement system. It is no protection and
// need not be one: what is denied, the proxy denies on the server.
(function () {
  'use strict';

  var own = document.currentScript;
  var controls = known(JSON.parse(own.getAttribute('data-controls')));
  var hidden = known(JSON.parse(own.getAttribute('data-hide')));
  var back = own.getAttribute('data-back');
  var target = own.getAttribute('data-target');

  var PRESSED = 'a[href], button, input[type=submit], input[type=button], input[type=image], [role=button], [role=link]';
  var PRESSED_BY_KEYS = 'a[href], button, input';
  var SENDS = 'button:not([type=button]):not([type=reset]), input[type=submit], input[type=image]';
  // What a form carries: a press on it leads nowhere.
  var FIELD = 'select, textarea, option, input:not([type=submit]):not([type=button]):not([type=image])';
  // Milliseconds at least from one look over the page to the next, where the shop draws without a pause.
  var PAUSE = 50;

  // Selectors that this browser knows: one that it does not know must not take the others with it.
  function known(selectors) {
    return selectors.filter(function (selector) {
      try {
        document.querySelector(selector);
        return true;
      } catch (unknown) {
        return false;
      }
    });
  }

  // Not `element.matches`: to a form with a field of that name it would be the field.
  function is(element, selector) {
    return Element.prototype.matches.call(element, selector);
  }

  function isControl(element) {
    return controls.some(function (selector) { return is(element, selector); });
  }

  function isOurs(element) {
    return is(element, '[id^="punchout-"]');
  }

  // --- What was pressed ----------------------------------------------------------------------------------------------

  // From the element that an event is about up to the page, out of shadow trees too.
  function path(event) {
    return event.composedPath().filter(function (node) { return node.nodeType === Node.ELEMENT_NODE; });
  }

  // The checkout control that an event is about, if there is one. A form is pressed by a button that sends it, an element
  // around links and buttons by one of these, anything else by itself.
  function controlOf(event) {
    var way = path(event);
    if (way.some(isOurs) || (way.length && is(way[0], FIELD))) return null;
    var pressed = null;
    for (var i = 0; i < way.length; i++) {
      if (!pressed && is(way[i], PRESSED)) pressed = way[i];
      if (!isControl(way[i])) continue;
      if (is(way[i], 'form')) return pressed && is(pressed, SENDS) ? way[i] : null;
      return pressed || !way[i].querySelector(PRESSED) ? way[i] : null;
    }
    return null;
  }

  // --- Back to the procurement system --------------------------------------------------------------------------------

  var leaving = false;

  // To the proxy's return page, which reads the cart anew, by a form that no script of the shop knows of.
  function leave() {
    if (leaving) return;
    leaving = true;
    setTimeout(function () { leaving = false; }, 4000);
    var form = document.createElement('form');
    form.method = 'post';
    form.action = new URL(back, location.origin).href;
    form.target = target;
    document.body.appendChild(form);
    form.submit();
  }

  function take(event) {
    event.preventDefault();
    event.stopImmediatePropagation();
    leave();
  }

  function onClick(event) {
    if (controlOf(event)) take(event);
  }

  // The return key sends a form from any of its fields.
  function onSubmit(event) {
    var button = event.submitter;
    if (isOurs(event.target)) return;
    if (isControl(event.target) || (button && !isOurs(button) && isControl(button))) take(event);
  }

  function onKey(event) {
    if (!controlOf(event)) return;
    // A link or a button makes a click of it.
    var presses = (event.key === 'Enter' || event.key === ' ') && !is(path(event)[0], PRESSED_BY_KEYS);
    if (presses) take(event);
    else event.stopImmediatePropagation();
  }

  // The shop's script may not wait for the click.
  function onTouch(event) {
    if (controlOf(event)) event.stopImmediatePropagation();
  }

  // At the window and on the way down: before whoever listens at an element.
  window.addEventListener('click', onClick, true);
  window.addEventListener('auxclick', onClick, true);
  window.addEventListener('submit', onSubmit, true);
  window.addEventListener('keydown', onKey, true);
  ['pointerdown', 'pointerup', 'mousedown', 'mouseup', 'touchstart', 'touchend', 'keyup'].forEach(function (name) {
    window.addEventListener(name, onTouch, { capture: true, passive: true });
  });
  // Here again by the browser's own Back, with the page as it was.
  window.addEventListener('pageshow', function () { leaving = false; });

  // --- What stays on the page ----------------------------------------------------------------------------------------

  // The bar, its style sheet, our forms: what the proxy wrote before this script.
  var kept = Array.from(document.querySelectorAll('[id^="punchout-"]')).filter(function (element) {
    return element !== own && !isOurs(element.parentNode);
  });

  function keep() {
    if (!document.body) return;
    kept.forEach(function (element) {
      if (!document.getElementById(element.getAttribute('id'))) document.body.appendChild(element);
    });
    each(hidden, hide);
    each(controls, leadBack);
  }

  function each(selectors, change) {
    selectors.forEach(function (selector) { document.querySelectorAll(selector).forEach(change); });
  }

  // Not taken out: the shop's script holds on to what it has drawn.
  function hide(element) {
    var style = element.style;
    if (!style || isOurs(element)) return;
    if (style.getPropertyValue('display') === 'none' && style.getPropertyPriority('display')) return;
    style.setProperty('display', 'none', 'important');
  }

  // Where a link leads is shown by the browser, and it may be opened in another tab.
  function leadBack(control) {
    if (is(control, 'form')) return;
    [control].concat(Array.from(control.querySelectorAll('a[href]'))).forEach(function (link) {
      if (!is(link, 'a[href]') || link.getAttribute('href') === back) return;
      link.setAttribute('href', back);
      link.setAttribute('target', target);
    });
  }

  var last = 0, due = false;

  function changed() {
    if (due) return;
    due = true;
    setTimeout(function () {
      due = false;
      last = Date.now();
      keep();
    }, Math.max(0, PAUSE - (Date.now() - last)));
  }

  new MutationObserver(changed).observe(document, {
    childList: true,
    subtree: true,
    attributes: true,
    attributeFilter: ['class', 'hidden', 'href', 'id', 'style'],
  });
  keep();
})();
