"""The data card, which describes an exported company, how to generate it again and its true parameters.

Contains: the values on the card. Out of scope: its wording (templates/data_card.md.j2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import jinja2
import pyarrow as pa
import yaml

from saas_platform.company.config import COMPANY_VERSION, CompanyConfig
from saas_platform.company.truth import ACCOUNT_MONTHS_SCHEMA, CAMPAIGNS_SCHEMA
from saas_platform.schema import TABLES

_TRUTH = {"account_months": ACCOUNT_MONTHS_SCHEMA, "campaigns": CAMPAIGNS_SCHEMA}


def data_card(config: CompanyConfig, as_of: datetime, rows: Mapping[str, int], form: str) -> str:
    """Return the card as Markdown.

    `rows` has the number of rows of each table. Tables of the truth are named `truth/NAME` in it.
    """
    template = jinja2.Environment(
        loader=jinja2.PackageLoader("saas_platform.company"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    ).get_template("data_card.md.j2")
    return template.render(
        config=config,
        knobs=config.to_yaml(),
        as_of=as_of.date(),
        version=COMPANY_VERSION,
        form=form,
        rows=rows,
        tables=list(TABLES.values()),
        truth={name: _described(of) for name, of in _TRUTH.items() if f"truth/{name}" in rows},
        parameters=yaml.safe_dump(
            _plain(asdict(config.parameters)), sort_keys=False, default_flow_style=None
        ),
    )


def _described(schema: pa.Schema) -> dict[str, Any]:
    """Return what a schema of the truth says of its columns, and the words that it defines."""
    return {
        "columns": [
            (each.name, each.type, each.metadata[b"description"].decode()) for each in schema
        ],
        "words": {word.decode(): said.decode() for word, said in (schema.metadata or {}).items()},
    }


def _plain(value: Any) -> Any:
    """Return the value with its tuples turned into lists, because YAML has no tuples."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
