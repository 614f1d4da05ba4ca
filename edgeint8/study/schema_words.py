"""A violation of the study file's schema as one line: the value, its place, what is allowed."""

from collections.abc import Iterable, Mapping
from typing import Any

from jsonschema.exceptions import ValidationError

from edgeint8.errors import ConfigError

LONGEST_VALUE = 60
_KINDS = {"array": "a list", "object": "keys with values", "boolean": "true or false"}


def refusal(error: ValidationError, root: Mapping[str, Any]) -> ConfigError:
    """The error to raise for a violation; `root` is the whole schema, for its ``$ref``.

    Of a choice (``anyOf``), every alternative is named, not only the one that came closest.
    """
    while error.parent is not None:
        error = error.parent
    rule, schema, where = error.validator, error.schema, error.json_path
    if rule == "additionalProperties":
        known = list(schema.get("properties", {}))
        unknown = [key for key in error.instance if key not in known]
        return ConfigError(f"unknown key {unknown[0]!r}", where=where, allowed=listed(known))
    if rule == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        allowed = words(schema.get("properties", {}).get(missing, {}), root)
        return ConfigError(f"{missing!r} is missing", where=where, allowed=f"{missing}: {allowed}")
    if rule == "uniqueItems":
        return ConfigError(f"{_short(error.instance)} repeats", where=where, allowed="each once")
    allowed = words(schema, root)
    return ConfigError(f"{_short(error.instance)} is not accepted", where=where, allowed=allowed)


def words(schema: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    """What a schema accepts, and what it is for: ``a whole number from 1 to 9 (samples used)``."""
    schema = resolved(schema, root)
    accepted = _accepted(schema, root)
    purpose = schema.get("description", "")
    return f"{accepted} ({purpose})" if accepted and purpose else accepted or purpose or "anything"


def listed(names: Iterable[Any]) -> str:
    """Names for a message."""
    return ", ".join(str(name) for name in names) or "nothing is defined"


def resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """`schema` with its ``$ref`` replaced by what that points to; its own keys win."""
    if "$ref" not in schema:
        return schema
    target: Any = root
    for part in schema["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return {**target, **{key: item for key, item in schema.items() if key != "$ref"}}


def _accepted(schema: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_accepted(resolved(item, root), root) for item in schema["anyOf"])
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return listed(schema["enum"])
    kind = schema.get("type")
    if kind in ("integer", "number"):
        return _number(schema)
    if kind == "array":
        return _list(schema, root)
    if kind == "string":  # a pattern is for machines: its description says it in words
        text = "text, not empty" if schema.get("minLength") else "text"
        return "" if "pattern" in schema and "description" in schema else text
    return _KINDS.get(str(kind), str(kind or ""))


def _number(schema: Mapping[str, Any]) -> str:
    limits = {
        "minimum": "from {}",
        "exclusiveMinimum": "above {}",
        "maximum": "to {}",
        "exclusiveMaximum": "below {}",
    }
    noun = "a whole number" if schema["type"] == "integer" else "a number"
    noun += f", a multiple of {schema['multipleOf']}," if "multipleOf" in schema else ""
    return " ".join([noun, *(form.format(schema[k]) for k, form in limits.items() if k in schema)])


def _list(schema: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    few, many = schema.get("minItems", 0), schema.get("maxItems")
    size = f" of {many}" if many is not None and many == few else " of at least one" if few else ""
    items = _accepted(resolved(schema.get("items", {}), root), root)
    return f"a list{size}" + (f", each {items}" if items else "")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."
