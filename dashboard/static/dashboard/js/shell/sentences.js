// What the server says in words, as a page begins and ends a sentence.

export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function sentence(text) {
  return /[.!?]$/.test(text) ? capital(text) : `${capital(text)}.`;
}
