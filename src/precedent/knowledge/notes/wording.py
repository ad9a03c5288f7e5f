"""Which sentences of a note state a fact or a convention, by their words; precision comes before recall."""

# ruff: noqa: E501, RUF001  # a pattern is easier to read on one line, and people type dashes

import re

_LEFT_OUT = re.compile(
    r"""(?ix)\b(?:
        to-?\s?dos? | tasks? | backlog | road\s?map | next\ steps? | in\ progress | current(?:ly)?\b.* | status | session | progress
      | change\s?log | history | scratch(?:pad)? | drafts? | ideas? | open\ questions? | my | me | personal | about\ me | preferences?
      | tone | persona | communication | response | responding | behaviou?r(?:al)? | interaction | working\ with | how\ to\ work
      | (?:for|to)\ (?:the\ )?(?:agent|assistant|claude|codex|gemini)s? | instructions?\ (?:for|to) | local\ (?:setup|machine|paths?)
    )\b"""
)
_GENERIC = frozenset(
    """conventions rules notes general guidelines overview development basics important misc other project about readme facts
    background context introduction standards decisions memory style summary details principles knowledge documentation""".split()
)

_NOT_STATED = re.compile(
    r"""(?ix)
      \[[ x]\] | \b(?:to-?do|fixme|wip|tbd|tbc|xxx)\b | \[REDACTED: | \?\s*$
    | (?:^|[\s`"'(=])(?:~/|/home/|/Users/|/root/|[A-Z]:\\) | \$HOME\b
    | \b(?:I|I'm|I've|I'd|me|my|mine|myself)\b
    | \b(?:you|your|yours|yourself)\b
    | \b(?:claude|codex|gemini|copilot|chatgpt|(?:the|this|any|every|coding)\ (?:agent|assistant|model)|(?:sub-?)?agents?\ (?:must|should|may)|AI)\b
    | \b(?:yesterday|today|tomorrow|tonight|right\ now|this\ (?:week|session|conversation|chat|branch|pr)|at\ the\ moment|currently)\b
    | \b(?:please|let\ me\ know|remind\ me|step\ by\ step|as\ an?\ expert|user'?s\ request|was(?:n't|\ not)?\ (?:asked|requested)|clarif(?:y|ying|ication)s?)\b
    | ^(?:if|when(?:ever)?|before|after|unless|while|for)\b[^,.;]*,\s*(?:ask|stop|say|present|name|confirm|tell|explain|wait|mention|report
        |summari[sz]e|think|pause|use\ (?:your\ )?(?:best\ )?judge?ment)\b
    """
)
_TO_THE_AGENT = re.compile(
    r"""(?ix)^(?:(?:always|never|do\ not|don'?t|only|first|then|also|before\ \w+ing,?|when\ asked,?)\s+)*
    (?:ask|answer|respond|reply|explain|apologi[sz]e|think|assume|guess|remember|mention|tell|say|show|confirm|wait|stop|start|begin
      |continue|proceed|read|look|see|check|search|find|open|consult|refer|review|verify|inspect|explore|examine|list|print|summari[sz]e
      |make\ sure|ensure|be|act|behave|pretend|let|try|consider|plan|propose|suggest|offer|provide|give|note|ignore|forget|focus
      |implement|fix|add|create|write|update|edit|change|delete|remove|refactor|rename|generate|install|download|fetch|curl|execute
      |run|commit|push|work|keep|follow|go|do|set|get|move|copy|clean|help|pay|take|treat|apply|complete|finish|report|switch)\b"""
)
_CONVENTION = re.compile(
    r"""(?ix)^(?:
        (?:use|prefer|avoid|no|only|all|every|each|any|none)\b
      | (?:always|never|do\ not|don'?t)\s+(?:use|prefer|commit|push|merge|deploy|release|store|log|call|import|depend|mix|hard-?code|put|write|edit
          |change|run|add|create|delete|rename|expose|return|raise|catch|mock|skip|bypass|access|modify|generate|go|keep|delete|rebase|force-push|squash)\b
    )"""
)
_VERB = re.compile(
    r"""(?ix)\b(?:
        is|are|was|were|means?|uses?|lives?|stands?|runs?|must|should|shall|may|can|cannot|can't|has|have|needs?|requires?|belongs?|contains?
      | goes|comes?|returns?|serves?|listens?|stores?|holds?|keeps?|starts?|ends?|begins?|defaults?|depends?|follows?|counts?|refers?|reads?|writes?
      | does\ not|doesn't|do\ not|don't|isn't|aren't|never|always|gets?|takes?|gives?|sends?|owns?|deploys?|builds?|ships?|happens?|expires?
      | (?:we|it)\ \w+ | \w+ed\ (?:in|on|by|with|to|from|as|at|under|per)
    )\b"""
)
_TERM = re.compile(r"^`?[\w./@ -]{2,40}`?\s*(?::|—|–|\s-)\s+\S+(?:\s+\S+)+")
_NO_REFERENT = re.compile(
    r"(?i)^(?:it|this|that|these|those|they|he|she|such|so|then|also|but|and|or|otherwise|therefore|hence|instead|however)\b"
)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_STRONG = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")


def without_markup(text: str) -> str:
    """Return a sentence without what only makes it bold, or leads elsewhere."""
    return _STRONG.sub(r"\2", _LINK.sub(r"\1", text)).strip()


def heading_of(text: str) -> str:
    """Return a heading as a statement may begin with it."""
    return without_markup(text.rstrip().rstrip("#")).strip(" :.`*_")


def is_left_out(heading: str) -> bool:
    """Tell whether what stands below a heading is no knowledge, whatever it says."""
    return _LEFT_OUT.search(heading) is not None


def is_generic(heading: str) -> bool:
    """Tell whether a heading says nothing that a statement below it needs."""
    words = re.findall(r"[a-z]+", heading.casefold())
    return not words or len(words) > 6 or all(word in _GENERIC or word in {"and", "the", "our"} for word in words)


def states(words: str, *, led: bool = False) -> bool:
    """Tell whether a sentence states a fact or a convention.

    Args:
        words: the sentence without markup.
        led: a line above it says what it is about.
    """
    if words.endswith(":") or _NOT_STATED.search(words) or (_NO_REFERENT.match(words) and not led):
        return False
    if _CONVENTION.match(words):
        return True
    if _TO_THE_AGENT.match(words):
        return False
    return led or _TERM.match(words) is not None or _VERB.search(words) is not None
