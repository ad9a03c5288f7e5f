"""Which words speak for a statement, and which against one: the one table of weights, thousandths."""

# ruff: noqa: E501  # a pattern is easier to read on one line

import re
from typing import NamedTuple

from precedent.knowledge.model import Kind


class Cue(NamedTuple):
    """One sign.

    Attributes:
        name: for reports.
        weight: what it adds; negative of signs against.
        pattern: searched in one sentence, case ignored.
        kind: what it makes of the sentence; None when it only strengthens or weakens.
    """

    name: str
    weight: int
    pattern: re.Pattern[str]
    kind: Kind | None = None


def _cue(name: str, weight: int, pattern: str, kind: Kind | None = None) -> Cue:
    return Cue(name, weight, re.compile(pattern, re.IGNORECASE | re.VERBOSE), kind)


_NEGATION = r"(?:no|nope|nah|wrong|incorrect|false|not\ (?:quite|really|exactly|true|correct|right))"
_THING = r"(?:the|our|a|an|each|every|all|any|[a-z]\w*'s)\s+(?:[\w`'./-]+\s+){0,6}?"
_MANY = r"(?:[a-z][\w-]+\s+)?[a-z]\w+s\s+(?:[\w`'./-]+\s+){0,2}?(?:are|were|have|must|live|run|need|get|go|come|stay|belong|mean|should|may|can'?t|cannot|never|always)"
HOLDS = (
    r"(?:is|are|was|were|has|have|isn'?t|aren'?t|wasn'?t|doesn'?t|don'?t|does\ not|do\ not|keeps?|uses?|lives?|runs?|belongs?"
    r"|owns?|holds?|returns?|means?|needs?|requires?|depends?|expects?|contains?|stores?|goes|go|comes?|stays?|works?"
    r"|includes?|excludes?|covers?|applies|apply|allows?|triggers?|matches|maps?|points?|pulls?|happens?|starts?|ends?|fires?|counts?|sends?|reads?|writes?|takes?|gives?|supports?|removes?|creates?|must|should|shall"
    r"|can'?t|cannot|can\ only|may\ not|will|won'?t|never|always)"
)
_RULE = r"(?:must(?:n'?t|\ not)?|should(?:n'?t|\ not)?|ha(?:s|ve)\ to|needs?\ to|may\ not|shall|cannot|can'?t|is\ to\ be|are\ to\ be)"

_ORDERS = (
    r"add|fix|run|write|create|remove|delete|rename|change|update|make|use|put|move|check|look|show"
    r"|explain|commit|push|do|try|read|reply|output|count|continue|go|open|start|stop|test|implement"
    r"|refactor|revert|build|install|generate|give|tell|find|list|print|set|keep|take|ignore|include"
    r"|wrap|rerun|retry|merge|rebase|review|summarize|describe|replace|investigate|search|call"
    r"|execute|respond|return|answer|ask|wait(?!,)|drop|skip|apply|bump|split|convert|delegate"
    r"|exclude"
)

