// What the React and the Vue page share: a shop whose controls run script, each in its own way. Whoever gets as far as an
// order leaves word of it at <html>.
const START = JSON.parse(document.getElementById('state').textContent);

function order(control) {
  document.documentElement.dataset.ordered = control;
  fetch('/api/checkout', { method: 'POST' });
}

function more() {
  return fetch('/api/more', { method: 'POST' }).then((answer) => answer.json()).then((cart) => cart.quantity);
}

// A form that React knows nothing of, and a button in a tree of its own.
customElements.define('buy-now', class extends HTMLElement {
  connectedCallback() {
    const button = document.createElement('button');
    button.className = 'checkout';
    button.textContent = 'Buy now';
    button.onclick = () => order('shadow');
    this.attachShadow({ mode: 'open' }).append(button);
  }
});

// Attributes and handlers of each control, by the name it has in the test.
const CONTROLS = [
  ['a', { id: 'link', className: 'checkout', href: '/checkout' }, { click: (event) => { event.preventDefault(); order('link'); } }, 'To checkout'],
  ['button', { id: 'button', className: 'checkout', type: 'button' }, { click: () => order('button') }, 'Checkout'],
  ['button', { id: 'pressed', className: 'checkout', type: 'button' }, { pointerdown: () => order('pressed') }, 'Checkout by press'],
  ['div', { id: 'div', className: 'checkout', role: 'button', tabIndex: 0 },
    { click: () => order('div'), keydown: (event) => { if (event.key === 'Enter') order('div'); } }, 'Checkout by div'],
];
