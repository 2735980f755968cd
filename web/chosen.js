// The adapter that inputs are tried on, which several parts of the page choose and show.

const listeners = [];
let current = null;

export const chosen = {
  get: () => current,
  set(adapter) {
    current = adapter;
    listeners.forEach((listener) => listener(adapter));
  },
  onChange: (listener) => listeners.push(listener),
};
