/** Texts in Unicode NFC. */

/** Characters below U+0300 compose with nothing and have no shorter form. */
const MAY_COMPOSE = /[^\0-\u02ff]/;

/** A text in Unicode NFC. Nearly all are so already, which a look at their characters shows. */
export const nfc = (text: string): string => (MAY_COMPOSE.test(text) ? text.normalize('NFC') : text);
