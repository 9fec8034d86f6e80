"""Every field of a job file, from schemas/source.json."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from harness.reference.markdown import code, head, table

from chronos_gitops.jobs.schemas.schemas import load_schema

Schema = Mapping[str, Any]


def page() -> str:
    schema = load_schema()
    words = (
        f"{schema['description']} The schema itself: `chronos-gitops schema`, or "
        "[job.schema.json](../../schemas/job.schema.json). What is judged beyond it: [the rules](rules.md)."
    )
    rows = list(_rows(schema, schema, ""))
    return (
        "\n\n".join(
            [
                head("The job file", "schemas/source.json", words),
                table(("field", "type", "default", "meaning"), rows),
                *_examples(schema, schema, ""),
            ]
        )
        + "\n"
    )


def _rows(schema: Schema, whole: Schema, prefix: str) -> Iterator[tuple[str, str, str, str]]:
    for name, written in schema.get("properties", {}).items():
        field = _resolved(written, whole)
        required = name in schema.get("required", ())
        default = "required" if required else code(json.dumps(field["default"])) if "default" in field else ""
        yield code(prefix + name), _type(field), default, field.get("description", "")
        yield from _rows(field, whole, f"{prefix}{name}.")
        each = field.get("additionalProperties")
        if isinstance(each, dict) and "properties" in each:
            yield from _rows(each, whole, f"{prefix}{name}.NAME.")


def _examples(schema: Schema, whole: Schema, prefix: str) -> Iterator[str]:
    for name, written in schema.get("properties", {}).items():
        field = _resolved(written, whole)
        if "examples" in field:
            yield f"## {prefix}{name}"
            lines = (f"{name}: {json.dumps(example)}" for example in field["examples"])
            yield "\n".join(["```yaml", *lines, "```"])
        yield from _examples(field, whole, f"{prefix}{name}.")


def _resolved(schema: Schema, whole: Schema) -> Schema:
    reference = schema.get("$ref")
    return whole["definitions"][reference.rpartition("/")[2]] | {} if reference else schema


def _type(field: Schema) -> str:
    if "enum" in field:
        return " ".join(code(str(each)) for each in field["enum"])
    kind = field.get("type", "")
    words = [kind] if isinstance(kind, str) else list(kind)
    if isinstance(field.get("additionalProperties"), dict):
        each = field["additionalProperties"]["type"]
        kinds = [each] if isinstance(each, str) else [one for one in each if one != "null"]
        words = [f"map of {' or '.join(f'{one}s' for one in kinds)}"]
    if "title" in field:
        words = [field["title"]]
    low, high = field.get("minimum"), field.get("maximum")
    limits = [f"{low} to {high}"] if low is not None and high is not None else []
    limits += [f"at most {field['maxLength']} characters"] if "maxLength" in field else []
    return ", ".join([" or ".join(words), *limits])
