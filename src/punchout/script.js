// On a cart page of a punchout session: keeps a double click from sending the cart twice, and tells the proxy when it was
// sent. It tells when the page goes away after the form was sent, which is when the receiver's answer has come; only where
// the answer opens in another window, a moment after. Language of 2009, for the browsers inside procurement systems.
(function () {
  var own = document.getElementById('punchout-script');
  var form = own && document.getElementById(own.getAttribute('data-form'));
  if (!form) return;
  var sent = own.getAttribute('data-sent');
  // A form that leads to our own return page sends nothing.
  if (form.getAttribute('action').indexOf(sent.replace(/sent(\?.*)?$/, '')) === 0) return;
  var here = /^_(self|top|parent)$/.test(form.target || '_self') && form.getAttribute('action').indexOf('SAPEVENT') !== 0;
  var leaving = false, resting = false, told = false;

  function tell() {
    if (told || !leaving) return;
    told = true;
    if (navigator.sendBeacon) navigator.sendBeacon(sent);
  }
  function stay() { leaving = false; }

  form.addEventListener('submit', function (event) {
    if (resting) { event.preventDefault(); return; }
    leaving = resting = true;
    // The browser may have blocked it: then the next click sends.
    setTimeout(function () { resting = false; }, 4000);
    if (!here) setTimeout(tell, 3000);
  });
  // Whoever goes on shopping after a form that did not leave has sent nothing.
  document.addEventListener('submit', function (event) { if (event.target !== form) stay(); }, true);
  document.addEventListener('click', function (event) {
    for (var at = event.target; at && at !== document; at = at.parentNode) {
      if (at.tagName === 'A') stay();
    }
  }, true);
  document.addEventListener('securitypolicyviolation', function (event) {
    if (event.effectiveDirective === 'form-action') stay();
  });
  window.addEventListener('pagehide', function () { if (here) tell(); });
  // Back, from the browser's memory: the page as it was would send the cart again.
  window.addEventListener('pageshow', function (event) { if (event.persisted && told) location.reload(); });
})();