CORRECTIONS = (
    _cue("refusal", 450, rf"^(?:(?:oh|ah|hm+|ok(?:ay)?|uh|well|sorry)[.,]?\s+)*{_NEGATION}\b\s*[,.:;!-]", Kind.CORRECTION),
    _cue("refusal, bare", 350, r"^no\s+(?:it|that|this|the|we|they|you|our|wait|because|since|remove|revert|don'?t)\b", Kind.CORRECTION),
    _cue("wrong", 500, r"\b(?:is|are|was|were|that'?s|it'?s)\s+(?:just\s+|simply\s+|also\s+)?(?:not\s+(?:fully\s+|quite\s+|entirely\s+|really\s+)?(?:true|right|correct|accurate|how|what\s+we)|wrong|incorrect|outdated|backwards)\b", Kind.CORRECTION),
    _cue("the wrong one", 470, r"\b(?:that'?s|that\s+is|this\s+is|it'?s)\s+the\s+wrong\s+\w|\b(?:you(?:'re|\s+are)?|you've)\s+(?:using|used|editing|edited|looking\s+at|in)\s+the\s+(?:wrong|old)\s+\w", Kind.CORRECTION),
    _cue("not a bug", 480, r"\b(?:it'?s|that'?s|this\s+is|it\s+is|that\s+is|is)\s+not\s+an?\s+(?:bug|error|mistake|problem|typo|regression|issue)\b", Kind.CORRECTION),
    _cue("deprecated", 440, r"\b(?:is|are)\s+(?:deprecated|obsolete|read[- ]only|append[- ]only|end\s+of\s+life)\b", Kind.CORRECTION),
    _cue("overlooked", 520, r"\byou(?:'ve|\s+have)?\s+(?:forgot(?:ten)?|missed|overlooked|ignored?)\s+that\b", Kind.CORRECTION),
    _cue("we have none", 340, r"^(?:no,?\s+)?we\s+(?:don'?t|do\s+not)\s+have\s+(?!to\b|time\b)(?!.*\byet\b)", Kind.CORRECTION),
    _cue("actually", 350, r"^(?:actually|in\ fact|wait|hold\ on|hang\ on)\b[,:]?\s", Kind.CORRECTION),
    _cue("objection", 350, r"^(?:sure|yes|yeah|right|ok(?:ay)?|fine|fair)?[,.]?\s*but\s", Kind.CORRECTION),
    _cue("on purpose", 500, r"\b(?:on\ purpose|by\ design|intentional(?:ly)?|deliberate(?:ly)?|is\ expected|as\ intended)\b", Kind.CORRECTION),
    _cue("not this but that", 350, r"(?:,\s*not\s+(?!sure|yet)\w|\bnot\s+(?:the\s+|a\s+|on\s+|in\s+|from\s+|with\s+)?[\w`'./-]+(?:\s[\w`'./-]+){0,4},?\s+but\s|\binstead\s+of\b|\brather\s+than\b|\bno\s+longer\b|\bnot\s+any\s?more\b)", Kind.CORRECTION),
    _cue("should be", 200, r"\bshould\s+(?:be|not|only|never|always)\b|\bshouldn'?t\b", Kind.CORRECTION),
    _cue("misread", 450, r"^(?:no[,.]?\s+)?(?:i\s+mean(?:t)?|i(?:'m|\ am)\s+(?:talking|speaking)\s+about|you(?:'re|\ are|\ have)?\s+(?:mixing|confus\w+|misread\w*|misunderst\w+|missing|mistaken))\b", Kind.CORRECTION),
    _cue("the issue", 360, r"\bthe\s+(?:issue|problem|bug|point|reason|error)\s+(?:is|was)\s+(?:for|with|in|that|not|only|about)\b", Kind.CORRECTION),
    _cue("we removed", 420, r"\bwe(?:'ve|\ have)?\s+(?:already\s+)?(?:removed|dropped|deprecated|renamed|moved|replaced|migrated|switched|stopped|abandoned|retired|forbid|decided)\b", Kind.CORRECTION),
    _cue("checked", 430, r"\bi\s+(?:just\s+)?(?:checked|looked\s+it\s+up|verified|confirmed)\b|\bthe\s+docs?\s+(?:say|states?)\b", Kind.CORRECTION),
    _cue("too risky", 350, r"\bthe\s+risk\b|\btoo\s+(?:risky|dangerous)\b", Kind.CORRECTION),
)  # fmt: skip
"""Only after something that an agent said or did."""

