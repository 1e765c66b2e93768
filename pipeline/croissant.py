"""croissant.json: the release described in MLCommons Croissant 1.0."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from pipeline.recipe import Recipe
from pipeline.release import Totals
from transforms.release_rows import ROW_COLUMNS

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


def croissant_json(recipe: Recipe, totals: Totals) -> str:
    """The description as JSON text: the shards' Parquet files as one file set, one field a column."""
    fields = [_field(column.name, column.type, column.text) for column in ROW_COLUMNS]
    values = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": recipe.name,
        "description": f"Captioned spatial audio: {totals.row_count} ambisonic clips of {recipe.dataset_name}.",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "citeAs": "Devnani et al., Learning Spatially-Aware Language and Audio Embeddings, NeurIPS 2024",
        "license": "README.md#licences",
        "version": "1.0.0",
        "url": "README.md",
        "identifier": f"sha256:{totals.digest}",
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": "release",
                "name": "release",
                "description": "the folder of the release",
                "contentUrl": "./",
                "encodingFormat": "inode/directory",
                "sha256": totals.digest,
            },
            _file_set("metadata", "application/x-parquet", "*/*/metadata.parquet"),
            _file_set("audio", "audio/flac", "*/*/*.flac"),
        ],
        "recordSet": [{"@type": "cr:RecordSet", "@id": "rows", "name": "rows", "field": fields}],
    }
    return json.dumps(values, indent=1) + "\n"


def _file_set(name: str, encoding: str, includes: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": name,
        "name": name,
        "containedIn": {"@id": "release"},
        "encodingFormat": encoding,
        "includes": includes,
    }


def _field(name: str, kind: pa.DataType, text: str) -> dict[str, Any]:
    repeated = pa.types.is_list(kind)
    inner = kind.value_type if repeated else kind
    data_type = "sc:Text" if pa.types.is_string(inner) else "sc:Integer" if pa.types.is_integer(inner) else "sc:Float"
    field = {
        "@type": "cr:Field",
        "@id": f"rows/{name}",
        "name": name,
        "description": text,
        "dataType": data_type,
        "source": {"fileSet": {"@id": "metadata"}, "extract": {"column": name}},
    }
    return {**field, "repeated": True} if repeated else field
