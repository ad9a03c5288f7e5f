"""Orders to agents, commands, downloads, secrets: what a statement about a team's work has no need of."""

# ruff: noqa: E501  # a pattern is easier to read on one line

import re

from .characters import Rule

MAX_CHARS = 2_200


def _literal(name: str, text: str, pattern: str) -> Rule:
    return Rule(name, text, re.compile(pattern, re.IGNORECASE | re.VERBOSE))


LITERAL = (
    _literal("comment", "a comment that rendered text does not show", r"<!--.*?(?:-->|$)|\[//\]:\s*\#"),
    _literal("data", "content in an address", r"\bdata:[\w.+-]+/[\w.+-]+[;,]|\bjavascript:"),
    _literal("markup", "markup that acts", r"<\s*(?:script|iframe|img|svg|object|embed|style|link|meta|form|system|instructions?|assistant|tool)\b[^>]*>?"),
    _literal("image", "an image, which a client fetches by itself", r"!\[[^\]]*\]\([^)]*\)"),
    _literal("link", "a link away from here", r"\bhttps?://(?!localhost\b|127\.0\.0\.1\b|\[::1\])\S+"),
    _literal("secret", "what looks like a secret", r"\b(?:gh[pousr]_\w{20,}|sk-[\w-]{20,}|AKIA[0-9A-Z]{16}|xox[abprs]-[\w-]{10,}|eyJ[\w-]{10,}\.[\w-]{10,}\.)|-----BEGIN\s[A-Z ]*PRIVATE\sKEY-----|\b(?:password|passwd|secret|api[_-]?key|token)\s*[=:]\s*\S{6,}"),
    _literal("command", "a command that changes or fetches things", r"\b(?:curl|wget)\s+\S|\b(?:bash|sh|zsh|python3?|node|perl)\s+-c\b|\|\s*(?:ba|z)?sh\b|\brm\s+-[a-z]*[rf]|\bchmod\s+(?:\+x|777|-R)|\bsudo\s+\w|\beval\s*[\"'(`$]|\$\([^)]+\)|\bnc\s+-|\bbase64\s+-(?:d|-decode)|\bpowershell\b|\binvoke-(?:expression|webrequest)\b|\b(?:npx|uvx|pipx\s+run|npm\s+exec)\s+\S|\bgit\s+(?:push\s+--force|config\s+--global)|--dangerously-skip-permissions|--no-verify\b|\bcrontab\b|>\s*~?/(?:\.ssh|etc)/"),
)  # fmt: skip
"""Looked for in the text as it stands."""

_WHAT = r"(?:instructions?|rules?|prompts?|guidelines?|directions?|orders?|commands?|polic(?:y|ies)|constraints?|safeguards?|context|messages?)"
_BEFORE = r"(?:previous|prior|above|earlier|preceding|existing|all|any|other|system|your|the|these|those|my|initial|original|developer)"
_AGENTS = r"(?:ai|llm|claude|codex|gemini|copilot|gpt|chatgpt|assistant|agent|bot|model|language model)s?"


def _phrase(name: str, text: str, pattern: str) -> Rule:
    return Rule(name, text, re.compile(pattern))