DEFINITIONS = (
    _cue("meaning", 600, r"(?<!this\s)(?<!that\s)(?<!it\s)(?<!which\s)\bmeans\b|\b(?:stands\s+for|refers\s+to|is\s+defined\s+as|is\s+short\s+for|is\s+what\s+we\s+call|we\s+call|by\s+[\w\s`'-]{2,40}\s+we\s+mean|is\s+called)\b", Kind.DEFINITION),
    _cue("our house", 450, r"^(?:note[,:]?\s+|fyi[,:]?\s+|remember[,:]?\s+|so\s+|and\s+)?(?:in|at|for|within|across)\s+(?:our|this|the)\s+(?:[\w-]+\s+){0,2}(?:project|repo(?:sitory)?|code\s?base|company|team|org(?:anisation|anization)?|data|warehouse|schema|api|product|domain|service|app|monorepo|house)\b", Kind.DEFINITION),
    _cue("we always", 550, r"\b(?:we|people|everybody|everyone)\s+(?:only\s+|explicitly\s+|strictly\s+)?(?:always|never|only|usually|typically|generally|explicitly|by\s+default|exclusively|consistently)\b", Kind.DEFINITION),
    _cue("we do", 420, r"\bwe\s+(?:don'?t|do\s+not|use|keep|name|call|store|write|run|deploy|release|treat|count|track|prefer|support|require|ship|host|tag|version|log|follow|rely\s+on|do)\s+(?!have\b|know\b|need\s+to\s+(?:commit|wait)\b|want\s+to\b)\w", Kind.DEFINITION),
    _cue("we must", 330, rf"\bwe\s+{_RULE}\b", Kind.DEFINITION),
    _cue("ours", 330, rf"\bour\s+(?:[\w-]+\s+){{1,4}}{HOLDS}\b", Kind.DEFINITION),
    _cue("standing order", 550, r"^(?:please\s+|and\s+|but\s+|so\s+|also[,]?\s+)?(?:never|always|don'?t\s+ever|under\s+no\s+circumstances|from\s+now\s+on|in\s+(?:the\s+)?future|going\s+forward|as\s+a\s+rule|by\s+convention)\b[,]?\s+\w", Kind.DEFINITION),
    _cue("for the record", 400, r"^(?:fyi|for\s+(?:context|the\s+record|reference|future\s+reference)|heads\s+up|note\s+that|keep\s+in\s+mind|bear\s+in\s+mind|remember\b|just\s+so\s+you\s+know|background)\b", Kind.DEFINITION),
    _cue("make sure", 390, r"\b(?:make\s+sure|ensure)\b.{3,}\b(?:always|never|once|whenever|every|any|all|each|only|told|ask|should|must|won'?t|doesn'?t)\b", Kind.DEFINITION),
    _cue("it must", 330, rf"(?:^|[,;]\s|\bthat\s){_THING}{_RULE}\s+(?!we\b|i\b)\w", Kind.DEFINITION),
    _cue("they must", 420, r"^(?:so\s+|and\s+|but\s+)?[a-z]\w+s\s+(?:[\w`'./-]+\s+){0,2}?(?:must|may\s+(?:not|only)|have\s+to|need\s+to)\s+(?!we\b|i\b)\w", Kind.DEFINITION),
    _cue("acronym", 520, r"^(?:fyi[,:]?\s+|and\s+|btw[,]?\s+)?(?-i:[A-Z][A-Z0-9]{1,6}s?)\s+(?:is|are|=)\s+(?!red\b|green\b|down\b|broken\b|failing\b|slow\b|not\b|still\b|running\b|done\b)(?:\S+\s+){2,}", Kind.DEFINITION),
    _cue("it needs to be", 380, r"\bit\s+(?:needs\s+to|has\s+to|must)\s+be\b", Kind.DEFINITION),
    _cue("place", 420, rf"(?:^|[,;]\s){_THING}(?:lives?\s+(?:in|on|under|at)|(?:is|are)\s+(?:stored|kept|located|found|owned|generated|deployed|hosted|defined|maintained|documented|recorded)\b|belongs?\s+to|runs?\s+on|depends?\s+on|is\s+responsible\s+for|is\s+deprecated|comes?\s+from)", Kind.DEFINITION),
    _cue("separable", 330, r"\b(?:is|are)\s+(?:fully|completely|strictly|always|never|only|explicitly|exclusively)\s+\w", Kind.DEFINITION),
)  # fmt: skip

FOR = (
    _cue("general", 180, r"\b(?:always|never|every|everywhere|wherever|whenever|anywhere|nobody|everybody|everything|nowhere|only|all|any|by\s+default|in\s+general|generally|each|convention|policy|rule|standard|explicitly|specific\s+to)\b"),
    _cue("reason", 120, r"\b(?:because|since|so\s+that|otherwise|due\s+to|that'?s\s+why|to\s+avoid|to\s+not)\b"),
    _cue("identifier", 80, r"`[^`\n]+`|\b\w+_\w+\b|(?-i:\b[a-z]+[A-Z]\w+\b|\b[A-Z][a-z]+[A-Z]\w*\b)|\b[\w-]+/[\w-]+\b"),
    _cue("there is none", 180, r"\bthere\s+(?:is|are)\s+no\b|\b(?:this|it|that)\s+is\s+an?\s+\w+"),
    _cue("fact", 150, rf"(?:^|[,;:.-]\s|\bbut\s|\bno\s|\bthat\s)(?:{_THING}{HOLDS}|{_MANY}|(?-i:[A-Z][A-Z0-9]+s?)\s+{HOLDS})\b"),
    _cue("ours", 100, r"\b(?:we|our|us)\b"),
)  # fmt: skip

