"""The process that speaks to a model: `python -m precedent.llm.child`.

Its first line of input is a `Connection`, each further one a `Question`; each is answered with a line, `Answered` or
`Failed`. It is started with a scrubbed environment and ends with its input. Clients try nothing twice by themselves:
an answer that got lost may have been paid for, and who asks decides.
"""

import asyncio
import os
import sys
from typing import Any

import msgspec

from .contract import Answered, Connection, Failed, Question

TRANSIENT = frozenset({408, 409, 425, 429})
MAX_ERROR = 500
_NAME = "report"


def main() -> None:
    """Answer questions until the input ends."""
    output = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a client prints must not get between the answers
    lines = sys.stdin.buffer
    connection = msgspec.json.decode(lines.readline(), type=Connection)
    for line in lines:
        answer = _ask(connection, msgspec.json.decode(line, type=Question))
        output.write(msgspec.json.encode(answer) + b"\n")


def _ask(connection: Connection, question: Question) -> Answered | Failed:
    try:
        import pydantic_ai  # noqa: PLC0415, F401  # an extra; told as a setting that is wrong when it is missing
    except ImportError as error:
        reason = f"asking a model needs the extra `model`: pip install 'precedent[model]' ({error})"
        return Failed(transient=False, error=reason)
    return asyncio.run(_asked(connection, question))


async def _asked(connection: Connection, question: Question) -> Answered | Failed:
    from pydantic_ai.direct import model_request  # noqa: PLC0415  # see `_ask`
    from pydantic_ai.exceptions import (  # noqa: PLC0415
        AgentRunError,
        ModelAPIError,
        ModelHTTPError,
        UnexpectedModelBehavior,
        UserError,
    )
    from pydantic_ai.messages import ModelRequest, SystemPromptPart, UserPromptPart  # noqa: PLC0415
    from pydantic_ai.models import ModelRequestParameters  # noqa: PLC0415
    from pydantic_ai.tools import ToolDefinition  # noqa: PLC0415

    shape = ToolDefinition(
        name=_NAME, description="What was found.", parameters_json_schema=question.schema, strict=True
    )
    parameters = ModelRequestParameters(output_mode="tool", output_tools=[shape], allow_text_output=False)
    messages = [ModelRequest(parts=[SystemPromptPart(question.system), UserPromptPart(question.text)])]
    try:
        model = _model(connection)
        response = await model_request(
            model,
            messages,
            model_settings={"max_tokens": question.max_tokens, "temperature": 0.0},
            model_request_parameters=parameters,
        )
    except ModelHTTPError as error:
        transient = error.status_code in TRANSIENT or error.status_code >= 500
        return _failed(error, transient=transient, retry_after_s=error.retry_after or 0.0)
    except UserError as error:
        return _failed(error, transient=False)
    except UnexpectedModelBehavior as error:
        # Something came back that no client understands: it was paid for, and is no answer.
        return Answered(text=f"unusable: {error}"[:MAX_ERROR], input_tokens=0, output_tokens=0)
    except (ModelAPIError, AgentRunError, OSError, TimeoutError) as error:
        return _failed(error, transient=True)
    usage = response.usage
    return Answered(text=_text(response), input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)


def _text(response: Any) -> str:
    """Return the arguments of the call that was wanted; of servers that call nothing, what they said instead."""
    calls = [part for part in response.parts if part.part_kind == "tool-call" and part.tool_name == _NAME]
    if calls:
        return str(calls[0].args_as_json_str())
    return "".join(part.content for part in response.parts if part.part_kind == "text")


def _failed(error: Exception, *, transient: bool, retry_after_s: float = 0.0) -> Failed:
    said = f"{type(error).__name__}: {error}"[:MAX_ERROR]
    return Failed(transient=transient, error=said, retry_after_s=retry_after_s)


def _model(connection: Connection) -> Any:
    """Return the model, with a client that tries once."""
    given: dict[str, Any] = {"max_retries": 0, "timeout": connection.timeout_s}
    given["api_key"] = connection.api_key or "none"
    if connection.base_url:
        given["base_url"] = connection.base_url
    if connection.provider == "anthropic":
        from anthropic import AsyncAnthropic  # noqa: PLC0415  # only the one that is asked
        from pydantic_ai.models.anthropic import AnthropicModel  # noqa: PLC0415
        from pydantic_ai.providers.anthropic import AnthropicProvider  # noqa: PLC0415

        return AnthropicModel(connection.model, provider=AnthropicProvider(anthropic_client=AsyncAnthropic(**given)))
    from openai import AsyncOpenAI  # noqa: PLC0415
    from pydantic_ai.models.openai import OpenAIChatModel  # noqa: PLC0415
    from pydantic_ai.providers.openai import OpenAIProvider  # noqa: PLC0415

    return OpenAIChatModel(connection.model, provider=OpenAIProvider(openai_client=AsyncOpenAI(**given)))


if __name__ == "__main__":
    main()
