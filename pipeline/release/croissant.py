"""croissant.json: the description of a release in MLCommons Croissant 1.0."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from pipeline.recipe import Recipe
from pipeline.release.citation import PAPER, release_date
from pipeline.release.layout import ANSWERS, ATTRIBUTION, REJECTED, ROOMS
from pipeline.release.totals import UNKNOWN_LICENSE, Totals
from transforms.shards.release_rows import ROOM_COLUMNS, ROW_COLUMNS, Column
from transforms.shards.source_columns import SOURCE_TYPE, SOURCES_TYPE
from transforms.shards.write_shard import METADATA
from transforms.sound.degree_files import degree_name

_TABLES = {
    ROOMS: "every room: size, absorption and T30, asked and measured, by octave band",
    ANSWERS: "every answer of the language model, kept or refused",
    REJECTED: "every input that was refused, and why",
    ATTRIBUTION: "licence, author and page of every clip",
}

#: The pages of known licences; another licence is named as in its list.
LICENSE_PAGES = {
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    **{
        f"CC-{kind.upper()}-{version}": f"https://creativecommons.org/licenses/{kind}/{version}/"
        for kind in ("by", "by-nc", "by-sa", "by-nd", "by-nc-sa", "by-nc-nd")
        for version in ("2.0", "2.5", "3.0", "4.0")
    },
}

#: The JSON-LD context of Croissant 1.0.
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "excludes": "cr:excludes",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def croissant_json(recipe: Recipe, totals: Totals, files: Mapping[str, str]) -> str:
    """The description as JSON text.

    The shards' Parquet files are one file set that is found beside this file, so that a reader takes them one after
    another, however many there are. `files` has the SHA-256 of the tables at the root.
    """
    values = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": recipe.name,
        "description": f"Captioned spatial audio: {totals.row_count} ambisonic clips of {recipe.dataset_name}.",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "citeAs": PAPER,
        "creator": {"@type": "sc:Organization", "name": f"The authors of the recordings of {recipe.dataset_name}"},
        "license": [LICENSE_PAGES.get(name, name) for name in totals.clip_licenses] or [UNKNOWN_LICENSE],
        "datePublished": release_date().isoformat(),
        "version": "1.0.0",
        "url": "README.md",
        "identifier": f"sha256:{totals.digest}",
        "isLiveDataset": False,
        "distribution": [
            *(_file(name, text, files[name]) for name, text in _TABLES.items()),
            _file_set("metadata", "the rows, a file a shard", "application/x-parquet", f"*/*/{METADATA}"),
            *_sound_files(recipe),
        ],
        "recordSet": [
            _record_set("rows", "one row a spatial sample", ROW_COLUMNS, {"fileSet": {"@id": "metadata"}}, "id"),
            _record_set("rooms", "one row a room", ROOM_COLUMNS, {"fileObject": {"@id": ROOMS}}, "room_id"),
        ],
    }
    return json.dumps(values, indent=1) + "\n"


def _file(name: str, text: str, sha256: str) -> dict[str, Any]:
    encoding = "text/csv" if name.endswith(".csv") else "application/x-parquet"
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "description": text,
        "contentUrl": name,
        "encodingFormat": encoding,
        "sha256": sha256,
    }


def _sound_files(recipe: Recipe) -> list[dict[str, Any]]:
    """The file sets of the sound: one of the rows' own files, and one for each higher degree."""
    own = _file_set("audio", "the sound, a file a row", "audio/flac", "*/*/*.flac")
    degrees = range(2, recipe.receiver.order + 1)
    if not degrees:
        return [own]
    patterns = {degree: degree_name("*/*/*.flac", degree) for degree in degrees}
    return [
        {**own, "excludes": list(patterns.values())},
        *(
            _file_set(f"degree-{degree}", f"the channels of degree {degree}, a file a row", "audio/flac", pattern)
            for degree, pattern in patterns.items()
        ),
    ]


def _file_set(name: str, text: str, encoding: str, includes: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": name,
        "name": name,
        "description": text,
        "encodingFormat": encoding,
        "includes": includes,
    }


def _record_set(name: str, text: str, columns: Sequence[Column], source: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": text,
        "key": {"@id": f"{name}/{key}"},
        "field": [_field(name, column, source) for column in columns],
    }


def _field(record_set: str, column: Column, source: Mapping[str, Any]) -> dict[str, Any]:
    name, extract = f"{record_set}/{column.name}", {**source, "extract": {"column": column.name}}
    if column.type == SOURCES_TYPE:
        return _field_of_sources(name, column, extract)
    field = {
        "@type": "cr:Field",
        "@id": name,
        "name": column.name,
        "description": column.text,
        "dataType": _data_type(column.type),
        "source": extract,
    }
    return {**field, "repeated": True} if pa.types.is_list(column.type) else field


def _field_of_sources(name: str, column: Column, extract: Mapping[str, Any]) -> dict[str, Any]:
    """The column `sources`, whose fields are sub-fields that are taken out of its Parquet column by their names.

    A sub-field of Croissant 1.0 cannot repeat below one that repeats, so `path` is left out; its Parquet column has it.
    """
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"{name}/{field.name}",
            "name": field.name,
            "description": f"{field.name} of each sound",
            "dataType": _data_type(field.type),
            "source": {**extract, "transform": {"jsonPath": f"$.{field.name}"}},
        }
        for field in SOURCE_TYPE
        if field.name != "path"
    ]
    return {
        "@type": "cr:Field",
        "@id": name,
        "name": column.name,
        "description": f"{column.text}; `path`, a list in this list, is in the Parquet file alone",
        "repeated": True,
        "subField": fields,
    }


def _data_type(column: pa.DataType) -> str:
    inner = column.value_type if pa.types.is_list(column) else column
    kinds = ((pa.types.is_string, "sc:Text"), (pa.types.is_boolean, "sc:Boolean"), (pa.types.is_integer, "sc:Integer"))
    return next((name for is_of, name in kinds if is_of(inner)), "sc:Float")
