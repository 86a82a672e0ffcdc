"""Recognise a whole text that is a greeting, thanks, or a word that opts out or in. Pure.

Every word must be known: an unknown word may be the subject, and then the text is no small talk. A
greeting has no subject yet, so it must not decide where a conversation goes; thanks ask for
nothing, so they make no task.

A lone `ja` or `nee` is neither: it may answer a question of the town hall, and then there is work
to do. `Ok`, `prima` and a thumb count as thanks, for they nearly always follow an answer.
"""

import itertools
import re
import string
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Literal

import msgspec

from services.language.words import ascii_words
from services.package_data import load_table

Kind = Literal["greeting", "thanks", ""]
Choice = Literal["stop", "start", ""]

LONGEST, LONGEST_OPT = 200, 60
"""Characters of small talk, and of an opt-out, at most; neither is longer in practice."""

HELLO, SALUTE, ASK, THANKS = "hello", "salute", "ask", "thanks"
ACK, CLOSING, TITLE, FILLER = "ack", "closing", "title", "filler"
"""Kinds of phrases; `small_talk.toml` describes them."""


class SmallTalk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`small_talk.toml`: kind -> language -> phrases, kind -> emoji, choice -> phrases, and name
    -> list of words."""

    phrases: dict[str, dict[str, str]]
    emoji: dict[str, str]
    opt: dict[Choice, str]
    words: dict[str, str]


def load_small_talk() -> SmallTalk:
    return load_table("router.text", "small_talk.toml", SmallTalk)


_FACES = re.compile("[:;=<]")
"""First characters of all emoticons."""
_EMOTICON = re.compile(r"[:;=<](?<!\w.)(?:'?-?[)\]DdPp]|3)(?!\w)")
_WORD = re.compile(r"[^\W_]+")
_MARK = re.compile("[\u0300-\u036f\u064b-\u0655]")  # accents, Arabic vowels
_SYMBOL = re.compile(r"[^\w\s\U0001f3fb-\U0001f3ff♀♂]")  # without skin tones
_REPEATED = re.compile(r"(.)\1+")
_QUESTION_MARK = re.compile("[?\uff1f\u061f]")


class _Node(msgspec.Struct):
    """Words that may follow here, and the kind of the phrase that ends here, '' for none."""

    following: dict[str, "_Node"] = {}
    kind: str = ""


class _PhraseIndex(msgspec.Struct, frozen=True):
    """Small talk, arranged for searching.

    `known`: all its words; `before_name`: initials and particles; `also_names`: these and names;
    `for_` and `favours`: words before and in a reason for thanks; `opts_first`: first letters of
    opt-outs and opt-ins.
    """

    phrases: _Node
    known: frozenset[str]
    before_name: frozenset[str]
    also_names: frozenset[str]
    for_: frozenset[str]
    favours: frozenset[str]
    emoji: dict[str, str]
    opts: dict[tuple[str, ...], Choice]
    opts_first: frozenset[str]


@cache
def _index() -> _PhraseIndex:
    """Build the index on first use: it takes 15 ms, and few commands need it."""
    small_talk = load_small_talk()
    words = {name: frozenset(listed.split()) for name, listed in small_talk.words.items()}
    names, before_name = words["names"], words["particles"].union(string.ascii_lowercase)
    phrases = [
        (phrase, kind) for kind in small_talk.phrases for phrase in phrases_of(small_talk, kind)
    ]
    known = before_name.union(*words.values(), *(phrase for phrase, _ in phrases))
    opts = {
        phrase: choice for choice, written in small_talk.opt.items() for phrase in _expand(written)
    }
    return _PhraseIndex(
        phrases=_build_tree([*phrases, *(((name,), FILLER) for name in names)]),
        known=known.union(map(_squeeze, known)),
        before_name=before_name,
        also_names=before_name | names,
        for_=words["for"],
        favours=words["favours"],
        emoji={symbol: kind for kind, symbols in small_talk.emoji.items() for symbol in symbols},
        opts=opts | {tuple(map(_squeeze, phrase)): choice for phrase, choice in opts.items()},
        opts_first=frozenset(phrase[0][0] for phrase in opts),
    )


def phrases_of(small_talk: SmallTalk, kind: str) -> Iterator[tuple[str, ...]]:
    """Yield all phrases of a kind, in all languages."""
    for written in small_talk.phrases[kind].values():
        yield from _expand(written)


def _expand(written: str) -> Iterator[tuple[str, ...]]:
    """Expand the choices in phrases: `a/b` gives two, and a word with a ? is in and out."""
    for phrase in written.split(","):
        choices = [w.rstrip("?").split("/") + [""] * w.endswith("?") for w in phrase.split()]
        for words in itertools.product(*choices):
            yield tuple(_words(" ".join(words)))


def _build_tree(phrases: list[tuple[tuple[str, ...], str]]) -> _Node:
    root = _Node()
    for phrase, kind in phrases:
        node = root
        for word in phrase:
            following = node.following.setdefault(word, _Node())
            node.following.setdefault(_squeeze(word), following)
            node = following
        node.kind = node.kind or kind
    return root


def small_talk_kind(text: str) -> Kind:
    """Return the kind of the whole text, '' if it is no small talk. Words weigh more than emoji:
    `hallo 🙏` asks for something. With a question mark it is no thanks."""
    kinds = _kinds(text) if len(text) <= LONGEST else frozenset()
    if ASK in kinds or (kinds & {HELLO, SALUTE} and THANKS not in kinds):
        return "greeting"
    return "thanks" if kinds & {THANKS, ACK, CLOSING} and not _QUESTION_MARK.search(text) else ""


def opt_choice(text: str) -> Choice:
    """Return the choice of the whole text about business-initiated messages: stop, start or
    neither."""
    if len(text) > LONGEST_OPT or _QUESTION_MARK.search(text):
        return ""
    words, index = _words(text), _index()
    if not words or words[0][0] not in index.opts_first:  # nearly all texts
        return ""
    return index.opts.get(tuple(words)) or index.opts.get(tuple(map(_squeeze, words)), "")


def _words(text: str) -> list[str]:
    """Return the words in lower case, without accents."""
    if text.isascii():  # most texts
        return ascii_words(text)
    folded = unicodedata.normalize("NFKD", text).casefold()
    return _WORD.findall(_MARK.sub("", folded).replace("ł", "l").replace("ı", "i"))


def _squeeze(word: str) -> str:
    """Reduce repeated letters to one: hallooo -> ~halo. The mark keeps halen apart from hallen."""
    return "~" + _REPEATED.sub(r"\1", word)


def _spellings(word: str) -> tuple[str, ...]:
    """Return the spellings by which a word may be known, the surest first: mooiii, mooi, ~moi."""
    if not _REPEATED.search(word):
        return (word,)
    return word, word.rstrip(word[-1]) + word[-1], _squeeze(word)


def _kinds(text: str) -> frozenset[str]:
    """Return the kinds of all phrases and emoji in a text; none if there is anything else in it."""
    if _FACES.search(text):
        text = _EMOTICON.sub("☺", text)
    kinds = _phrase_kinds(text)
    if kinds is not None and not text.isascii():
        emoji = _index().emoji
        symbols = (c for c in _SYMBOL.findall(text) if unicodedata.category(c)[0] not in "PCM")
        kinds.update(emoji.get(symbol, "") for symbol in symbols)
    return frozenset() if kinds is None or "" in kinds else frozenset(kinds)


def _phrase_kinds(text: str) -> set[str] | None:
    """Return the kinds of the phrases in a text; None if it has a word of no phrase."""
    words = _words(text)
    kinds: set[str] = set()
    at, kind = 0, ""
    while at < len(words):
        size = _name_size(words, at, kind) or (_favour_size(words, at) if THANKS in kinds else 0)
        kind = FILLER
        if not size:
            size, kind = _longest_phrase(words, at)
        if not size:  # nearly always at the first word or the second
            return None
        kinds.add(kind)
        at += size
    return kinds


def _longest_phrase(words: list[str], at: int) -> tuple[int, str]:
    """Return the number of words of the longest phrase that begins here, and its kind; 0 and '' for
    none."""
    node, size, kind = _index().phrases, 0, ""
    for end in range(at, len(words)):
        following = node.following.get(words[end]) or _follow_respelled(node, words[end])
        if not following:
            break
        node = following
        if node.kind:
            size, kind = end + 1 - at, node.kind
    return size, kind


def _follow_respelled(node: _Node, word: str) -> _Node | None:
    if not _REPEATED.search(word):
        return None
    known = (spelling for spelling in _spellings(word) if spelling in node.following)
    return next((node.following[spelling] for spelling in known), None)


def _favour_size(words: list[str], at: int) -> int:
    """Return the number of words of a reason for thanks that begins here, such as `voor de snelle
    reactie`, or 0."""
    index = _index()
    if words[at] not in index.for_:
        return 0
    favour = list(itertools.takewhile(index.favours.__contains__, words[at + 1 :]))
    return 1 + len(favour) if favour else 0


def _name_size(words: list[str], at: int, after: str) -> int:
    """Return the number of words of a name that begins here, after a phrase of this kind, or 0. A
    name has one unknown word, or at the end of a text up to two."""
    index = _index()
    if after == CLOSING:
        strange = list(itertools.filterfalse(index.also_names.__contains__, words[at:]))
        return len(words) - at if len(strange) <= 2 and all(map(_is_strange, strange)) else 0
    if after not in (SALUTE, TITLE):
        return 0
    before = list(itertools.takewhile(index.before_name.__contains__, words[at:]))
    name = at + len(before)
    return len(before) + 1 if name < len(words) and _is_strange(words[name]) else 0


def _is_strange(word: str) -> bool:
    return word.isalpha() and _index().known.isdisjoint(_spellings(word))