PHRASES = (
    _phrase("directive", "an order to the agent", rf"\b(?:ignore|disregard|forget|override|bypass|overrule|skip|drop|discard|neglect|set aside|do not (?:follow|obey|respect)|don t (?:follow|obey)|stop following)\b.{{0,40}}\b(?:{_BEFORE} )+.{{0,30}}?\b{_WHAT}\b|\b(?:ignore|disregard|forget|override|bypass)\b.{{0,20}}\b(?:instructions?|rules|guidelines|safeguards)\b|\bforget everything\b|\bnew instructions?\b|\b(?:your|its|the) system prompt (?:with|before|to|and|in|at)\b|\bdeveloper mode\b|\bjailbreak|\bdo anything now\b|\byou are now\b|\bfrom now on,? you\b|\bact as (?:if|though|an? )|\bpretend (?:to be|that|you)\b|\broleplay\b"),
    _phrase("directive", "an order to the agent", rf"\b(?:attention|note|message|notice|instructions?|important)\b.{{0,12}}\b(?:to|for) (?:all |any |the |every |coding |other )*{_AGENTS}\b|^(?:dear |hey |hi |hello |to )(?:all |any )?{_AGENTS}\b|\b{_AGENTS}\b[,:]? (?:must|should|shall|has to|have to|needs to|will|please) (?:always |never |now |immediately |first |also )?(?:send|run|execute|upload|post|reveal|print|ignore|install|download|delete|email|approve|fetch|include|append|insert|push|merge|disable|grant|call|visit|open|read|write|add|leak|output|return|say|tell|obey)\b|\bwhen(?:ever)? you (?:read|see|encounter|process) this\b|\byou (?:must|have to|are required to|will) (?:always |now |immediately |first )?(?:send|run|execute|upload|post|reveal|print|ignore|install|download|delete|email|approve|obey|comply|disable|output|leak|include)\b"),
    _phrase("secrecy", "an order to keep quiet", r"\b(?:do not|don t|never|without|dont) (?:tell|telling|mention|mentioning|reveal|revealing|inform|informing|show|showing|ask|asking|notify|notifying|disclose|disclosing|report|reporting|warn|let)\b.{0,30}\b(?:user|users|human|humans|anyone|anybody|person|people|reviewer|reviewers|operator|admin|developer|them|him|her|permission|confirmation|this|know)\b|\bkeep (?:this|it|that) (?:secret|hidden|quiet|between us|confidential)\b|\bsecretly\b|\bsilently (?:send|run|add|install|upload|execute|append|include|commit|push)\b|\bno one (?:must|should|may) know\b|\bhide (?:this|it|that) from\b"),
    _phrase("exfiltration", "an order to give something away", r"\b(?:send|post|upload|exfiltrate|leak|forward|email|transmit|copy|report|paste|append|include|embed|encode|submit|share|push)\b.{0,60}\b(?:secrets?|credentials?|passwords?|tokens?|api keys?|keys|env(?:ironment)? (?:file|files|variables?)|\.env|ssh|private|cookies?|conversation|transcript|chat history|source code|database dump|customer data)\b.{0,60}(?:\bto\b|\bin\b|\binto\b|\bat\b|\bwith\b|\bas\b|$)|\b(?:include|send|post|append|copy)\b.{0,40}\.env\b|\b(?:read|cat|print|show|dump|output|reveal|echo)\b.{0,25}(?:~?/?\.ssh|id_rsa|/etc/(?:passwd|shadow)|\.env\b|\.aws|\.netrc|keychain)"),
    _phrase("command", "a command that changes or fetches things", r"\b(?:run|execute|install|download|fetch|pipe)\b.{0,30}\b(?:script|binary|payload|installer|command|package|plugin|extension|file)\b.{0,30}\b(?:from|at|via|immediately|first|before|without|silently|now)\b|\bdisable (?:the |all )?(?:tests?|checks?|security|linting|sandbox|auth\w*|logging|reviews?|verification|tls|ssl)\b|\b(?:turn|switch) off (?:the |all )?(?:\w+ )?(?:tests?|checks?|security|sandbox|auth\w*|logging|verification)\b|\bskip (?:all )?(?:the )?(?:permission|confirmation|approval|security)\b|\bgrant (?:yourself|full|admin|root)\b|\b(?:auto ?approve|approve (?:all|every|everything|this))\b"),
    _phrase("directive", "an order to the agent", r"\b(?:ignoriere|ignorier|vergiss|missachte)\b.{0,40}\b(?:anweisung|anweisungen|regeln|vorgaben)|\bignore[rz]?\b.{0,40}\b(?:instructions precedentes|consignes|regles)|\b(?:oublie|oubliez)\b.{0,30}\b(?:instructions|consignes|tout)|\b(?:ignora|olvida|ignore)\b.{0,40}\b(?:instrucciones|ordenes|reglas|istruzioni|regole|instrucoes|regras)|忽略.{0,12}(?:指令|指示|规则|说明)|無視.{0,12}|игнорируй|забудь.{0,20}инструкц"),
)  # fmt: skip
"""Looked for after disguises are undone; all lower case, one blank between words, without quotes and brackets."""
