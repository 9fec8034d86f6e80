"""Secrets and their uses for people, for programs, and as bindings to paste."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from chronos_gitops.jobs.secrets.binding_lines import lines_to_paste
from chronos_gitops.jobs.secrets.usage import SecretState
from chronos_gitops.jobs.validation.quoting import printable

Item = Mapping[str, Any]


def render(items: Sequence[Item], style: Literal["text", "json", "toml"], jobs_folder: str) -> str:
    if style == "json":
        return json.dumps({"items": items}, ensure_ascii=False, indent=2) + "\n"
    lines = _toml(items, jobs_folder) if style == "toml" else _text(items)
    return "".join(f"{line}\n" for line in lines)


def _text(items: Sequence[Item]) -> list[str]:
    """``pay-key  missing  jobs/charge.yaml:14 headers.X-Key  https://api.example.com  next 2026-11-28T18:00:00Z``"""
    rows = [_row(item, use) for item in items for use in item["uses"] or [None]]
    widths = [max(len(row[column]) for row in rows) for column in range(5)] if rows else []
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _row(item: Item, use: Item | None) -> tuple[str, ...]:
    if use is None:
        return item["name"], item["state"], "", "", ""
    place = printable(f"{use['file']}:{use['line']} {use['field']}")
    following = f"next {item['next_use']}" if item["next_use"] else ""
    return item["name"], item["state"], place, use["origin"] or "-", following


def _toml(items: Sequence[Item], jobs_folder: str) -> tuple[str, ...]:
    """A binding for each secret that is used and has none; a refused one has one, though its caller may not see it."""
    unbound = [
        item for item in items if not item["folders"] and not item["origins"] and item["state"] != SecretState.REFUSED
    ]
    return lines_to_paste(
        ((item["name"], use["path"], use["origin"]) for item in unbound for use in item["uses"]), jobs_folder
    )
