// Reasons in the language of the page: the mailroom writes them in Dutch, from a fixed set of clauses.
// Words that a person wrote stay as they are.

import { currentLanguage, languageName, word } from "/page/words.js";

const RULE = / \((?:zorg)?regel [^()]+\)/; // the page shows the rule beside the reason
const CODE = /^(?:held|[a-z]+_[a-z_]+): /; // for machines
const META = /^(\d+: )?(.*)$/s; // Meta's number of an error stays, to look it up

const WHOLE = [
  ["geen enkele regel past; dit is de afdeling voor de rest", "no rule matches; this department takes the rest"],
  ["na de groet kwam er niets meer; dit is de afdeling voor de rest", "nothing followed the greeting; this department takes the rest"],
  ["op het menu kwam geen antwoord; een medewerker leest het bericht", "the menu was not answered; an employee reads the message"],
  ["de inwoner wacht, en straks kan alleen nog een sjabloon worden verstuurd", "the citizen is waiting, and soon only a template can be sent"],
  ["te vaak doorgestuurd zonder antwoord; terug naar de afdeling voor de rest", "passed on too often without an answer; back to the department that takes the rest"],
  ["wacht tot de inwoner weer schrijft; Postkamer vraagt daar met een sjabloon om", "waits until the citizen writes again; Postkamer asks for that with a template"],
  ["wacht tot de inwoner weer schrijft; daar kon niet om worden gevraagd", "waits until the citizen writes again; that could not be asked"],
  ["de inwoner schreef langer dan 24 uur geleden: stuur een sjabloon", "the citizen wrote more than 24 hours ago: send a template"],
  ["dit nummer kan geen WhatsApp-bericht ontvangen", "this number cannot receive WhatsApp messages"],
  ["Meta neemt dit bericht nu niet aan; Postkamer probeert het opnieuw", "Meta does not accept this message now; Postkamer will try again"],
  ["Meta nam dit bericht niet aan, hoe vaak Postkamer het ook probeerde", "Meta did not accept this message, however often Postkamer tried"],
  ["zonder eigen sjabloon verstuurd, na 24 uur zonder bericht van de inwoner", "sent without a template of our own, after 24 hours without a message of the citizen"],
  ["Meta weigerde dit bericht", "Meta refused this message"],
  ["Meta heeft niet bevestigd of dit bericht is verstuurd", "Meta has not confirmed whether this message was sent"],
];
const NOUNS = {
  nieuw: "new", "nog onbeslist": "not decided yet", "al toegewezen": "assigned already",
  "al beantwoord": "answered already", heropend: "reopened", tekst: "text", foto: "photo", video: "video",
  spraakbericht: "voice note", bestand: "file", sticker: "sticker", locatie: "location",
  contactkaart: "contact card", keuze: "choice", knop: "button", reactie: "reaction", bestelling: "order",
};
const noun = (dutch) => NOUNS[dutch] ?? dutch;

// [pattern, English, what it names in English]; words that it quotes stay as they are.
const CLAUSES = [
  [/^"([^"]+)" staat erin$/, "the message says “$1”"],
  [/^"([^"]+)" staat erin \(vorm van "([^"]+)"\)$/, "the message says “$1”, a form of “$2”"],
  [/^"([^"]+)" staat erin \(samenstelling met "([^"]+)"\)$/, "the message says “$1”, a compound with “$2”"],
  [/^"([^"]+)" staat erin \(verkeerd gespeld: "([^"]+)"\)$/, "the message says “$1”, “$2” misspelled"],
  [/^er staat iets als "([^"]+)" in$/, "the message says something like “$1”"],
  [/^"([^"]+)" is gekozen uit het menu$/, "“$1” was chosen from the menu"],
  [/^gekozen is "([^"]+)"$/, "“$1” was chosen"],
  [/^de link noemt "([^"]+)"$/, "the link mentions “$1”"],
  [/^mogelijk gevaar \(zwakke tekenen, model (\S+)\)$/, "possible danger (weak signs, model $1)"],
  [/^mogelijk gevaar: (.+) \(zwakke tekenen, model (\S+)\)$/, "possible danger: $1 (weak signs, model $2)"],
  [/^het patroon past$/, "the pattern matches"],
  [/^regel \S+ past$/, "a rule matches"],
  [/^het kwam op dit nummer binnen$/, "it came in on this number"],
  [/^het is binnen de tijden van de regel$/, "it is within the hours of the rule"],
  [/^het label (\S+) staat erbij$/, "it has the label $1"],
  [/^de taal is (\w+)$/, "the language is $1", languageName],
  [/^het gesprek is (.+)$/, "the conversation is $1", noun],
  [/^het is een (\w+)$/, "it is a $1", noun],
  [/^het is (\w+)$/, "it is $1"],
  [/^([^;]+) is gesloten$/, "$1 is closed"],
  [/^er is te lang geen antwoord gegeven$/, "there was no answer for too long"],
  [/^er is lang niets meer gezegd$/, "nothing was said for a long time"],
  [/^niemand heeft de melding bevestigd$/, "nobody confirmed the alarm"],
  [/^overgedragen(: .+)?$/s, "passed on$1"],
  [/^samengevoegd met (.+)$/, "merged with $1"],
  [/^de virusscanner vond (.+)$/, "the virus scanner found $1"],
  [/^een medewerker stelde vast dat dit bericht is verstuurd( \(.+\))?$/s, "an employee found that this message was sent$1"],
  [/^een medewerker stelde vast dat dit bericht niet is verstuurd; het gaat nu opnieuw( \(.+\))?$/s,
    "an employee found that this message was not sent; it now goes again$1"],
];
// Between clauses, but not between the words that a clause quotes.
const JOINTS = [[/; /, "; "], [/ en (?=(?:[^"]*"[^"]*")*[^"]*$)/, " and "]];

// The sentence without its code and without its rule.
export function explain(reason = "") {
  const [, number = "", dutch] = META.exec(reason.replace(RULE, "").replace(CODE, "").trim());
  return number + (currentLanguage() === "nl" ? dutch.replace(/"([^"]+)"/g, "“$1”") : translate(dutch));
}

// The rule with its kind; "" for a choice that a person made.
export function ruleName(rule) {
  return rule && !rule.startsWith("_") ? `${word("desk.rule")} ${rule}` : "";
}

function translate(dutch) {
  const whole = WHOLE.find(([sentence]) => sentence === dutch);
  if (whole) return whole[1];
  const clause = CLAUSES.find(([pattern]) => pattern.test(dutch));
  if (clause) return fillIn(clause, dutch);
  const joint = JOINTS.find(([between]) => between.test(dutch));
  return joint ? dutch.split(joint[0]).map(translate).join(joint[1]) : dutch;
}

function fillIn([pattern, words, name = (named) => named], dutch) {
  const [, ...named] = pattern.exec(dutch);
  return words.replace(/\$(\d)/g, (_, place) => name(named[place - 1] ?? ""));
}