AGAINST = (
    _cue("hedge", -260, r"\b(?:i\s+(?:think|guess|feel|wonder|suppose|believe|assume)|maybe|perhaps|probably|not\s+sure|might|i'?m\s+(?:wondering|confused|questioning|not\s+sure)|seems?|looks?\s+like|feels?\s+like|kind\s+of|i\s+bet)\b"),
    _cue("request", -450, r"^(?:ok(?:ay)?[,.]?\s+|so[,]?\s+|and\s+|now[,:]?\s+|also[,]?\s+|then\s+|please\s+|yes[,.]?\s+|sure[,.]?\s+|yeah[,.]?\s+|no[,.]?\s+|oh[,]?\s+|hm+[,]?\s+)*(?:can|could|would|will)\s+(?:you|we|i)\b|\bplease\b|\bfor\s+me\b|\bplz\b"),
    _cue("proposal", -380, r"^(?:ok(?:ay)?[,.]?\s+|yeah[,]?\s+|so\s+|yes[,.]?\s+|and\s+|then\s+|but\s+)*(?:let'?s|let\s+me|how\s+about|what\s+if|what\s+about|i'?d\s+(?:like|love|rather)|i\s+want|i\s+need|i\s+would)\b"),
    _cue("order", -420, rf"^(?:ok(?:ay)?[,.]?\s+|so[,]?\s+|and\s+|now[,:]?\s+|also[,]?\s+|then\s+|yes[,.]?\s+|sure[,.]?\s+|yeah[,.]?\s+|no[,.:]?\s+|just\s+|first[,]?\s+|finally[,:]?\s+)*(?:{_ORDERS})\b(?!\s+(?:is|are|was|has|must|should|means)\b)"),
    _cue("order, behind", -300, rf"[,;]\s+(?:please\s+|so\s+|then\s+|and\s+)?(?:{_ORDERS})\s+(?:it|this|that|them|the)\b"),
    _cue("question", -520, r"\?[\"')\]]*\s*$"),
    _cue("asks back", -420, r",\s*(?:right|correct|no|yes|ok|isn'?t\s+it|doesn'?t\s+it|don'?t\s+we|aren'?t\s+they)\s*\?+\s*$"),
    _cue("asks", -420, r"^(?:and\s+|but\s+|so\s+|ok[,.]?\s+|question:\s*|oh[,]?\s+)*(?:what|why|how|where|when|who|which|is|are|do|does|did|was|were|has|have|should|can'?t|isn'?t|doesn'?t|don'?t\s+(?:we|you|i)|would|could|will)\b(?!\s+(?:we|the)\s+\w+\s+(?:is|are)\b)[^.]*$(?<!\.)"),
    _cue("narrative", -240, r"\b(?:i'?m|i\s+am|i\s+(?:just\s+)?(?:tried|ran|see|saw|get|got|noticed|did|have|had|found|did\s+not|didn'?t)|i'?ve|he|she|they\s+(?:had|did|said)|(?:a|my|the\s+other)\s+(?:coworker|colleague|dev|developer)|another\s+dev)\b"),
    _cue("now", -260, r"\b(?:for\s+now|right\s+now|just\s+now|this\s+time|today|yesterday|tomorrow|at\s+the\s+moment|in\s+this\s+(?:branch|pr|commit|session|turn|case)|this\s+(?:branch|pr|commit|change|session|turn|test|script|file)|temporar(?:y|ily)|above|below|just\s+fixed|the\s+current\s+(?:branch|commit|session))\b"),
    _cue("to me", -300, r"\b(?:show|tell|ask|give|send|let|remind)\s+me\b"),
    _cue("judgement", -300, r"\b(?:is|are|looks?)\s+(?:much\s+|way\s+|a\s+lot\s+)?(?:better|worse|nicer|fine|good|perfect|ugly)\b"),
    _cue("scripted", -700, r"\breply\s+with\b|\band\s+nothing\s+else\b|\brespond\s+with\b|\boutput\s+only\b|\bword:\s|\bthen\s+reply\b|\bdo\s+not\s+use\s+any\s+tools\b|\bend\s+your\s+turn\b"),
    _cue("sarcasm", -450, r"\b(?:yeah\s+right|oh\s+great|great\s+job|brilliant|genius|thanks\s+a\s+lot|as\s+if|sure\s+thing|wonderful|lovely)\b|/s\s*$|\b(?:lol|haha+|lmao)\b"),
    _cue("feeling", -250, r"\b(?:i\s+(?:love|like|hate|prefer)|thank(?:s|\s+you)|great|nice|cool|awesome|annoying|ugly|wtf|wth)\b"),
    _cue("supposed", -350, r"^(?:if|suppose|imagine|assume|say|assuming|hypothetically|let'?s\s+say)\b|\b(?:would|could)\s+(?:be|have|break|mean)\b"),
    _cue("you did", -250, r"\b(?:you\s+(?:just|did|didn'?t|broke|forgot|said|missed|added|removed|changed|have|were|are)|your\s+(?:change|code|fix|answer|plan|test))\b"),
    _cue("failing", -260, r"\b(?:fails?|failing|failed|broken|broke|doesn'?t\s+(?:work|compile|build)|not\s+working|crash(?:es|ed)?|error|bug)\b"),
    _cue("mere pointer", -180, r"^(?:this|that|it|these|those|there|here)\b"),
    _cue("roles", -600, r"^(?:you\s+are\s+(?:a|an|in|the)|your\s+task|objective:|goal:|scenario:|context:|requirements?:|act\s+as)\b"),
)  # fmt: skip
"""Which weigh on a sentence whatever speaks for it."""
