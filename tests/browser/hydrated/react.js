const e = React.createElement;
const HANDLERS = { click: 'onClick', pointerdown: 'onPointerDown', keydown: 'onKeyDown', submit: 'onSubmit' };

function handlers(events) {
  return Object.fromEntries(Object.entries(events).map(([name, run]) => [HANDLERS[name], run]));
}

function Cart() {
  const [quantity, setQuantity] = React.useState(START.quantity);
  const [drawn, setDrawn] = React.useState(0);
  // Once hydrated, everything is drawn anew, as after a change of route.
  React.useEffect(() => { setTimeout(() => setDrawn(1), 100); }, []);
  React.useEffect(() => { document.documentElement.dataset.drawn = drawn; }, [drawn]);
  const send = (event) => { event.preventDefault(); order('form'); };
  return e('main', { key: drawn },
    e('p', { className: 'ad' }, 'Become a member'),
    e('table', null, e('tbody', null, e('tr', { className: 'line' },
      e('td', { className: 'name' }, 'Drill'), e('td', { className: 'sku' }, 'A-1'),
      e('td', { className: 'quantity' }, String(quantity)), e('td', { className: 'price' }, '12,50')))),
    e('button', { id: 'more', type: 'button', onClick: () => more().then(setQuantity) }, 'One more'),
    ...CONTROLS.map(([tag, attributes, events, text]) => e(tag, { key: attributes.id, ...attributes, ...handlers(events) }, text)),
    e('form', { className: 'checkout', action: '/checkout', onSubmit: send },
      e('input', { id: 'note', name: 'note' }), e('button', { id: 'send' }, 'Send')),
    e('buy-now'));
}

if (START.whole) {
  // The document itself, as some frameworks do: what is not React's goes.
  ReactDOM.createRoot(document).render(
    e('html', { lang: 'en' }, e('head', null, e('title', null, 'Shop')), e('body', null, e('div', { id: 'app' }, e(Cart)))));
} else {
  ReactDOM.hydrateRoot(document.getElementById('app'), e(Cart));
}
