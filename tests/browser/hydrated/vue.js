const { h, ref, onMounted, watchEffect } = Vue;
const HANDLERS = { click: 'onClick', pointerdown: 'onPointerdown', keydown: 'onKeydown', submit: 'onSubmit' };

function handlers(events) {
  return Object.fromEntries(Object.entries(events).map(([name, run]) => [HANDLERS[name], run]));
}

Vue.createSSRApp({
  setup() {
    const quantity = ref(START.quantity), drawn = ref(0);
    // Once hydrated, everything is drawn anew, as after a change of route.
    onMounted(() => setTimeout(() => { drawn.value = 1; }, 100));
    watchEffect(() => { document.documentElement.dataset.drawn = drawn.value; }, { flush: 'post' });
    const send = (event) => { event.preventDefault(); order('form'); };
    const look = ({ className, tabIndex, ...rest }) => ({ class: className, tabindex: tabIndex, ...rest });
    return () => h('main', { key: drawn.value }, [
      h('p', { class: 'ad' }, 'Become a member'),
      h('table', null, [h('tbody', null, [h('tr', { class: 'line' }, [
        h('td', { class: 'name' }, 'Drill'), h('td', { class: 'sku' }, 'A-1'),
        h('td', { class: 'quantity' }, String(quantity.value)), h('td', { class: 'price' }, '12,50')])])]),
      h('button', { id: 'more', type: 'button', onClick: () => more().then((now) => { quantity.value = now; }) }, 'One more'),
      ...CONTROLS.map(([tag, attributes, events, text]) => h(tag, { ...look(attributes), ...handlers(events) }, text)),
      h('form', { class: 'checkout', action: '/checkout', onSubmit: send }, [
        h('input', { id: 'note', name: 'note' }), h('button', { id: 'send' }, 'Send')]),
      h('buy-now'),
    ]);
  },
}).mount('#app');
