// Soft hyphens in long Dutch names. Browsers without a Dutch dictionary, which they fetch from the
// internet, break a word without a hyphen and anywhere.

const LONG = 10; // letters from which a word gets them
const SOFT = "\u00ad";

// Second parts of compound names, before which a word may break.
const PARTS = [
  "advies", "afdeling", "balie", "beheer", "belasting", "centrum", "contact", "dienst", "handhaving",
  "huis", "hulp", "jeugd", "loket", "milieu", "onderwijs", "ontwikkeling", "plein", "punt", "ruimte",
  "stad", "team", "toezicht", "verlening", "vergunning", "voorziening", "werk", "zaak", "zaken", "zorg",
];
const PLACES = new RegExp(
  `(?<=\\p{L}{3})(?=(?:${PARTS.join("|")})|[bdfgklmnprstvz]ing(?:en)?(?!\\p{L}))`, "giu");

// "Klantcontactcentrum" with a soft hyphen before "contact" and before "centrum".
export function soften(name) {
  return name.replace(/\p{L}+/gu, (part) => (part.length < LONG ? part : part.replace(PLACES, SOFT)));
}
